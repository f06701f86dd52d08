/* The codec explorer: one picture, several codecs, every bitrate. Its logic is in this file, in figure.js and in curves.js.

   Python supplies the data (vcodec/widgets/codec_explorer.py):
     size         [height, width] in pixels
     curves       [{method, resolution, entries: [{method, resolution, bpp, psnr, numbers}]}]; bpp rises along entries,
                  numbers: [[label, text], ...] are what the table shows
     pictures     the bytes of the original, then of every entry's picture: JPEG or WebP
     comparisons  [[name, method, resolution], ...]: what the left side can show; the original comes first
     colours      {method: CSS colour}
   and shares the state: target_bpp, method, resolution ("full", "half", "auto"), compare, wipe (0 to 1). */

const ZOOM = 4; // of the magnifier: CSS pixels per pixel of the picture
const TILE = 96; // the edge of each of its two tiles, in CSS pixels
const TEMPLATE = `<div class="vcx-grid">
  <div class="vcx-view">
    <div class="vcx-stage" tabindex="0" role="application"
         aria-label="Picture with magnifier: the arrow keys move it, Escape hides it">
      <div class="vcx-side"><img><span class="vcx-tag"></span></div>
      <div class="vcx-side vcx-right"><img><span class="vcx-tag"></span></div>
      <div class="vcx-bar"></div>
      <div class="vcx-loupe" hidden>
        <div class="vcx-tile"><span class="vcx-tag"></span></div>
        <div class="vcx-tile"><span class="vcx-tag"></span></div>
      </div>
    </div>
    <input class="vcx-wipe" type="range" min="0" max="1" step="0.01" aria-label="Wipe between left and right">
  </div>
  <div class="vcx-chart">
    <svg role="img" viewBox="0 0 ${CHART.width} ${CHART.height}"></svg>
    <label class="vcx-rate"><input type="range" step="any" aria-label="Bitrate">Bitrate: <output></output></label>
  </div>
  <div class="vcx-choices">
    <label class="vcx-field"><span>Left</span><select></select></label>
    <div class="vcx-field" data-trait="method" role="radiogroup" aria-label="Right: method">
      <span>Right</span></div>
    <div class="vcx-field" data-trait="resolution" role="radiogroup" aria-label="Resolution">
      <span>Resolution</span></div>
  </div>
  <table class="vcx-numbers"><thead></thead><tbody></tbody></table>
  <p class="vcx-hidden" role="status"></p>
</div>`;

/* --- which picture? --- */

/* The curves a choice allows: one for "full" or "half"; all of the method for "auto" or for one it does not have. */
function allowed(curves, method, resolution) {
  const own = curves.filter((curve) => curve.method === method);
  const wanted = own.filter((curve) => curve.resolution === resolution);
  return wanted.length ? wanted : own;
}

/* The entry nearest to the rate, on the curve that has the best PSNR there; on any curve if all end before it. */
function choose(curves, method, resolution, bpp) {
  const pool = allowed(curves, method, resolution);
  const best = smallest(pool, (curve) => -psnrAt(curve, bpp));
  const entries = psnrAt(best, bpp) > -Infinity ? best.entries : pool.flatMap((curve) => curve.entries);
  return smallest(entries, (entry) => Math.abs(Math.log(entry.bpp / bpp)));
}

/* The rate at which the next picture is shown, upwards (direction 1) or downwards (-1). */
function nextRate(curves, method, resolution, bpp, direction) {
  const rates = allowed(curves, method, resolution).flatMap((curve) => curve.entries.map((entry) => entry.bpp));
  const ahead = rates.filter((rate) => direction * (rate - bpp) > 0).sort((a, b) => direction * (a - b));
  const here = choose(curves, method, resolution, bpp);
  return ahead.find((rate) => choose(curves, method, resolution, rate) !== here) ?? bpp;
}

/* --- the figure --- */

function render({ model, el }) {
  const view = openView({ model, el }, TEMPLATE);
  const { root, one, all, set } = view;
  const [stage, loupe, wipe] = [".vcx-stage", ".vcx-loupe", ".vcx-wipe"].map(one);
  const [svg, rate, select] = ["svg", ".vcx-rate input", "select"].map(one);
  const [height, width] = model.get("size");
  const colours = model.get("colours");
  const curves = model.get("curves");
  const entries = curves.flatMap((curve) => curve.entries);
  const axes = axesOf(entries);
  const urls = pictureUrls(model.get("pictures"));
  view.undo.push(() => urls.forEach((url) => URL.revokeObjectURL(url)));
  const urlOf = new Map(entries.map((entry, i) => [entry, urls[i + 1]]));
  const original = { method: "original", numbers: [] };
  urlOf.set(original, urls[0]);
  let spot = [0.5, 0.5]; // of the magnifier, as shares of width and height

  const state = (...names) => names.map((name) => model.get(name));
  const rightSide = () => choose(curves, ...state("method", "resolution", "target_bpp"));
  function leftSide({ bpp }) {
    const [, method, resolution] = model.get("comparisons").find(([name]) => name === model.get("compare"));
    return method ? choose(curves, method, resolution, bpp) : original;
  }

  function draw() {
    const right = rightSide();
    const left = leftSide(right);
    drawPictures([left, right]);
    drawControls(right);
    drawMarks(left, right);
    drawNumbers(left, right);
  }

  function drawPictures(sides) {
    sides.forEach((side, i) => {
      const [name, url] = [[side.method, side.resolution].filter(Boolean).join(", "), urlOf.get(side)];
      const image = all("img")[i];
      if (image.src !== url) image.src = url;
      image.alt = `${["left", "right"][i]}: ${name}`;
      all(".vcx-tile")[i].style.backgroundImage = `url(${url})`;
      all(".vcx-side .vcx-tag")[i].textContent = all(".vcx-tile .vcx-tag")[i].textContent = name;
    });
  }

  function drawControls({ method, numbers }) {
    const resolutions = curves.filter((curve) => curve.method === method).map((curve) => curve.resolution);
    view.showRadios();
    for (const radio of all("[data-trait=resolution][type=radio]")) {
      radio.disabled = radio.value !== "auto" && !resolutions.includes(radio.value);
    }
    const [, text] = numbers.find(([label]) => label === "rate");
    select.value = model.get("compare");
    rate.value = Math.log(model.get("target_bpp"));
    rate.setAttribute("aria-valuetext", text);
    one("output").value = text;
  }

  function drawMarks(left, right) {
    for (const mark of all(".vcx-mark")) mark.remove();
    for (const group of all(".vcx-curve")) group.classList.toggle("vcx-chosen", group.dataset.method === right.method);
    for (const [side, name, r] of [[left, "left", 7], [right, "right", 5]]) {
      if (side === original) continue;
      const style = `color: ${colours[side.method]}`;
      const place = { cx: axes.x(side.bpp), cy: axes.y(side.psnr), r };
      svg.append(shape("circle", { ...place, style, class: `vcx-mark vcx-mark-${name}` }));
    }
    const names = curves.map(({ method, resolution }) => `${method} ${resolution}`).join(", ");
    svg.setAttribute("aria-label", `PSNR in dB over rate in bits per pixel. Curves: ${names}.`);
  }

  function drawNumbers(left, right) {
    one("thead").replaceChildren(tableRow(["", left.method, right.method], ["td", "th", "th"]));
    const texts = right.numbers.map(([label, text], i) => [label, left.numbers[i]?.[1] ?? "–", text]);
    one("tbody").replaceChildren(...texts.map((line) => tableRow(line, ["th", "td", "td"])));
    one("[role=status]").textContent = `${right.method}: ${right.numbers.map((pair) => pair.join(" ")).join(", ")}`;
  }

  function drawWipe() {
    wipe.value = model.get("wipe");
    wipe.setAttribute("aria-valuetext", `left picture on ${Math.round(100 * wipe.value)} % of the width`);
    root.style.setProperty("--vcx-wipe", model.get("wipe"));
  }

  /* The magnifier stands above its spot, or below it near the upper edge, and stays within the picture's width. */
  function drawLoupe(x, y) {
    spot = [clamp(x, 0, 1), clamp(y, 0, 1)];
    loupe.hidden = false;
    const [left, top] = [spot[0] * stage.clientWidth, spot[1] * stage.clientHeight];
    const above = top - loupe.offsetHeight - 14;
    loupe.style.left = `${clamp(left - loupe.offsetWidth / 2, 0, stage.clientWidth - loupe.offsetWidth)}px`;
    loupe.style.top = `${above < 0 ? top + 22 : above}px`;
    const offsets = [width, height].map((size, i) => -clamp(spot[i] * size * ZOOM - TILE / 2, 0, size * ZOOM - TILE));
    for (const tile of all(".vcx-tile")) {
      tile.style.backgroundSize = `${width * ZOOM}px`;
      tile.style.backgroundPosition = `${offsets[0]}px ${offsets[1]}px`;
    }
  }

  /* --- keys, mouse and touch --- */

  /* The wipe follows the left mouse button or a moving finger. A finger that only lands may be about to scroll. */
  function onPointer({ type, pointerType, clientX, clientY, buttons }) {
    const box = stage.getBoundingClientRect();
    drawLoupe((clientX - box.left) / box.width, (clientY - box.top) / box.height);
    const landed = type === "pointerdown" && pointerType === "touch";
    if (buttons === 1 && !landed) set("wipe", spot[0]);
  }

  function build() {
    const methods = new Set(curves.map((curve) => curve.method));
    for (const method of methods) view.addRadio("method", method, method, colours[method]);
    for (const name of ["full", "half"]) view.addRadio("resolution", name, name);
    view.addRadio("resolution", "auto", "better PSNR");
    for (const [name] of model.get("comparisons")) select.add(new Option(name, name));
    for (const image of all("img")) Object.assign(image, { width, height });
    [rate.min, rate.max] = [Math.log(axes.minRate), Math.log(axes.maxRate)];
    drawAxes(svg, axes, curves.some((curve) => curve.resolution === "half") ? "; dashed: half resolution" : "");
    for (const curve of curves) drawCurve(svg, axes, curve, colours[curve.method]);
  }

  function listen() {
    const go = (direction) => () =>
      set("target_bpp", nextRate(curves, ...state("method", "resolution", "target_bpp"), direction));
    const [up, down] = [go(1), go(-1)];
    const [first, last] = [() => set("target_bpp", axes.minRate), () => set("target_bpp", axes.maxRate)];
    onKeys(rate, { ArrowRight: up, ArrowUp: up, ArrowLeft: down, ArrowDown: down, Home: first, End: last });
    rate.addEventListener("input", () => set("target_bpp", Math.exp(rate.value)));
    select.addEventListener("change", () => set("compare", select.value));
    wipe.addEventListener("input", () => set("wipe", Number(wipe.value)));

    const move = (right, down) => () => drawLoupe(spot[0] + right / width, spot[1] + down / height);
    const hide = () => (loupe.hidden = true);
    const arrows = { ArrowLeft: move(-4, 0), ArrowRight: move(4, 0), ArrowUp: move(0, -4), ArrowDown: move(0, 4) };
    onKeys(stage, { ...arrows, Escape: hide });
    stage.addEventListener("pointermove", onPointer);
    stage.addEventListener("pointerdown", (event) => {
      event.preventDefault(); // or the browser starts to drag the picture away
      stage.setPointerCapture(event.pointerId);
      onPointer(event);
    });
    for (const name of ["pointerleave", "pointercancel", "blur"]) stage.addEventListener(name, hide);
  }

  build();
  listen();
  view.watch("target_bpp method resolution compare", draw);
  view.watch("wipe", drawWipe);
  return view.open();
}

export default { render };

/* The crossover explorer: full against half resolution at one rate. See crossover.py for the state; curves.js draws. */

const TEMPLATE = `<div class="vcx-columns">
  <div>
    <div class="vcx-crops">
      <figure><div class="vcx-crop"><img><img></div><figcaption></figcaption></figure>
      <figure><div class="vcx-crop"><img><img></div><figcaption></figcaption></figure>
    </div>
    <div class="vcx-field" data-trait="shown" role="radiogroup" aria-label="Show"><span>Show</span></div>
    <p class="vcx-verdict" role="status"></p>
  </div>
  <div>
    <svg role="img" viewBox="0 0 ${CHART.width} ${CHART.height}"></svg>
    <label class="vcx-rate"><input type="range" step="any" aria-label="Bitrate"><span></span></label>
    <div class="vcx-field"><button>go to the crossover</button></div>
  </div>
  <table class="vcx-numbers vcx-wide"><thead></thead><tbody></tbody></table>
</div>`;
const COLOURS = { full: "var(--vcx-full)", half: "var(--vcx-of-half)" };

function render({ model, el }) {
  const view = openView({ model, el }, TEMPLATE);
  const { one, all, get, set } = view;
  const curves = get("curves"); // full, half
  const entries = curves.flatMap((curve) => curve.entries);
  const axes = axesOf(entries);
  const [svg, slider, jump] = ["svg", ".vcx-rate input", "button"].map(one);
  const [height, width] = get("size");
  const urls = pictureUrls(get("pictures"));
  view.undo.push(() => urls.forEach((url) => URL.revokeObjectURL(url)));
  const urlOf = new Map(entries.map((entry, i) => [entry, urls[i + 1]]));
  const crossings = get("crossings");

  /* dB by which full resolution is better; null where a curve does not reach. */
  function gapAt(bpp) {
    const [full, half] = curves.map((curve) => psnrAt(curve, bpp));
    return Number.isFinite(full) && Number.isFinite(half) ? full - half : null;
  }
  const nearest = ({ entries }, bpp) => smallest(entries, (entry) => Math.abs(Math.log(entry.bpp / bpp)));

  function draw() {
    const bpp = get("target_bpp");
    const pair = curves.map((curve) => nearest(curve, bpp));
    view.showRadios();
    drawPictures(pair);
    drawMarks(bpp, pair);
    drawNumbers(bpp, pair);
    slider.value = Math.log(bpp);
    slider.ariaValueText = `${bpp.toFixed(3)} bits per pixel`;
    one(".vcx-rate span").textContent = `Bitrate: ${bpp.toFixed(3)} bpp`;
    one(".vcx-verdict").textContent = verdict(bpp);
  }

  function verdict(bpp) {
    const gap = gapAt(bpp);
    const share = `${(100 * get("share")).toFixed(1)} % of the picture's energy lies above half the band`;
    if (gap === null) {
      const [only] = curves.filter((curve) => psnrAt(curve, bpp) > -Infinity);
      return only ? `Only ${only.resolution} resolution has points around this rate.` : "No curve reaches this rate.";
    }
    const lead = `${Math.abs(gap).toFixed(2)} dB`;
    const pictures = "The pictures are the files nearest to this rate.";
    if (Math.abs(gap) < 0.005) return `The curves cross here: both resolutions are equally good. ${share}. ${pictures}`;
    return gap < 0
      ? `At this rate half resolution leads by ${lead}: it has fewer blocks, and each gets more bits. ${share}. ${pictures}`
      : `At this rate full resolution leads by ${lead}: it carries detail that half cannot. ${share}. ${pictures}`;
  }

  /* Errors: the picture on the original, blended to their difference, five times as bright. */
  function drawPictures(pair) {
    const errors = get("shown") === "errors";
    all(".vcx-crop").forEach((crop, i) => {
      const [below, above] = crop.children;
      crop.classList.toggle("vcx-error", errors);
      below.src = urls[0];
      above.src = urlOf.get(pair[i]);
      below.alt = "";
      above.alt = `${curves[i].resolution} resolution${errors ? ": error, five times as strong" : ""}`;
    });
    all(".vcx-crops figcaption").forEach((caption, i) => {
      caption.textContent = `${curves[i].resolution}: ${pair[i].psnr.toFixed(2)} dB at ${pair[i].bpp.toFixed(3)} bpp`;
    });
  }

  function drawMarks(bpp, pair) {
    for (const mark of all(".vcx-mark")) mark.remove();
    const x = axes.x(bpp);
    svg.append(shape("path", { class: "vcx-axis vcx-mark vcx-here", d: `M${x} ${CHART.top}V${CHART.bottom}` }));
    pair.forEach((entry, i) => {
      const place = { cx: axes.x(entry.bpp), cy: axes.y(entry.psnr), r: 5, style: `color: ${COLOURS[curves[i].resolution]}` };
      svg.append(shape("circle", { ...place, class: "vcx-mark vcx-mark-right" }));
    });
  }

  function drawNumbers(bpp, pair) {
    const gap = gapAt(bpp);
    const both = (text) => pair.map(text);
    const at = curves.map((curve) => psnrAt(curve, bpp)).map((psnr) => (Number.isFinite(psnr) ? `${psnr.toFixed(2)} dB` : "–"));
    const ceiling = get("ceiling") === null ? "–" : `${get("ceiling").toFixed(2)} dB`;
    const rows = [
      ["PSNR of the curve at this rate", ...at],
      ["shown: rate", ...both((entry) => `${entry.bpp.toFixed(3)} bpp`)],
      ["shown: PSNR", ...both((entry) => `${entry.psnr.toFixed(2)} dB`)],
      ["ahead", gap > 0 ? `${gap.toFixed(2)} dB` : "", gap < 0 ? `${(-gap).toFixed(2)} dB` : ""],
      ["PSNR without what lies above half the band", "", ceiling],
    ];
    one("thead").replaceChildren(tableRow(["", "full", "half"], ["td", "th", "th"]));
    one("tbody").replaceChildren(...rows.map((line) => tableRow(line, ["th", "td", "td"])));
  }

  /* --- building --- */

  [slider.min, slider.max] = [Math.log(axes.minRate), Math.log(axes.maxRate)];
  for (const image of all("img")) Object.assign(image, { width, height });
  drawAxes(svg, axes, "; dashed: half resolution");
  for (const curve of curves) drawCurve(svg, axes, curve, COLOURS[curve.resolution]);
  for (const bpp of crossings) {
    const place = { cx: axes.x(bpp), cy: axes.y(psnrAt(curves[0], bpp)), r: 8, class: "vcx-cross" };
    svg.append(shape("circle", place));
    svg.append(shape("text", { class: "vcx-start", x: place.cx + 8, y: place.cy + 20 }, `${bpp.toFixed(3)} bpp`));
  }
  const places = crossings.map((bpp) => `${bpp.toFixed(3)} bits per pixel`).join(", ");
  svg.setAttribute("aria-label", `PSNR in dB over rate, full and half resolution. Crossover: ${places || "none"}.`);

  /* --- mouse, touch and keys --- */

  view.addRadio("shown", "pictures", "pictures");
  view.addRadio("shown", "errors", "errors × 5");
  const rates = [...new Set([...entries.map((entry) => entry.bpp), ...crossings])].sort((a, b) => a - b);
  const step = (direction) => () => {
    const ahead = rates.filter((rate) => direction * (rate - get("target_bpp")) > 0);
    if (ahead.length) set("target_bpp", direction > 0 ? ahead[0] : ahead.at(-1));
  };
  const [up, down] = [step(1), step(-1)];
  const [first, last] = [() => set("target_bpp", rates[0]), () => set("target_bpp", rates.at(-1))];
  onKeys(slider, { ArrowRight: up, ArrowUp: up, ArrowLeft: down, ArrowDown: down, Home: first, End: last });
  slider.addEventListener("input", () => set("target_bpp", Math.exp(slider.value)));
  jump.disabled = !crossings.length;
  jump.addEventListener("click", () => set("target_bpp", crossings.find((bpp) => bpp > get("target_bpp")) ?? crossings[0]));
  view.watch("target_bpp shown", draw);
  return view.open();
}

export default { render };

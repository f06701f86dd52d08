/* Curves, RD points and pictures of a training, live or from a stored log: what the training monitor and the training
   panel draw. See training_monitor.py for the state. */

const PLOT = { width: 360, height: 190, left: 48, right: 352, top: 10, bottom: 152 };
const TEMPLATE = `<div class="vcx-columns">
  <div>
    <label class="vcx-field"><span>Curve</span><select aria-label="Curve"></select></label>
    <p class="vcx-legend"></p>
    <svg class="vcx-losses" role="img"></svg>
  </div>
  <div class="vcx-rd">
    <p class="vcx-head">Rate and distortion</p>
    <svg class="vcx-points" role="img"></svg>
  </div>
  <label class="vcx-slider vcx-wide"><span></span><input type="range" min="0" step="any" aria-label="Time"></label>
  <div class="vcx-strip vcx-wide"></div>
  <table class="vcx-numbers vcx-wide"><tbody></tbody></table>
</div>`;

/* About five round numbers from low to high. */
function ticksOf(low, high) {
  const rough = (high - low) / 4 || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough);
  const ticks = [];
  for (let i = Math.ceil(low / step); i * step <= high; i++) ticks.push(Number((i * step).toPrecision(12)));
  return ticks;
}

/* Draws axes around points [[x, y], ...], at least `least` long; returns where a point lies. */
function drawPlane(svg, points, below, least = [0, 0]) {
  const [[left, right], [low, high]] = [0, 1].map((k) => {
    const values = points.map((point) => point[k]);
    const [first, last] = [Math.min(...values), Math.max(...values)];
    const room = Math.max(0.06 * (last - first), (least[k] - (last - first)) / 2) || 0.5 * Math.abs(last) || 1;
    return [first - room, last + room];
  });
  const x = (value) => PLOT.left + ((PLOT.right - PLOT.left) * (value - left)) / (right - left);
  const y = (value) => PLOT.bottom - ((PLOT.bottom - PLOT.top) * (value - low)) / (high - low);
  for (const tick of ticksOf(low, high)) {
    svg.append(shape("path", { class: "vcx-line", d: `M${PLOT.left} ${y(tick)}H${PLOT.right}` }));
    svg.append(shape("text", { class: "vcx-end", x: PLOT.left - 5, y: y(tick) + 4 }, tick));
  }
  for (const tick of ticksOf(left, right)) svg.append(shape("text", { x: x(tick), y: PLOT.bottom + 15 }, tick));
  svg.append(shape("path", { class: "vcx-axis", d: `M${PLOT.left} ${PLOT.top}V${PLOT.bottom}H${PLOT.right}` }));
  svg.append(shape("text", { x: (PLOT.left + PLOT.right) / 2, y: PLOT.bottom + 31 }, below));
  return (point) => [x(point[0]), y(point[1])];
}

function renderCharts({ model, el }) {
  const view = openView({ model, el }, TEMPLATE);
  const { one, get, set } = view;
  const [losses, points, slider, select] = [".vcx-losses", ".vcx-points", ".vcx-slider input", "select"].map(one);
  let [urls, shownFiles] = [[], null];
  const forget = () => urls.forEach((url) => URL.revokeObjectURL(url));
  view.undo.push(forget);

  const end = () => Math.max(0, ...[...get("rows"), ...get("strips")].map(({ seconds }) => seconds));
  const now = () => (get("at") < 0 ? end() : get("at"));
  const linesOf = (title) => get("charts")[title] ?? [title];
  const namesOf = (rows) => [...new Set(rows.flatMap(Object.keys))].filter((n) => n !== "seconds" && n !== "phase");

  function draw() {
    const names = namesOf(get("rows"));
    const together = Object.keys(get("charts"));
    const titles = [...together, ...names.filter((name) => !together.flatMap(linesOf).includes(name))];
    if (String([...select.options].map((option) => option.value)) !== String(titles)) {
      select.replaceChildren(...titles.map((title) => new Option(title, title)));
    }
    const value = titles.includes(get("value")) ? get("value") : titles[0];
    if (value) select.value = value;
    Object.assign(slider, { max: end() || 1, value: now() || 0 });
    slider.ariaValueText = `${now().toFixed(1)} seconds`;
    one(".vcx-slider span").textContent = `Time: ${now().toFixed(1)} of ${end().toFixed(1)} seconds`;
    drawLosses(value);
    drawPoints();
    drawStrip();
    drawNumbers(names);
  }

  function empty(svg, text) {
    svg.setAttribute("viewBox", `0 0 ${PLOT.width} ${PLOT.height}`);
    svg.replaceChildren();
    svg.setAttribute("aria-label", text);
  }

  /* The lines of the chart called `title`, bright up to now and pale after it. */
  function drawLosses(title) {
    empty(losses, `${title ?? "nothing yet"} over seconds of training`);
    const names = title ? linesOf(title) : [];
    const swatch = (name, i) => `<span class="vcx-line-${i}"><svg viewBox="0 0 24 8"><path d="M0 4H24"/></svg></span>`;
    one(".vcx-legend").innerHTML = names.length > 1 ? names.map(swatch).join("") : "";
    one(".vcx-legend").querySelectorAll("span").forEach((span, i) => span.append(names[i]));
    const rowsOf = (name) => get("rows").filter((row) => name in row);
    const curves = names.map((name) => rowsOf(name).map((row) => [row.seconds, row[name]]));
    if (!curves.flat().length) return losses.append(shape("text", { x: 180, y: 90 }, "waiting for the first row"));
    const place = drawPlane(losses, curves.flat(), "seconds of training");
    curves.forEach((curve, i) => {
      const group = losses.appendChild(shape("g", { class: `vcx-line-${i}` }));
      const line = (part, name) => group.append(shape("polyline", { class: name, points: part.map((p) => place(p).join(",")).join(" ") }));
      const dot = (point, name, r) => point && group.append(shape("circle", { class: name, cx: place(point)[0], cy: place(point)[1], r }));
      line(curve, "vcx-rest");
      const past = curve.filter(([seconds]) => seconds <= now());
      line(past, "vcx-past");
      rowsOf(names[i]).forEach((row, k) => row.kept === 0 && dot(curve[k], "vcx-undone", 3));
      dot(past.at(-1), "vcx-now", 4);
    });
  }

  function drawPoints() {
    const known = get("strips").filter((strip) => "bpp" in strip && "psnr" in strip);
    empty(points, "PSNR in dB over rate in bits per pixel, a point for each strip of pictures");
    one(".vcx-rd").hidden = get("strips").length > 0 && !known.length;
    if (!known.length) return points.append(shape("text", { x: 180, y: 90 }, "no RD point yet"));
    const least = [0.2 * known[0].bpp, 1]; // what is less does not look like much
    const place = drawPlane(points, known.map(({ bpp, psnr }) => [bpp, psnr]), "rate (bits per pixel); upwards: PSNR (dB)", least);
    const last = known.filter(({ seconds }) => seconds <= now()).at(-1);
    for (const strip of known) {
      const [cx, cy] = place([strip.bpp, strip.psnr]);
      points.append(shape("circle", { class: strip === last ? "vcx-now" : "vcx-then", cx, cy, r: strip === last ? 6 : 3 }));
    }
  }

  function drawStrip() {
    if (shownFiles !== get("pictures")) {
      forget();
      shownFiles = get("pictures");
      urls = pictureUrls(shownFiles);
    }
    const strip = get("strips").filter(({ seconds }) => seconds <= now()).at(-1);
    one(".vcx-strip").replaceChildren(
      ...(strip?.files ?? []).map(([name, index]) => {
        const figure = document.createElement("figure");
        const image = Object.assign(document.createElement("img"), { src: urls[index], alt: `${name} after ${strip.seconds.toFixed(1)} seconds` });
        figure.append(image, Object.assign(document.createElement("figcaption"), { textContent: name }));
        return figure;
      }),
    );
  }

  function drawNumbers(names) {
    const past = get("rows").filter(({ seconds }) => seconds <= now());
    const strip = get("strips").filter(({ seconds }) => seconds <= now()).at(-1);
    const rows = [["phase", past.at(-1)?.phase || "–"]];
    for (const name of names) {
      const row = past.findLast((candidate) => name in candidate);
      rows.push([name, row ? Number(row[name].toPrecision(4)).toString() : "–"]);
    }
    if (strip && "bpp" in strip) rows.push(["rate (bits per pixel)", strip.bpp.toFixed(3)]);
    if (strip && "psnr" in strip) rows.push(["PSNR (dB)", strip.psnr.toFixed(2)]);
    one("tbody").replaceChildren(...rows.map((line) => tableRow(line, ["th", "td"])));
  }

  const times = () => [...new Set([...get("rows"), ...get("strips")].map(({ seconds }) => seconds))].sort((a, b) => a - b);
  const go = (seconds) => set("at", seconds >= end() ? -1 : Math.max(0, seconds));
  const step = (direction) => () => {
    const ahead = times().filter((seconds) => direction * (seconds - now()) > 0);
    if (ahead.length) go(direction > 0 ? ahead[0] : ahead.at(-1));
  };
  const [later, earlier] = [step(1), step(-1)];
  const [first, newest] = [() => go(times()[0] ?? 0), () => go(Infinity)];
  onKeys(slider, { ArrowRight: later, ArrowUp: later, ArrowLeft: earlier, ArrowDown: earlier, Home: first, End: newest });
  slider.addEventListener("input", () => go(Number(slider.value)));
  select.addEventListener("change", () => set("value", select.value));
  view.watch("rows strips charts value at", draw);
  return view.open();
}

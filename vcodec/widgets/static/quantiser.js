/* The quantiser explorer: a signal, its rounded values, a stand-in and the gradient that it lets through. See
   quantiser.py for the state and for the same formulas in Python. */

const REACH = 4; // signals lie within -4 to 4
const PLOT = { width: 360, height: 190, left: 26, right: 354, top: 8, bottom: 170 };
const SLOPE = { width: 360, height: 90, left: 26, right: 354, top: 8, bottom: 70, most: 3 };
const NAMES = ["rounding", "straight-through", "noise", "soft rounding"];
const TEMPLATE = `<div class="vcx-columns">
  <div>
    <p class="vcx-head">Over time</p>
    <svg class="vcx-signal" role="application" tabindex="0"
      aria-label="Signal over time. The arrow keys draw: left and right choose a sample, up and down move it."></svg>
    <p class="vcx-note">gradient at each sample (up to 3)</p>
    <svg class="vcx-slope" role="img" aria-label="Gradient at each sample"></svg>
  </div>
  <div>
    <p class="vcx-head">Output over input</p>
    <svg class="vcx-signal" role="img" aria-label="Output of the rounding and of the stand-in over their input"></svg>
    <p class="vcx-note">gradient over input (up to 3)</p>
    <svg class="vcx-slope" role="img" aria-label="Gradient over the input"></svg>
  </div>
  <div>
    <div class="vcx-field" data-trait="stand_in" role="radiogroup" aria-label="Stand-in"><span>Stand-in</span></div>
    <div class="vcx-field" data-trait="signal" role="radiogroup" aria-label="Signal"><span>Signal</span></div>
    <p class="vcx-key"><span class="vcx-input">signal</span> <span class="vcx-truth">rounded</span>
      <span class="vcx-stand">stand-in</span></p>
  </div>
  <div>
    <label class="vcx-slider" data-trait="step"><span></span>
      <input type="range" min="0.1" max="4" step="0.1" aria-label="Step"></label>
    <label class="vcx-slider" data-trait="dead_zone"><span></span>
      <input type="range" min="0" max="0.5" step="0.05" aria-label="Dead zone"></label>
    <label class="vcx-slider" data-trait="sharpness"><span></span>
      <input type="range" min="1" max="20" step="1" aria-label="Sharpness"></label>
  </div>
  <table class="vcx-numbers vcx-wide"><tbody></tbody></table>
  <p class="vcx-hidden" role="status"></p>
</div>`;

/* --- the quantiser and its stand-ins, one value at a time --- */

const rounded = (x, step, deadZone) =>
  Math.sign(x) * step * Math.floor(Math.max(0, Math.abs(x) / step + 0.5 - deadZone));

function softRounded(x, step, sharpness) {
  const whole = Math.floor(x / step);
  const rest = x / step - whole - 0.5;
  const value = step * (whole + 0.5 + Math.tanh(sharpness * rest) / (2 * Math.tanh(sharpness / 2)));
  const slope = (sharpness * (1 - Math.tanh(sharpness * rest) ** 2)) / (2 * Math.tanh(sharpness / 2));
  return { value, slope };
}

/* --- the figure --- */

function render({ model, el }) {
  const view = openView({ model, el }, TEMPLATE);
  const { one, all, get, set } = view;
  const [overTime, overInput] = all(".vcx-signal");
  const [slopeOverTime, slopeOverInput] = all(".vcx-slope");
  const noise = get("noise");
  const last = noise.length - 1;
  let cursor = Math.floor(noise.length / 2);
  let previous = null; // where the pen was, while it draws

  const signal = () => (get("signal") === "drawn" ? get("drawn") : get("signals")[get("signal")]);

  /* What the stand-in makes of a value, and its gradient; u is noise from -1/2 to 1/2. */
  function standIn(x, u) {
    const step = get("step");
    if (get("stand_in") === "noise") return { value: x + step * u, slope: 1 };
    if (get("stand_in") === "soft rounding") return softRounded(x, step, get("sharpness"));
    return { value: rounded(x, step, get("dead_zone")), slope: get("stand_in") === "rounding" ? 0 : 1 };
  }

  /* --- drawing --- */

  const y = (value) => PLOT.bottom - ((PLOT.bottom - PLOT.top) * (clamp(value, -REACH, REACH) + REACH)) / (2 * REACH);
  const ySlope = (value) =>
    SLOPE.bottom - ((SLOPE.bottom - SLOPE.top) * clamp(value, 0, SLOPE.most)) / SLOPE.most;
  const xTime = (n) => PLOT.left + ((PLOT.right - PLOT.left) * n) / last;
  const xInput = (value) => PLOT.left + ((PLOT.right - PLOT.left) * (value + REACH)) / (2 * REACH);
  const polyline = (points, name) => shape("polyline", { class: name, points: points.map((p) => p.join(",")).join(" ") });
  const steps = (xs, values) =>
    values.flatMap((value, i) => (i ? [[xs[i], y(values[i - 1])], [xs[i], y(value)]] : [[xs[i], y(value)]]));

  function axes(svg, size, ticks, place, below, places) {
    svg.setAttribute("viewBox", `0 0 ${size.width} ${size.height}`);
    svg.replaceChildren();
    for (const tick of ticks) {
      svg.append(shape("path", { class: "vcx-line", d: `M${size.left} ${place(tick)}H${size.right}` }));
      svg.append(shape("text", { class: "vcx-end", x: size.left - 4, y: place(tick) + 4 }, tick));
    }
    for (const [text, at] of places) svg.append(shape("text", { x: at, y: size.bottom + 15 }, text));
    svg.append(shape("text", { class: "vcx-end", x: size.right, y: size.bottom + 15 }, below));
  }

  function draw() {
    const x = signal();
    const [step, deadZone] = [get("step"), get("dead_zone")];
    const truth = x.map((value) => rounded(value, step, deadZone));
    const outputs = x.map((value, n) => standIn(value, noise[n]));
    drawOverTime(x, truth, outputs);
    drawOverInput(step, deadZone);
    drawSettings();
    drawNumbers(x, truth, outputs, step);
  }

  function drawOverTime(x, truth, outputs) {
    const times = x.map((_, n) => xTime(n));
    const marks = [0, 32, 64, 96].map((n) => [n, xTime(n)]);
    axes(overTime, PLOT, [-4, -2, 0, 2, 4], y, "sample", marks);
    overTime.append(polyline(times.map((t, n) => [t, y(x[n])]), "vcx-input"), polyline(steps(times, truth), "vcx-truth"));
    outputs.forEach(({ value }, n) => overTime.append(shape("circle", { class: "vcx-stand", cx: times[n], cy: y(value), r: 1.8 })));
    if (get("signal") === "drawn") overTime.append(shape("circle", { class: "vcx-pen", cx: times[cursor], cy: y(x[cursor]), r: 5 }));
    axes(slopeOverTime, SLOPE, [0, 1, 2, 3], ySlope, "sample", marks);
    slopeOverTime.append(polyline(outputs.map(({ slope }, n) => [times[n], ySlope(slope)]), "vcx-stand"));
  }

  /* Noise has no curve over its input: its values fill a band of one step, half a step to both sides. */
  function drawOverInput(step, deadZone) {
    const inputs = Array.from({ length: 401 }, (_, i) => (2 * REACH * i) / 400 - REACH);
    const [places, marks] = [inputs.map(xInput), [-4, -2, 0, 2].map((value) => [value, xInput(value)])];
    axes(overInput, PLOT, [-4, -2, 0, 2, 4], y, "input", marks);
    overInput.append(polyline(inputs.map((value, i) => [places[i], y(value)]), "vcx-input"));
    overInput.append(polyline(steps(places, inputs.map((value) => rounded(value, step, deadZone))), "vcx-truth"));
    const curves = get("stand_in") === "noise" ? [-0.5, 0.5] : [0];
    for (const u of curves) {
      overInput.append(polyline(inputs.map((value, i) => [places[i], y(standIn(value, u).value)]), "vcx-stand"));
    }
    axes(slopeOverInput, SLOPE, [0, 1, 2, 3], ySlope, "input", marks);
    slopeOverInput.append(polyline(inputs.map((value, i) => [places[i], ySlope(standIn(value, 0).slope)]), "vcx-stand"));
  }

  function drawSettings() {
    view.showRadios();
    const texts = {
      step: `Step: ${get("step").toFixed(1)}`,
      dead_zone: `Dead zone: thresholds ${get("dead_zone").toFixed(2)} steps further out`,
      sharpness: `Sharpness of the soft rounding: ${get("sharpness")}`,
    };
    for (const [trait, text] of Object.entries(texts)) {
      one(`.vcx-slider[data-trait=${trait}] span`).textContent = text;
      one(`.vcx-slider[data-trait=${trait}] input`).value = get(trait);
    }
    one(".vcx-slider[data-trait=sharpness] input").disabled = get("stand_in") !== "soft rounding";
  }

  function drawNumbers(x, truth, outputs, step) {
    const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
    const error = mean(truth.map((value, n) => (value - x[n]) ** 2));
    const other = mean(outputs.map(({ value }, n) => (value - x[n]) ** 2));
    const rows = [
      ["mean squared error of rounding", error.toFixed(4)],
      [`mean squared error of ${get("stand_in")}`, other.toFixed(4)],
      ["step² / 12", (step ** 2 / 12).toFixed(4)],
      ["rounding, against step² / 12", `${(error / (step ** 2 / 12)).toFixed(2)} times`],
      ["mean gradient of the stand-in", mean(outputs.map(({ slope }) => slope)).toFixed(2)],
      ["samples that become 0", `${truth.filter((value) => value === 0).length} of ${x.length}`],
    ];
    one("tbody").replaceChildren(...rows.map((line) => tableRow(line, ["th", "td"])));
    one("[role=status]").textContent = rows.slice(0, 3).map((line) => line.join(" ")).join(", ");
  }

  /* --- mouse, touch and keys --- */

  /* From the last place to this one in a straight line; values keep to sixty-fourths. */
  function pen(n, value) {
    const drawn = [...signal()];
    const from = previous ?? { n, value };
    for (let k = Math.min(from.n, n); k <= Math.max(from.n, n); k++) {
      const share = n === from.n ? 1 : (k - from.n) / (n - from.n);
      drawn[k] = Math.round(64 * clamp(from.value + share * (value - from.value), -REACH, REACH)) / 64;
    }
    [previous, cursor] = [{ n, value }, n];
    set("drawn", drawn);
    if (get("signal") !== "drawn") set("signal", "drawn");
  }

  function onPointer({ clientX, clientY }) {
    const box = overTime.getBoundingClientRect();
    const [right, down] = [((clientX - box.left) / box.width) * PLOT.width, ((clientY - box.top) / box.height) * PLOT.height];
    const n = Math.round((clamp((right - PLOT.left) / (PLOT.right - PLOT.left), 0, 1)) * last);
    pen(n, REACH - (2 * REACH * (down - PLOT.top)) / (PLOT.bottom - PLOT.top));
  }

  function walk(by) {
    cursor = clamp(cursor + by, 0, last);
    draw();
  }

  /* A bump of eight samples, so that a signal can be drawn by keys in reasonable time. */
  function lift(by) {
    const x = [...signal()];
    for (let n = Math.max(0, cursor - 4); n <= Math.min(last, cursor + 4); n++) x[n] = clamp(Math.round(64 * (x[n] + by)) / 64, -REACH, REACH);
    set("drawn", x);
    if (get("signal") !== "drawn") set("signal", "drawn");
  }

  overTime.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    overTime.setPointerCapture(event.pointerId);
    previous = null;
    onPointer(event);
  });
  overTime.addEventListener("pointermove", (event) => event.buttons === 1 && previous && onPointer(event));
  for (const name of ["pointerup", "pointercancel"]) overTime.addEventListener(name, () => (previous = null));
  onKeys(overTime, {
    ArrowLeft: () => walk(-2), ArrowRight: () => walk(2), ArrowUp: () => lift(0.25), ArrowDown: () => lift(-0.25),
  });
  for (const name of NAMES) view.addRadio("stand_in", name, name);
  for (const name of ["sine", "ramp", "drawn"]) view.addRadio("signal", name, name === "drawn" ? "draw your own" : name);
  for (const slider of all(".vcx-slider")) {
    const input = slider.querySelector("input");
    input.addEventListener("input", () => set(slider.dataset.trait, Number(input.value)));
  }
  view.watch("step signal drawn stand_in dead_zone sharpness", draw);
  return view.open();
}

export default { render };

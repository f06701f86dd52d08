/* The arithmetic coder, step by step. All intervals are exact: BigInt numerators over BigInt denominators. See
   arithmetic_coder.py for the state and for the same functions in Python. */

const DRAWING = { width: 360, row: 30, gap: 30, rows: 5, margin: 4 };
const DIGITS = 10; // of a decimal fraction in the table
const PACE = 900; // milliseconds per symbol while it plays
const COUNT = { min: 1, max: 99 };
const NO_WIDTH = " With a count of 0 its part of the interval has no width, and no bits can say it.";
const TEMPLATE = `<div class="vcx-columns">
  <div>
    <svg role="img"></svg>
    <label class="vcx-slider"><span>Symbols coded</span><input type="range" min="0" step="1"></label>
    <div class="vcx-field">
      <button data-step="-1">back</button><button data-step="1">next symbol</button><button class="vcx-play"></button>
    </div>
  </div>
  <div>
    <label class="vcx-field"><span>Message</span><input class="vcx-message" type="text" spellcheck="false"
      autocomplete="off" autocapitalize="characters"></label>
    <fieldset data-trait="counts"><legend>Encoder's counts: probability = count / sum</legend></fieldset>
    <fieldset data-trait="decoder_counts"><legend>Decoder's counts</legend></fieldset>
    <p class="vcx-refused" role="alert"></p>
    <button class="vcx-same">give the decoder the encoder's counts</button>
    <table class="vcx-numbers"><tbody></tbody></table>
    <p class="vcx-head">Bits sent</p>
    <p class="vcx-bits"></p>
    <p class="vcx-head">What the decoder has understood</p>
    <p class="vcx-received" role="status"></p>
  </div>
</div>`;

/* --- exact arithmetic --- */

const ceilDiv = (n, d) => -(-n / d) + (-n % d < 0n ? 1n : 0n); // BigInt division cuts off towards zero
const startsOf = (counts) => counts.reduce((starts, count) => [...starts, starts.at(-1) + BigInt(count)], [0n]);

/* The message's interval: [low, low + width) / scale. */
function interval(indices, counts) {
  const starts = startsOf(counts);
  return indices.reduce(
    ({ low, width, scale }, i) => ({
      low: low * starts.at(-1) + width * starts[i],
      width: width * BigInt(counts[i]),
      scale: scale * starts.at(-1),
    }),
    { low: 0n, width: 1n, scale: 1n },
  );
}

/* The bits with which every number of the interval begins. */
function settledBits({ low, width, scale }) {
  let [bottom, top, bits] = [low, low + width, ""];
  while (2n * top <= scale || 2n * bottom >= scale) {
    const bit = 2n * bottom >= scale ? 1n : 0n;
    [bottom, top, bits] = [2n * bottom - bit * scale, 2n * top - bit * scale, bits + bit];
  }
  return bits;
}

/* The fewest bits that say a number of the interval whatever follows them. */
function finalBits({ low, width, scale }) {
  for (let length = 0; ; length++) {
    const power = 1n << BigInt(length);
    const first = ceilDiv(low * power, scale);
    if ((first + 1n) * scale <= (low + width) * power) return length ? first.toString(2).padStart(length, "0") : "";
  }
}

/* Indices of the symbols that these bits mean: all of them where no more bits will come, else the certain ones. */
function decode(bits, counts, length, finished) {
  const starts = startsOf(counts);
  const total = starts.at(-1);
  const symbols = [];
  let scale = 1n << BigInt(bits.length);
  let low = BigInt(`0b0${bits}`);
  let high = finished ? low : low + 1n;
  while (symbols.length < length) {
    const i = starts.findIndex((start, k) => k > 0 && low * total < start * scale) - 1;
    if (high * total > starts[i + 1] * scale) break;
    [low, high] = [low, high].map((end) => end * total - starts[i] * scale);
    scale *= BigInt(counts[i]);
    symbols.push(i);
  }
  return symbols;
}

/* A decimal fraction, cut off; an ellipsis where digits are missing. */
function decimal(n, d, digits = DIGITS) {
  const all = (n * 10n ** BigInt(digits)) / d;
  const text = all.toString().padStart(digits + 1, "0");
  const rest = (all * d === n * 10n ** BigInt(digits)) ? "" : "…";
  const fraction = rest ? text.slice(-digits) : text.slice(-digits).replace(/0+$/, "");
  return `${text.slice(0, -digits)}${fraction && "."}${fraction}${rest}`;
}

/* --- the figure --- */

function render({ model, el }) {
  const view = openView({ model, el }, TEMPLATE);
  const { one, all, get, set } = view;
  const alphabet = get("alphabet");
  const colours = get("colours");
  const [svg, slider, play, text] = ["svg", ".vcx-slider input", ".vcx-play", ".vcx-message"].map(one);
  let timer = null;

  const indices = () => [...get("message")].map((symbol) => alphabet.indexOf(symbol));
  const coded = () => indices().slice(0, get("position"));

  function draw() {
    const [message, counts, position] = [get("message"), get("counts"), get("position")];
    const whole = interval(coded(), counts);
    const finished = position >= message.length;
    const bits = finished ? finalBits(whole) : settledBits(whole);
    drawIntervals(counts, position);
    drawNumbers(whole, bits, counts, position);
    one(".vcx-bits").textContent = bits || "none yet";
    drawReceived(decode(bits, get("decoder_counts"), message.length, finished), finished);
    Object.assign(slider, { max: message.length, value: position });
    slider.ariaValueText = `${position} of ${message.length}`;
    if (text !== document.activeElement) text.value = message;
    for (const input of all("[type=number]")) input.value = get(input.dataset.trait)[input.dataset.index];
    one(".vcx-same").disabled = String(counts) === String(get("decoder_counts"));
    one("[data-step='-1']").disabled = position === 0;
    one("[data-step='1']").disabled = finished;
    if (finished) stop();
  }

  /* Every row is the chosen part of the row above it, stretched; the last row waits for the next symbol. */
  function drawIntervals(counts, position) {
    const { width, row, gap, rows, margin } = DRAWING;
    const inner = width - 2 * margin;
    const starts = startsOf(counts).map(Number);
    const x = (i) => margin + (inner * starts[i]) / starts.at(-1);
    const first = Math.max(0, position - rows + 1);
    svg.setAttribute("viewBox", `0 0 ${width} ${rows * (row + gap)}`);
    svg.setAttribute("aria-label", `The interval after ${position} symbols, and how it was reached. The table has its ends.`);
    svg.replaceChildren();
    for (let level = first; level <= position; level++) {
      const top = (level - first) * (row + gap);
      const chosen = level < position ? indices()[level] : -1;
      alphabet.forEach((symbol, i) => {
        const style = `color: ${colours[i]}`;
        const size = { x: x(i), y: top + 1, width: x(i + 1) - x(i), height: row - 2 };
        svg.append(shape("rect", { ...size, style, class: i === chosen ? "vcx-part vcx-taken" : "vcx-part" }));
        svg.append(shape("text", { x: (x(i) + x(i + 1)) / 2, y: top + row / 2 + 4 }, symbol));
      });
      const ends = interval(indices().slice(0, level), counts);
      svg.append(shape("text", { class: "vcx-start", x: margin, y: top + row + 12 }, decimal(ends.low, ends.scale, 6)));
      svg.append(shape("text", { class: "vcx-end", x: width - margin, y: top + row + 12 }, decimal(ends.low + ends.width, ends.scale, 6)));
      if (chosen < 0) continue;
      const [from, to] = [top + row - 1, top + row + gap];
      svg.append(shape("path", { class: "vcx-line vcx-zoom", d: `M${x(chosen)} ${from}L${margin} ${to}M${x(chosen + 1)} ${from}L${width - margin} ${to}` }));
    }
  }

  function drawNumbers({ low, width, scale }, bits, counts, position) {
    const total = counts.reduce((sum, count) => sum + count, 0);
    const worth = coded().reduce((sum, i) => sum + Math.log2(total / counts[i]), 0);
    const rows = [
      ["symbols coded", `${position} of ${get("message").length}`],
      ["low end", decimal(low, scale)],
      ["high end", decimal(low + width, scale)],
      ["width", decimal(width, scale)],
      ["information, −log2 width", `${worth.toFixed(2)} bits`],
      ["bits sent", `${bits.length}`],
    ];
    one("tbody").replaceChildren(...rows.map((line) => tableRow(line, ["th", "td"])));
  }

  function drawReceived(received, finished) {
    const place = one(".vcx-received");
    const expected = indices();
    place.replaceChildren(
      ...received.map((i, k) => {
        const wrong = i !== expected[k];
        const item = document.createElement("span");
        Object.assign(item, { textContent: wrong ? `✗${alphabet[i]}` : alphabet[i], className: wrong ? "vcx-wrong" : "" });
        return item;
      }),
    );
    const first = received.findIndex((i, k) => i !== expected[k]);
    const verdict = first >= 0 ? `wrong from symbol ${first + 1} on` : finished ? "all right" : received.length ? "right so far" : "nothing yet";
    place.append(Object.assign(document.createElement("em"), { textContent: verdict }));
  }

  /* --- mouse, touch and keys --- */

  const go = (position) => set("position", clamp(position, 0, get("message").length));
  function stop() {
    clearInterval(timer);
    timer = null;
    play.textContent = "play";
  }
  function start() {
    if (get("position") >= get("message").length) go(0);
    timer = setInterval(() => go(get("position") + 1), PACE);
    play.textContent = "pause";
  }

  /* Say why a symbol's count was not taken; nothing where symbol is "". */
  function refuse(symbol, count) {
    const rule = `The count of ${symbol} stays: a count is a whole number from ${COUNT.min} to ${COUNT.max}.`;
    one(".vcx-refused").textContent = symbol && rule + (count === 0 ? NO_WIDTH : "");
  }

  function setCount(trait, index, count) {
    refuse(Number.isInteger(count) && count >= COUNT.min && count <= COUNT.max ? "" : alphabet[index], count);
    if (one(".vcx-refused").textContent) return draw();
    const before = get(trait);
    const linked = trait === "counts" && String(before) === String(get("decoder_counts"));
    const counts = before.map((old, i) => (i === index ? count : old));
    if (linked) set("decoder_counts", counts);
    set(trait, counts);
  }

  function setMessage() {
    const known = (symbol) => [symbol, symbol.toUpperCase(), symbol.toLowerCase()].find((s) => alphabet.includes(s)) ?? "";
    const message = [...text.value].map(known).join("").slice(0, get("longest"));
    if (text.value !== message) text.value = message;
    if (!message) return;
    if (get("position") > message.length) go(message.length);
    set("message", message);
    go(get("position"));
  }

  for (const field of all("fieldset")) {
    alphabet.forEach((symbol, index) => {
      const label = document.createElement("label");
      const input = Object.assign(document.createElement("input"), { type: "number", ...COUNT });
      const swatch = Object.assign(document.createElement("span"), { className: "vcx-swatch", textContent: symbol });
      swatch.style.color = colours[index];
      Object.assign(input.dataset, { trait: field.dataset.trait, index });
      input.addEventListener("change", () => setCount(field.dataset.trait, index, Number(input.value)));
      label.append(swatch, input);
      field.append(label);
    });
  }
  text.addEventListener("input", setMessage);
  text.addEventListener("blur", draw);
  slider.addEventListener("input", () => go(Number(slider.value)));
  for (const button of all("[data-step]")) {
    button.addEventListener("click", () => go(get("position") + Number(button.dataset.step)));
  }
  play.addEventListener("click", () => (timer ? stop() : start()));
  one(".vcx-same").addEventListener("click", () => set("decoder_counts", [...get("counts")]));
  stop();
  view.undo.push(stop);
  view.watch("message counts decoder_counts position", draw);
  return view.open();
}

export default { render };

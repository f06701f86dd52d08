/* The DCT explorer: a picture in blocks, what a JPEG stores of each, and what it costs. See dct_explorer.py for the
   state; jpeg_blocks.js has the arithmetic. */

const BITS_COLOUR = [230, 120, 0]; // of the dearest block on the map of bits
const TEMPLATE = `<div class="vcx-columns">
  <div>
    <div class="vcx-blocks" tabindex="0" role="application"
         aria-label="Picture in blocks of 8 by 8 pixels: the arrow keys choose a block">
      <canvas class="vcx-whole" role="img"></canvas>
      <div class="vcx-frame"></div>
    </div>
    <div class="vcx-field" data-trait="shown" role="radiogroup" aria-label="Picture shows"><span>Show</span></div>
    <div class="vcx-field" data-trait="table" role="radiogroup" aria-label="Steps"><span>Steps</span></div>
    <label class="vcx-slider"><span></span><input type="range"></label>
    <table class="vcx-numbers"><thead></thead><tbody></tbody></table>
  </div>
  <div>
    <p class="vcx-head vcx-where" role="status"></p>
    <div class="vcx-pair">
      <figure><canvas width="8" height="8" role="img" aria-label="the block's original pixels"></canvas>
        <figcaption>original</figcaption></figure>
      <figure><canvas width="8" height="8" role="img" aria-label="the block's decoded pixels"></canvas>
        <figcaption>decoded</figcaption></figure>
    </div>
    <table class="vcx-eight"><caption>DCT coefficients (frequency rises to the right and down)</caption>
      <tbody></tbody></table>
    <table class="vcx-eight"><caption>divided by the step and rounded: the integers in the file</caption>
      <tbody></tbody></table>
    <p class="vcx-head">What it costs: symbol, bits</p>
    <ol class="vcx-symbols"></ol>
  </div>
</div>`;
const signed = (integer) => (integer > 0 ? `+${integer}` : String(integer).replace("-", "−"));

/* How a symbol reads: a run of zeros, then the integer that ends it. */
function symbolText({ kind, value, level }) {
  if (kind === "DC") return `DC ${level ? signed(level) : "same"}`;
  if (value === 0) return "end";
  if (value === 0xf0) return "16 zeros";
  return `${value >> 4 ? `${value >> 4}×0, ` : ""}${signed(level)}`;
}

function render({ model, el }) {
  const view = openView({ model, el }, TEMPLATE);
  const { one, all, get, set } = view;
  const [height, width] = get("size");
  const [rows, columns] = [height / 8, width / 8];
  const bytes = get("pixels");
  const pixels = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const code = { zigzag: get("zigzag"), dc: get("dc_lengths"), ac: get("ac_lengths") };
  const [stage, frame, slider] = [".vcx-blocks", ".vcx-frame", ".vcx-slider input"].map(one);
  const [whole, before, after] = all("canvas");
  const originals = Array.from({ length: rows * columns }, (_, i) => {
    const corner = Math.floor(i / columns) * 8 * width + (i % columns) * 8;
    return Uint8Array.from({ length: 64 }, (_, k) => pixels[corner + (k >> 3) * width + (k & 7)]);
  });
  const coefficients = originals.map((block) => forwardDct(Array.from(block, (value) => value - 128)));
  let coded = []; // of every block: levels, symbols, bits, pixels, error (sum of squares)

  const steps = () =>
    get("table") === "quality" ? scaledTable(get("annex_k"), get("quality")) : Array(64).fill(get("step"));

  function encode() {
    const table = steps();
    let dc = 0;
    coded = originals.map((original, i) => {
      const levels = quantise(coefficients[i], table);
      const symbols = blockSymbols(levels, dc, code);
      dc = levels[0];
      const decoded = inverseDct(levels.map((level, k) => level * table[k]));
      const error = original.reduce((sum, value, k) => sum + (value - decoded[k]) ** 2, 0);
      return { levels, symbols, bits: symbols.reduce((sum, s) => sum + s.bits, 0), decoded, error };
    });
    drawSettings();
    draw();
  }

  /* --- drawing --- */

  /* 64 values per block -> a canvas; colourOf(block, k) gives [red, green, blue]. */
  function paint(canvas, across, blocks, colourOf) {
    const image = new ImageData(across * 8, (blocks.length / across) * 8);
    blocks.forEach((block, i) => {
      const corner = Math.floor(i / across) * 64 * across + (i % across) * 8;
      for (let k = 0; k < 64; k++) image.data.set([...colourOf(block, k), 255], 4 * (corner + (k >> 3) * 8 * across + (k & 7)));
    });
    Object.assign(canvas, { width: image.width, height: image.height });
    canvas.getContext("2d").putImageData(image, 0, 0);
  }

  const gray = (value) => [value, value, value];
  function colours() {
    if (get("shown") === "decoded") return (i, k) => gray(coded[i].decoded[k]);
    if (get("shown") === "original") return (i, k) => gray(originals[i][k]);
    const most = Math.max(...coded.map((block) => block.bits));
    return (i, k) => BITS_COLOUR.map((c) => (0.35 * originals[i][k] + (c * 0.75 * coded[i].bits) / most));
  }

  function draw() {
    const [row, column] = get("block");
    const index = row * columns + column;
    view.showRadios();
    paint(whole, columns, [...coded.keys()], colours());
    whole.setAttribute("aria-label", { decoded: "decoded picture", original: "original picture", bits: "bits of each block, brighter is more" }[get("shown")]);
    paint(before, 1, [index], (i, k) => gray(originals[i][k]));
    paint(after, 1, [index], (i, k) => gray(coded[i].decoded[k]));
    frame.style.cssText = `left:${(100 * column) / columns}%;top:${(100 * row) / rows}%;width:${100 / columns}%;height:${100 / rows}%`;
    drawTables(index);
    drawNumbers(coded[index]);
    one(".vcx-where").textContent = `Block in row ${row}, column ${column}: ${grouped(coded[index].bits)} bits`;
  }

  function drawTables(index) {
    const { levels, symbols } = coded[index];
    const fill = (body, values, text, most) => {
      const lines = [0, 1, 2, 3, 4, 5, 6, 7].map((v) => tableRow([...values.slice(8 * v, 8 * v + 8)].map(text), Array(8).fill("td")));
      lines.flatMap((line) => [...line.children]).forEach((cell, k) => {
        const share = clamp(Math.log2(1 + Math.abs(values[k])) / Math.log2(1 + most), 0, 1);
        cell.style.setProperty("--vcx-share", `${Math.round(38 * share)}%`);
        cell.className = values[k] < 0 ? "vcx-minus" : "vcx-plus";
      });
      body.replaceChildren(...lines);
    };
    const [top, bottom] = all(".vcx-eight tbody");
    fill(top, coefficients[index], (c) => (c / 8).toFixed(1).replace("-", "−"), 8192);
    fill(bottom, levels, (level) => String(level).replace("-", "−"), Math.max(...levels.map(Math.abs), 1));
    one(".vcx-symbols").replaceChildren(
      ...symbols.map((symbol) => {
        const item = document.createElement("li");
        item.append(`${symbolText(symbol)}: `, Object.assign(document.createElement("b"), { textContent: symbol.bits }));
        return item;
      }),
    );
  }

  function drawNumbers(block) {
    const sum = (key) => coded.reduce((total, one) => total + one[key], 0);
    const stored = ({ levels }) => levels.filter((level) => level).length;
    const column = (bits, count, error, area) => [
      grouped(bits),
      (bits / area).toFixed(3),
      grouped(count),
      (error / area).toFixed(1),
      error ? (10 * Math.log10((255 ** 2 * area) / error)).toFixed(2) : "∞",
    ];
    const left = column(block.bits, stored(block), block.error, 64);
    const total = coded.reduce((count, one) => count + stored(one), 0);
    const right = column(sum("bits"), total, sum("error"), height * width);
    const labels = ["bits of the scan", "bits per pixel", "integers not 0", "mean squared error", "PSNR (dB)"];
    one("thead").replaceChildren(tableRow(["", "this block", "picture"], ["td", "th", "th"]));
    one(".vcx-numbers tbody").replaceChildren(
      ...labels.map((label, i) => tableRow([label, left[i], right[i]], ["th", "td", "td"])),
    );
  }

  function drawSettings() {
    const quality = get("table") === "quality";
    Object.assign(slider, { min: 1, max: quality ? 100 : 255, value: get(quality ? "quality" : "step") });
    slider.ariaLabel = quality ? "JPEG quality" : "Step in levels";
    one(".vcx-slider span").textContent = `${slider.ariaLabel}: ${slider.value}`;
  }

  /* --- mouse, touch and keys --- */

  for (const name of ["decoded", "original", "bits"]) view.addRadio("shown", name, name === "bits" ? "bits per block" : name);
  view.addRadio("table", "quality", "JPEG's table");
  view.addRadio("table", "flat", "the same for all");
  slider.addEventListener("input", () => set(get("table") === "quality" ? "quality" : "step", Number(slider.value)));
  const choose = (row, column) => set("block", [clamp(row, 0, rows - 1), clamp(column, 0, columns - 1)]);
  const move = (down, right) => () => choose(get("block")[0] + down, get("block")[1] + right);
  onKeys(stage, { ArrowUp: move(-1, 0), ArrowDown: move(1, 0), ArrowLeft: move(0, -1), ArrowRight: move(0, 1) });
  stage.addEventListener("click", ({ clientX, clientY }) => {
    const box = stage.getBoundingClientRect();
    const [x, y] = [(clientX - box.left) / box.width, (clientY - box.top) / box.height];
    choose(Math.floor(y * rows), Math.floor(x * columns));
  });
  view.watch("quality step table", encode);
  view.watch("block shown", draw);
  return view.open();
}

export default { render };

/* The codec in the reader's browser: a picture of their own becomes an ordinary JPEG and is restored, on this page.

   Python supplies the data (vcodec/widgets/browser_codec.py):
     photo, photo_name  the supplied photograph, a WebP file, and what it is called
     tables             {ours, plain}: 64 steps each, which `quality` scales
     weights            {full, half}: {name, bytes} of the networks, which come later (see browser_codec_pool.js)
   and shares the state: quality (1 to 100), resolution ("full" or "half"), wipe (0 to 1: the left picture's share).
   The numbers in the table are those that Python's vcodec finds for the same file. */

const LARGEST = 16e6; // pixels of a canvas; telephones allow no more
const TEMPLATE = `
  <div class="vbc-view">
    <div class="vcx-stage">
      <div class="vbc-side"></div><div class="vbc-side vcx-right"></div><div class="vcx-bar"></div>
      <span class="vcx-tag"></span><span class="vcx-tag vbc-tag-right"></span>
    </div>
    <input class="vbc-wipe" type="range" min="0" max="1" step="0.01" aria-label="Wipe between left and right">
    <div class="vcx-field vbc-sides" hidden>
      <label>Left <select class="vbc-choose"></select></label>
      <label>Right <select class="vbc-choose"></select></label>
    </div>
    <p class="vbc-name" aria-live="polite"></p>
  </div>
  <div class="vbc-choices">
    <div class="vcx-field">
      <label><input class="vcx-hidden" type="file" accept="image/*"><span class="vcx-pill">Open a picture</span></label>
      <button type="button" class="vcx-pill vbc-supplied">Use the supplied photograph</button>
    </div>
    <p class="vbc-note">Or drop one here. It stays on this machine: the page itself codes and restores it, and sends
      nothing. Its brightness (luma) is coded, so the result is gray.</p>
    <label class="vcx-field"><span>Part</span><select class="vbc-part"></select></label>
    <div class="vcx-field" role="radiogroup" aria-label="Resolution"><span>Resolution</span></div>
    <label class="vbc-quality">Bitrate: quality <output></output>
      <input type="range" min="1" max="100" step="1" aria-label="Bitrate, as quality from 1 to 100"></label>
    <div class="vcx-field vbc-run">
      <button type="button" class="vcx-pill vbc-start"></button>
      <button type="button" class="vcx-pill vbc-cancel" hidden>Cancel</button>
      <progress max="1" value="0" aria-label="Progress" hidden></progress>
      <span class="vbc-left"></span>
    </div>
    <p class="vbc-status" role="status"></p>
  </div>
  <div class="vbc-results" hidden>
    <table class="vcx-numbers">
      <thead><tr><td></td><th>bytes</th><th>bpp</th><th>PSNR</th></tr></thead>
      <tbody></tbody>
    </table>
    <a class="vcx-pill vbc-download" hidden>Download the JPEG</a>
  </div>`;
const VIEWS = {
  original: "original",
  file: "our JPEG in any viewer",
  restored: "our JPEG, restored",
  plain: "plain JPEG",
};
let views = 0; // numbers the views, because the radio buttons of each need a name of their own

/* --- the figure --- */

function render({ model, el }) {
  const root = document.createElement("div");
  root.className = "vcx vbc";
  root.innerHTML = `<div class="vbc-grid">${TEMPLATE}</div>`;
  const one = (selector) => root.querySelector(selector);
  const all = (selector) => [...root.querySelectorAll(selector)];
  const [stage, wipe, quality, part] = [".vcx-stage", ".vbc-wipe", ".vbc-quality input", ".vbc-part"].map(one);
  const [status, bar, remaining, download] = [".vbc-status", "progress", ".vbc-left", ".vbc-download"].map(one);
  const set = (name, value) => (model.set(name, value), model.save_changes());
  const supplied = () => new Blob([model.get("photo")], { type: "image/webp" });
  const coder = new Coder(model);
  const urls = new Set();
  let picture = null; // {bitmap, name}
  let original = null; // its luma
  let shown = {}; // view -> element
  let chosen = ["plain", "restored"];
  let started = false;
  let rerun = 0; // timer
  let gone = false;

  /* --- open --- */

  async function open(blob, name) {
    stop();
    let bitmap;
    try {
      bitmap = await openPicture(blob, name);
    } catch (error) {
      return void (status.textContent = error.message);
    }
    picture = { bitmap, name };
    const [longer, pixels] = [Math.max(bitmap.width, bitmap.height), bitmap.width * bitmap.height];
    const sides = [512, 1024, 2048].filter((side) => side < longer);
    part.replaceChildren(...sides.map((side) => new Option(`the middle, ${side}×${side}`, side)));
    part.add(new Option(`all of it, ${bitmap.width}×${bitmap.height}`, longer));
    part.lastChild.disabled = pixels > LARGEST;
    part.value = pixels <= 1.5e6 ? longer : 1024;
    take();
  }

  function take() {
    stop();
    original = readLuma(picture.bitmap, Number(part.value));
    forget();
    shown = { original: describe(paint(original), "original") };
    const honest = pixelsAreTrue() ? "" : " This browser changes the pixels that a page reads: numbers will differ.";
    one(".vbc-name").textContent = `${picture.name}: ${original.width}×${original.height} pixels.${honest}`;
    status.textContent = "";
    showResults(false);
    drawSides();
    if (started) run();
  }

  function showResults(yes) {
    for (const element of all(".vbc-results, .vbc-sides")) element.hidden = !yes;
  }

  function forget() {
    for (const url of urls) URL.revokeObjectURL(url);
    urls.clear();
    download.hidden = true;
  }

  /* --- code and restore --- */

  async function run() {
    clearTimeout(rerun);
    started = true;
    const settings = { quality: model.get("quality"), resolution: model.get("resolution") };
    const plane = original;
    const began = performance.now();
    busy(true);
    try {
      const result = await coder.code(plane, settings, (share) => progress(share, performance.now() - began));
      if (!gone) present(plane, settings, result, performance.now() - began);
      busy(false);
    } catch (error) {
      if (error === CANCELLED) return;
      started = false; // the reader may start again
      busy(false);
      status.textContent = error.message;
    }
  }

  function stop() {
    clearTimeout(rerun);
    coder.cancel();
    busy(false);
    download.hidden = true;
    root.toggleAttribute("data-stale", true);
  }

  function busy(yes) {
    for (const element of [bar, one(".vbc-cancel")]) element.hidden = !yes;
    one(".vbc-start").hidden = yes || started;
    if (yes) status.textContent = "Coding and restoring …";
    if (yes) bar.removeAttribute("value");
    remaining.textContent = "";
    root.toggleAttribute("data-busy", yes);
  }

  function progress(share, milliseconds) {
    bar.value = share;
    if (milliseconds < 1000 || share === 0) return;
    const seconds = Math.ceil((milliseconds * (1 - share)) / share / 1000);
    remaining.textContent = `about ${seconds} s left`;
  }

  function present(plane, { quality, resolution }, { file, decoded, restored, plain }, milliseconds) {
    forget();
    const link = (bytes) => {
      const url = URL.createObjectURL(new Blob([bytes], { type: "image/jpeg" }));
      urls.add(url);
      return url;
    };
    const image = (bytes, { width, height }) => Object.assign(new Image(width, height), { src: link(bytes) });
    shown = {
      original: shown.original,
      file: describe(image(file, decoded), "file"),
      restored: describe(paint(restored), "restored"),
      plain: describe(image(plain.file, plain.decoded), "plain"),
    };
    const line = (name, bytes, decibel) => [
      name,
      bytes.length.toLocaleString("en"),
      ((8 * bytes.length) / plane.data.length).toFixed(3),
      decibel === undefined ? "half size" : decibel === Infinity ? "exact" : `${decibel.toFixed(2)} dB`,
    ];
    root.toggleAttribute("data-stale", false);
    showResults(true);
    drawNumbers([
      line(VIEWS.file, file, psnr(plane, decoded)),
      line(VIEWS.restored, file, psnr(plane, restored)),
      line(`${VIEWS.plain}, quality ${plain.quality}`, plain.file, psnr(plane, plain.decoded)),
    ]);
    const stem = picture.name.replace(/\.[^.]*$/, "").replace(/[^\p{L}\p{N}_-]+/gu, "-");
    Object.assign(download, { hidden: false, href: link(file), download: `${stem}-q${quality}-${resolution}.jpg` });
    const seconds = (milliseconds / 1000).toFixed(1);
    status.textContent = `Coded and restored in ${seconds} s. vcodec decode restores the downloaded file, too.`;
    drawSides();
  }

  function drawNumbers(lines) {
    one("tbody").replaceChildren(
      ...lines.map((texts) => {
        const row = document.createElement("tr");
        const cell = (textContent, i) => Object.assign(document.createElement(i ? "td" : "th"), { textContent });
        row.append(...texts.map(cell));
        return row;
      }),
    );
  }

  /* --- show --- */

  function describe(element, view) {
    const name = VIEWS[view];
    if (element instanceof HTMLImageElement) element.alt = name;
    else element.setAttribute("role", "img");
    element.setAttribute("aria-label", name);
    return element;
  }

  function drawSides() {
    stage.style.aspectRatio = `${original.width} / ${original.height}`;
    const known = (view) => (shown[view] ? view : "original");
    const names = chosen.map(known);
    all(".vbc-side").forEach((side, i) => {
      const twice = i === 1 && names[0] === names[1];
      side.replaceChildren(...(twice ? [] : [shown[names[i]]]));
    });
    all(".vcx-tag").forEach((tag, i) => (tag.textContent = VIEWS[names[i]]));
    all(".vbc-choose").forEach((select, i) => {
      for (const option of select.options) option.disabled = !shown[option.value];
      select.value = names[i];
    });
  }

  function drawState() {
    quality.value = model.get("quality");
    one("output").value = model.get("quality");
    for (const radio of all("[type=radio]")) radio.checked = model.get("resolution") === radio.value;
    const { bytes } = model.get("weights")[model.get("resolution")];
    one(".vbc-start").textContent = `Start (loads ${(bytes / 1e6).toFixed(1)} MB of networks)`;
  }

  function drawWipe() {
    wipe.value = model.get("wipe");
    wipe.setAttribute("aria-valuetext", `left picture on ${Math.round(100 * wipe.value)} % of the width`);
    root.style.setProperty("--vcx-wipe", model.get("wipe"));
  }

  function onSettings() {
    drawState();
    if (!started || !original) return;
    stop();
    rerun = setTimeout(run, 250); // until the slider rests
  }

  /* --- keys, mouse and touch --- */

  /* The wipe follows the left mouse button or a moving finger. A finger that only lands may be about to scroll. */
  function onPointer({ type, pointerType, clientX, buttons }) {
    const box = stage.getBoundingClientRect();
    const landed = type === "pointerdown" && pointerType === "touch";
    if (buttons === 1 && !landed) set("wipe", clamp((clientX - box.left) / box.width, 0, 1));
  }

  function onDrop(event) {
    event.preventDefault();
    event.stopPropagation();
    root.toggleAttribute("data-over", event.type === "dragover");
    const [file] = event.type === "drop" ? event.dataTransfer.files : [];
    if (file) open(file, file.name);
  }

  function choose(side, view) {
    if (chosen[1 - side] === view) chosen.reverse();
    else chosen[side] = view;
    drawSides();
  }

  function build() {
    views += 1;
    for (const value of Object.keys(model.get("weights"))) {
      const label = document.createElement("label");
      label.innerHTML = '<input class="vcx-hidden" type="radio"><span class="vcx-pill"></span>';
      const [radio, pill] = label.children;
      Object.assign(radio, { value, name: `vbc-resolution-${views}`, onchange: () => set("resolution", value) });
      pill.textContent = value;
      one("[role=radiogroup]").append(label);
    }
    all(".vbc-choose").forEach((select, side) => {
      for (const [view, name] of Object.entries(VIEWS)) select.add(new Option(name, view));
      select.addEventListener("change", () => choose(side, select.value));
    });
    for (const control of all("input, select, button")) {
      control.dataset.lmSuppressShortcuts = "true"; // else JupyterLab takes the arrow keys
    }
  }

  function listen() {
    const [input] = all("[type=file]");
    input.addEventListener("change", () => input.files[0] && open(input.files[0], input.files[0].name));
    input.addEventListener("click", () => (input.value = "")); // the same file again is a change, too
    one(".vbc-supplied").addEventListener("click", () => open(supplied(), model.get("photo_name")));
    part.addEventListener("change", take);
    quality.addEventListener("input", () => set("quality", Number(quality.value)));
    one(".vbc-start").addEventListener("click", () => original && run());
    one(".vbc-cancel").addEventListener("click", () => {
      stop();
      started = false; // the next run waits to be asked for
      busy(false);
      one(".vbc-start").focus();
      status.textContent = "Cancelled.";
    });
    wipe.addEventListener("input", () => set("wipe", Number(wipe.value)));
    stage.addEventListener("pointermove", onPointer);
    stage.addEventListener("pointerdown", (event) => {
      event.preventDefault(); // or the browser starts to drag the picture away
      stage.setPointerCapture(event.pointerId);
      onPointer(event);
    });
    for (const name of ["dragover", "dragleave", "drop"]) root.addEventListener(name, onDrop);
  }

  build();
  listen();
  drawState();
  drawWipe();
  el.append(root);
  open(supplied(), model.get("photo_name"));
  model.on("change:quality change:resolution", onSettings);
  model.on("change:wipe", drawWipe);
  return () => {
    gone = true;
    stop();
    coder.close();
    model.off("change:quality change:resolution", onSettings);
    model.off("change:wipe", drawWipe);
    forget();
  };
}

export default { render };

/* From a plane to a file and back, on several Web Workers; and where the networks' weights come from. */

const CANCELLED = Symbol("cancelled");
// vcodec/scic/header.py
const [MAGIC, VERSION, ODD_HEIGHT, HALF, ODD_WIDTH, GRAY, TALL] = [[0xd6, 0x43], 3 << 4, 1, 2, 4, 8, 128];
const clamp = (value, low, high) => Math.max(low, Math.min(high, value));
const TILE = 256; // the largest window, without its halo, in pixels at half of the original's resolution

function crc32(bytes) {
  let crc = -1;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc;
}

/* Of the size of a coded picture, and the same for a turned one: two bytes. */
function sizeCheck({ height, width }) {
  const sides = new DataView(new ArrayBuffer(8));
  sides.setUint32(0, Math.min(height, width));
  sides.setUint32(4, Math.max(height, width));
  const crc = crc32(new Uint8Array(sides.buffer));
  return [(crc >>> 8) & 255, crc & 255];
}

/* --- weights --- */

const weights = new Map(); // name -> promise of {networkId, bytes}; one copy for all figures of a page

function weightsOf(model, name) {
  if (!weights.has(name)) {
    const onSite = document.documentElement.dataset.content_root;
    const loading = onSite === undefined ? askKernel(model, name) : loadScript(onSite, name);
    loading.catch(() => weights.delete(name)); // so that the reader can try again
    weights.set(name, loading);
  }
  return weights.get(name);
}

/* The built site keeps them in script files, which a page opened from the disk can load, too (see tools/vendor.py). */
function loadScript(root, name) {
  const script = document.createElement("script");
  script.src = new URL(`${root}_static/weights/${name}.js`, document.baseURI);
  return new Promise((resolve, reject) => {
    script.onload = () => {
      const { networkId, data } = globalThis.vcodecWeights[name];
      delete globalThis.vcodecWeights[name];
      resolve({ networkId, bytes: Uint8Array.from(atob(data), (character) => character.charCodeAt(0)) });
    };
    script.onerror = () => reject(new Error(`The networks could not be loaded: ${name}.js is not where it should be.`));
    document.head.append(script);
  }).finally(() => script.remove());
}

/* In JupyterLab and Colab the kernel sends them. */
function askKernel(model, name) {
  return new Promise((resolve, reject) => {
    const answer = (message, [buffer] = []) => {
      if (message.name !== name) return;
      clearTimeout(patience);
      model.off("msg:custom", answer);
      const { buffer: whole = buffer, byteOffset = 0, byteLength } = buffer; // a DataView or an ArrayBuffer
      resolve({ networkId: message.networkId, bytes: new Uint8Array(whole, byteOffset, byteLength) });
    };
    const patience = setTimeout(() => {
      model.off("msg:custom", answer);
      reject(new Error("The networks come from a running kernel: run this cell, or use the book's site."));
    }, 30_000);
    model.on("msg:custom", answer);
    model.send({ want: name });
  });
}

/* --- workers --- */

class Helper {
  constructor() {
    const address = URL.createObjectURL(new Blob([WORKER_SOURCE], { type: "text/javascript" }));
    this.worker = new Worker(address);
    URL.revokeObjectURL(address);
    this.waiting = new Map(); // id -> {resolve, reject, onLayer}
    this.last = 0;
    this.known = {}; // scale -> promise of what its networks are like
    this.worker.onmessage = ({ data }) => this.receive(data);
    this.worker.onerror = (event) => {
      for (const { reject } of this.waiting.values()) reject(new Error(`The page's worker stopped: ${event.message}`));
    };
  }
  call(task, data, onLayer = () => {}) {
    this.last += 1;
    this.worker.postMessage({ id: this.last, task, ...data });
    return new Promise((resolve, reject) => this.waiting.set(this.last, { resolve, reject, onLayer }));
  }
  receive({ id, layer, result, error, cancelled }) {
    const { resolve, reject, onLayer } = this.waiting.get(id);
    if (layer) return onLayer();
    this.waiting.delete(id);
    if (cancelled) reject(CANCELLED);
    else if (error !== undefined) reject(new Error(error));
    else resolve(result);
  }
  learn(scale, bytes) {
    return (this.known[scale] ??= this.call("weights", { scale, bytes }));
  }
  cancel() {
    this.worker.postMessage({ cancel: this.last });
  }
}

/* --- windows of a picture --- */

const padToEven = (plane) => cut(plane, 0, 0, plane.width + (plane.width & 1), plane.height + (plane.height & 1));

/* A part of a plane; beyond its right and lower edges the last column and row are repeated. */
function cut({ data, width, height }, left, top, wide, high) {
  const out = new Uint8Array(wide * high);
  for (let y = 0; y < high; y++) {
    const row = data.subarray(width * Math.min(top + y, height - 1), width * (Math.min(top + y, height - 1) + 1));
    out.set(row.subarray(left, left + wide), y * wide);
    if (left + wide > width) out.fill(row[width - 1], y * wide + width - left, (y + 1) * wide);
  }
  return { data: out, width: wide, height: high };
}

function paste(from, to, left, top) {
  for (let y = 0; y < from.height; y++) {
    to.data.set(from.data.subarray(y * from.width, (y + 1) * from.width), (top + y) * to.width + left);
  }
}

/* [from, to] of `count` equal parts. */
const split = (size, count) =>
  Array.from({ length: count }, (_, i) => [Math.floor((i * size) / count), Math.floor(((i + 1) * size) / count)]);

/* Windows of height x width squares, enough of them for all helpers, that overlap as far as a network sees. */
function windowsOf(height, width, halo, helpers) {
  const across = Math.ceil(width / TILE);
  const down = Math.ceil(Math.max(height / TILE, Math.min(helpers / across, height / halo)));
  return split(height, down).flatMap(([top, bottom]) =>
    split(width, across).map(([left, right]) => {
      const [x, y] = [Math.max(0, left - halo), Math.max(0, top - halo)];
      const [w, h] = [Math.min(width, right + halo) - x, Math.min(height, bottom + halo) - y];
      return { x, y, w, h, left, top, right, bottom };
    }),
  );
}

/* --- the codec --- */

class Coder {
  constructor(model) {
    this.model = model;
    this.helpers = [];
    this.run = 0;
  }

  /* plane -> {file, decoded, restored, plain: {quality, file, decoded}}. onShare(0 to 1) tells how far it is. */
  async code(plane, { quality, resolution }, onShare) {
    const run = (this.run += 1);
    const check = () => {
      if (run !== this.run) throw CANCELLED;
    };
    const scale = resolution === "half" ? 2 : 1;
    const { ours, plain } = this.model.get("tables");
    const { networkId, bytes } = await weightsOf(this.model, this.model.get("weights")[resolution].name);
    check();
    const count = clamp(navigator.hardwareConcurrency ?? 2, 1, 4);
    while (this.helpers.length < count) this.helpers.push(new Helper());
    const [{ parts }] = await Promise.all(this.helpers.map((helper) => helper.learn(scale, bytes)));
    check();
    const table = scaledTable(ours, quality);
    const job = { scale, step: Math.fround(geometricMean(table)), parts, check, onShare, done: 0, total: 0 };
    const [height, width] = [Math.ceil(plane.height / 2), Math.ceil(plane.width / 2)];
    const passes = scale === 2 ? ["rsn", "idn"] : ["idn"];
    for (const part of passes) {
      const { layers, cost } = parts[part] ?? { layers: 0, cost: 0 };
      for (const { w, h } of this.windows(parts[part], height, width)) job.total += w * h * layers * cost;
    }
    const y = scale === 2 ? await this.apply("rsn", job, padToEven(plane), 2, 1) : plane;
    const odd = scale === 2 ? (plane.height & 1) * ODD_HEIGHT + (plane.width & 1) * ODD_WIDTH + HALF : 0;
    const start = [VERSION + odd + GRAY, (y.height > y.width) * TALL + quality];
    const encode = (id) => {
      const rest = [...sizeCheck(y), ...id.slice(0, 2)];
      const comment = [...MAGIC, ...start, crc32([...start, ...rest]) & 255, ...rest];
      return this.helpers[0].call("encode", { plane: y, table, comment });
    };
    const found = await encode(networkId.match(/../g).map((byte) => parseInt(byte, 16)));
    check();
    const { decoded } = found;
    let { file } = found;
    const z = scale === 2 ? decoded : padToEven(decoded);
    const inside = ({ data, width, height }) => cut({ data, width, height }, 0, 0, plane.width, plane.height);
    let restored = inside(await this.apply("idn", job, z, scale === 2 ? 1 : 2, 2));
    const bare = inside(await this.helpers[0].call("bare", { scale, plane: decoded }));
    if (psnr(plane, bare) > psnr(plane, restored)) {
      // vcodec/scic/codec.py, _judged: networks that harm are left out, which zeros for their id say
      [file, restored] = [(await encode([0, 0])).file, bare];
    }
    const match = await this.helpers[0].call("match", { plane, base: plain, bytes: file.length });
    check();
    return { file, decoded, restored, plain: match };
  }

  windows(part, height, width) {
    return windowsOf(height, width, Math.max(8, part?.radius ?? 0), this.helpers.length);
  }

  /* A network over a whole plane; inside and outside are its pixels per square before and behind it. */
  async apply(part, job, plane, inside, outside) {
    const [height, width] = [plane.height / inside, plane.width / inside];
    const [high, wide] = [outside * height, outside * width];
    const out = { data: new Uint8Array(high * wide), width: wide, height: high };
    const queue = this.windows(job.parts[part], height, width);
    const work = async (helper) => {
      for (let tile = queue.shift(); tile; tile = queue.shift()) {
        const { x, y, w, h, left, top, right, bottom } = tile;
        const window = cut(plane, inside * x, inside * y, inside * w, inside * h);
        const onLayer = () => job.onShare((job.done += w * h * job.parts[part].cost) / job.total);
        const result = await helper.call("apply", { part, scale: job.scale, step: job.step, window }, onLayer);
        job.check();
        const inner = [left - x, top - y, right - left, bottom - top].map((size) => outside * size);
        paste(cut(result, ...inner), out, outside * left, outside * top);
      }
    };
    await Promise.all(this.helpers.map(work));
    return out;
  }

  cancel() {
    this.run += 1;
    for (const helper of this.helpers) helper.cancel();
  }

  close() {
    for (const { worker } of this.helpers) worker.terminate();
    this.helpers = [];
  }
}

/* The one operation that takes time, a 3x3 convolution, as WebAssembly with four-lane arithmetic that this file
   assembles when the page runs (so there is nothing to build or to download); and the same in plain JavaScript.

   Pictures of many channels lie in one Float32Array: row by row, and within a row channel by channel, so that what an
   output row needs lies together. A channel's row is `stride` bytes: 4 zeros, the pixels, zeros up to a multiple of 8
   numbers. A row of zeros stands above the first and below the last. Channels come in groups of four.

   row(to, from, weights, biases, steps, stride, channels, mode) computes a group of four channels of one output row,
   8 pixels a step. to: the first pixel.  from: one pixel left of it, a row above, channel 0.  All are addresses in
   bytes.  channels: of the input, whose next row is channels * stride bytes on.  weights: [channel][3x3][4], biases
   [4].  mode: WRITE, or CLIP at zero and write, or ADD to what is there. */

const [WRITE, CLIP, ADD] = [0, 1, 2];

/* --- instructions, as arrays of bytes: https://webassembly.github.io/spec/core/binary --- */

const unsigned = (n) => (n < 128 ? [n] : [(n & 127) | 128, ...unsigned(n >>> 7)]);
const signed = (n) => (n >= -64 && n < 64 ? [n & 127] : [(n & 127) | 128, ...signed(n >> 7)]);
const vector = (items) => [...unsigned(items.length), ...items.flat()];
const section = (id, ...items) => [id, ...vector(vector(items))];
const simd = (code) => [0xfd, ...unsigned(code)];
const [I32, V128, END, LOOP, IF, BRANCH_IF] = [0x7f, 0x7b, 0x0b, [0x03, 0x40], [0x04, 0x40], 0x0d];
const get = (local) => [0x20, local];
const set = (local) => [0x21, local];
const integer = (n) => [0x41, ...signed(n)];
const [EQUAL, PLUS, MINUS, TIMES] = [[0x46], [0x6a], [0x6b], [0x6c]]; // of integers
const load = (offset) => [...simd(0), 2, ...unsigned(offset)];
const loadIntoAllLanes = (offset) => [...simd(9), 2, ...unsigned(offset)];
const store = (offset) => [...simd(11), 2, ...unsigned(offset)];
const ZEROS = [...simd(12), ...new Array(16).fill(0)];
const [F_PLUS, F_TIMES, F_MAX] = [simd(0xe4), simd(0xe6), simd(0xe9)];
const F_TIMES_PLUS = simd(0x105); // "relaxed": rounds once or twice, as the processor likes it

const advance = (pointer, distance) => [...get(pointer), ...distance, ...PLUS, ...set(pointer)];
const repeat = (counter, body) => [
  ...[...LOOP, ...body, ...get(counter), ...integer(1), ...MINUS],
  ...[...set(counter), ...get(counter), BRANCH_IF, 0, END],
];
const whenMode = (mode, value, body) => [...get(mode), ...integer(value), ...EQUAL, ...IF, ...body, END];

/* The module's bytes. fused: multiply and add in one instruction, which not every browser has. */
function assemble(fused) {
  const [to, from, weights, biases, steps, stride, channels, mode] = [0, 1, 2, 3, 4, 5, 6, 7];
  const [p0, p1, p2, line, w, channel, rowSize] = [8, 9, 10, 11, 12, 13, 14];
  const sums = [15, 16, 17, 18, 19, 20, 21, 22]; // first and second four pixels of each of the four channels
  const [left, right, weight] = [23, 24, 25];
  const rows = [p0, p1, p2];

  const accumulate = (sum, pixels) =>
    fused
      ? [...get(pixels), ...get(weight), ...get(sum), ...F_TIMES_PLUS, ...set(sum)]
      : [...get(sum), ...get(pixels), ...get(weight), ...F_TIMES, ...F_PLUS, ...set(sum)];
  const tap = (k, l) => [
    ...[...get(rows[k]), ...load(4 * l), ...set(left), ...get(rows[k]), ...load(4 * l + 16), ...set(right)],
    ...[0, 1, 2, 3].flatMap((o) => [
      ...[...get(w), ...loadIntoAllLanes(16 * (3 * k + l) + 4 * o), ...set(weight)],
      ...[...accumulate(sums[2 * o], left), ...accumulate(sums[2 * o + 1], right)],
    ]),
  ];
  const overChannels = repeat(channel, [
    ...[0, 1, 2].flatMap((k) => [0, 1, 2].flatMap((l) => tap(k, l))),
    ...rows.flatMap((pointer) => advance(pointer, get(stride))),
    ...advance(w, integer(144)),
  ]);
  const eachOutput = (visit) => [
    ...[...get(to), ...set(line)],
    ...sums.flatMap((sum, i) => [...visit(sum, 16 * (i & 1)), ...(i & 1 ? advance(line, get(stride)) : [])]),
  ];
  const overPixels = repeat(steps, [
    ...sums.flatMap((sum, i) => [...get(biases), ...loadIntoAllLanes(4 * (i >> 1)), ...set(sum)]),
    ...whenMode(
      mode,
      ADD,
      eachOutput((sum, offset) => [...get(line), ...load(offset), ...get(sum), ...F_PLUS, ...set(sum)]),
    ),
    ...rows.flatMap((p, k) => [...get(from), ...get(rowSize), ...integer(k), ...TIMES, ...PLUS, ...set(p)]),
    ...[...get(weights), ...set(w), ...get(channels), ...set(channel)],
    ...overChannels,
    ...whenMode(mode, CLIP, sums.flatMap((sum) => [...get(sum), ...ZEROS, ...F_MAX, ...set(sum)])),
    ...eachOutput((sum, offset) => [...get(line), ...get(sum), ...store(offset)]),
    ...[...advance(from, integer(32)), ...advance(to, integer(32))],
  ]);
  const body = [...get(stride), ...get(channels), ...TIMES, ...set(rowSize), ...overPixels, END];
  const locals = vector([[7, I32], [11, V128]]); // beside the eight arguments
  const text = (name) => vector([...name].map((letter) => [letter.charCodeAt(0)]));
  return new Uint8Array([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0], // "\0asm", version 1
    ...section(1, [0x60, ...vector(new Array(8).fill([I32])), 0]), // the type of `row`: eight integers to nothing
    ...section(2, [...text("page"), ...text("memory"), 2, 0, 1]), // the memory is handed in
    ...section(3, [0]),
    ...section(7, [...text("row"), 0, 0]),
    ...section(10, vector([...locals, ...body].map((byte) => [byte]))),
  ]);
}

/* The same row in plain JavaScript, ten times slower. */
function plainRow(memory) {
  return (to, from, weights, biases, steps, stride, channels, mode) => {
    const f = new Float32Array(memory.buffer);
    const [step, width] = [stride / 4, 8 * steps];
    const sum = new Float32Array(width);
    for (let o = 0; o < 4; o++) {
      const out = to / 4 + o * step;
      sum.fill(f[biases / 4 + o]);
      for (let c = 0; c < channels; c++) {
        const [w, p] = [weights / 4 + 36 * c + o, from / 4 + c * step];
        const [q, r] = [p + channels * step, p + 2 * channels * step];
        const [a, b, d, e, g, h] = [f[w], f[w + 4], f[w + 8], f[w + 12], f[w + 16], f[w + 20]];
        const [i, j, k] = [f[w + 24], f[w + 28], f[w + 32]];
        for (let x = 0; x < width; x++) {
          sum[x] +=
            a * f[p + x] + b * f[p + x + 1] + d * f[p + x + 2] +
            e * f[q + x] + g * f[q + x + 1] + h * f[q + x + 2] +
            i * f[r + x] + j * f[r + x + 1] + k * f[r + x + 2]; // prettier-ignore
        }
      }
      for (let x = 0; x < width; x++) {
        const value = mode === ADD ? sum[x] + f[out + x] : sum[x];
        f[out + x] = mode === CLIP ? Math.max(0, value) : value;
      }
    }
  };
}

/* {name, memory, row}: the fastest that this browser has. `allow`: names to choose from, for comparisons. */
function makeKernel(allow = ["fused", "simd", "plain"]) {
  for (const name of allow) {
    if (name === "plain") break;
    if (typeof WebAssembly !== "object") continue;
    const bytes = assemble(name === "fused");
    if (!WebAssembly.validate(bytes)) continue;
    const memory = new WebAssembly.Memory({ initial: 1 });
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { page: { memory } });
    return { name, memory, row: exports.row };
  }
  const memory = { buffer: new ArrayBuffer(65536) };
  memory.grow = (pages) => {
    const longer = new Uint8Array(memory.buffer.byteLength + 65536 * pages);
    longer.set(new Uint8Array(memory.buffer));
    memory.buffer = longer.buffer;
  };
  return { name: "plain", memory, row: plainRow(memory) };
}

/* 3x3 convolutions, which take nearly all of the time, as WebAssembly with four-lane arithmetic that this file
   assembles when the page runs (so there is nothing to build or to download); and the same in plain JavaScript.

   Four rows of output are computed together by Winograd's minimal filtering, F(4, 3) along the columns: six input rows
   are mixed into six others (SPREAD), each of those meets three weights per pixel instead of nine, and the six results
   are mixed into four rows (GATHER). 18 multiplications instead of 36: Lavin & Gray 2015, arXiv:1509.09308.

   Pictures of many channels lie in one Float32Array: row by row, and within a row channel by channel, so that what an
   output row needs lies together. A channel's row is `stride` bytes: 4 zeros, the pixels, zeros up to a multiple of 8
   numbers. Channels come in groups of four. All addresses are in bytes.

   line(to, from, weights, biases, steps, stride, channels)   Four channels of a line from all channels of a line, 8
       pixels a step. to: first pixel. from: one pixel to the left. weights: [channel][3][4]. biases: [4].
   spread(to, from, count, stepTo, stepFrom, mode)   Six lines at distances stepFrom into six at distances stepTo, 4
   gather(to, from, count, stepTo, stepFrom, mode)   numbers a count; gather: six into four.
       mode: WRITE, or CLIP at zero and write, or ADD to what is there. */

const [WRITE, CLIP, ADD] = [0, 1, 2];
const SPREAD = [
  [4, 0, -5, 0, 1, 0],
  [0, -4, -4, 1, 1, 0],
  [0, 4, -4, -1, 1, 0],
  [0, -2, -1, 2, 1, 0],
  [0, 2, -1, -2, 1, 0],
  [0, 4, 0, -5, 0, 1],
];
const GATHER = [
  [1, 1, 1, 1, 1, 0],
  [0, 1, -1, 2, -2, 0],
  [0, 1, 1, 4, 4, 0],
  [0, 1, -1, 8, -8, 1],
];
/* Six weights for three that stand one below the other. */
const spreadWeights = (a, b, c) => {
  const [even, far] = [(a + c) / 6, (a + 4 * c) / 24];
  return [a / 4, -even - b / 6, -even + b / 6, far + b / 12, far - b / 12, c];
};
const BIAS = 1; // the line of the six that all four output rows take over once: it carries the bias

/* --- instructions, as arrays of bytes: https://webassembly.github.io/spec/core/binary --- */

const unsigned = (n) => (n < 128 ? [n] : [(n & 127) | 128, ...unsigned(n >>> 7)]);
const signed = (n) => (n >= -64 && n < 64 ? [n & 127] : [(n & 127) | 128, ...signed(n >> 7)]);
const vector = (items) => [...unsigned(items.length), ...items.flat()];
const section = (id, ...items) => [id, ...vector([...vector(items)].map((byte) => [byte]))];
const simd = (code) => [0xfd, ...unsigned(code)];
const [I32, V128, END, LOOP, IF, BRANCH_IF] = [0x7f, 0x7b, 0x0b, [0x03, 0x40], [0x04, 0x40], 0x0d];
const get = (local) => [0x20, local];
const set = (local) => [0x21, local];
const integer = (n) => [0x41, ...signed(n)];
const [EQUAL, PLUS, MINUS] = [[0x46], [0x6a], [0x6b]]; // of integers
const load = (offset) => [...simd(0), 2, ...unsigned(offset)];
const loadIntoAllLanes = (offset) => [...simd(9), 2, ...unsigned(offset)];
const store = (offset) => [...simd(11), 2, ...unsigned(offset)];
const lanes = (value) => [...simd(12), ...new Uint8Array(new Float32Array(4).fill(value).buffer)];
const [F_PLUS, F_TIMES, F_MAX] = [simd(0xe4), simd(0xe6), simd(0xe9)];
const F_TIMES_PLUS = simd(0x105); // "relaxed": rounds once or twice, as the processor likes it

const advance = (pointer, distance) => [...get(pointer), ...distance, ...PLUS, ...set(pointer)];
const repeat = (counter, body) => [
  ...[...LOOP, ...body, ...get(counter), ...integer(1), ...MINUS],
  ...[...set(counter), ...get(counter), BRANCH_IF, 0, END],
];
const whenMode = (mode, value, body) => [...get(mode), ...integer(value), ...EQUAL, ...IF, ...body, END];

/* A function's code: integers and vectors are the numbers of its locals beside the arguments. */
const code = (integers, vectors, body) =>
  vector([...vector([[integers, I32], [vectors, V128]]), ...body, END].map((byte) => [byte])); // prettier-ignore

/* fused: multiply and add in one instruction, which not every browser has. */
function lineCode(fused) {
  const [to, from, weights, biases, steps, stride, channels] = [0, 1, 2, 3, 4, 5, 6];
  const [pixels, w, channel, out] = [7, 8, 9, 10];
  const sums = [11, 12, 13, 14, 15, 16, 17, 18]; // first and second four pixels of each of the four channels
  const [left, right, weight] = [19, 20, 21];
  const accumulate = (sum, four) =>
    fused
      ? [...get(four), ...get(weight), ...get(sum), ...F_TIMES_PLUS, ...set(sum)]
      : [...get(sum), ...get(four), ...get(weight), ...F_TIMES, ...F_PLUS, ...set(sum)];
  const tap = (l) => [
    ...[...get(pixels), ...load(4 * l), ...set(left), ...get(pixels), ...load(4 * l + 16), ...set(right)],
    ...[0, 1, 2, 3].flatMap((o) => [
      ...[...get(w), ...loadIntoAllLanes(16 * l + 4 * o), ...set(weight)],
      ...[...accumulate(sums[2 * o], left), ...accumulate(sums[2 * o + 1], right)],
    ]),
  ];
  const body = repeat(steps, [
    ...sums.flatMap((sum, i) => [...get(biases), ...loadIntoAllLanes(4 * (i >> 1)), ...set(sum)]),
    ...[...get(from), ...set(pixels), ...get(weights), ...set(w), ...get(channels), ...set(channel)],
    ...repeat(channel, [...[0, 1, 2].flatMap(tap), ...advance(pixels, get(stride)), ...advance(w, integer(48))]),
    ...[...get(to), ...set(out)],
    ...sums.flatMap((sum, i) => [
      ...[...get(out), ...get(sum), ...store(16 * (i & 1))],
      ...(i & 1 ? advance(out, get(stride)) : []),
    ]),
    ...[...advance(from, integer(32)), ...advance(to, integer(32))],
  ]);
  return code(4, 11, body);
}

function mixCode(matrix) {
  const [to, from, count, stepTo, stepFrom, mode] = [0, 1, 2, 3, 4, 5];
  const [pointer, sum] = [7, 8]; // 6 is an argument that only `line` uses
  const lines = [9, 10, 11, 12, 13, 14];
  const body = repeat(count, [
    ...[...get(from), ...set(pointer)],
    ...lines.flatMap((line) => [...get(pointer), ...load(0), ...set(line), ...advance(pointer, get(stepFrom))]),
    ...[...get(to), ...set(pointer)],
    ...matrix.flatMap((factors) => [
      ...lanes(0),
      ...factors.flatMap((f, i) => (f ? [...get(lines[i]), ...lanes(f), ...F_TIMES, ...F_PLUS] : [])),
      ...set(sum),
      ...whenMode(mode, ADD, [...get(sum), ...get(pointer), ...load(0), ...F_PLUS, ...set(sum)]),
      ...whenMode(mode, CLIP, [...get(sum), ...lanes(0), ...F_MAX, ...set(sum)]),
      ...[...get(pointer), ...get(sum), ...store(0), ...advance(pointer, get(stepTo))],
    ]),
    ...[...advance(from, integer(16)), ...advance(to, integer(16))],
  ]);
  return code(1, 7, body);
}

/* The module's bytes: three functions of seven integers each. */
function assemble(fused) {
  const text = (name) => vector([...name].map((letter) => [letter.charCodeAt(0)]));
  return new Uint8Array([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0], // "\0asm", version 1
    ...section(1, [0x60, ...vector(new Array(7).fill([I32])), 0]),
    ...section(2, [...text("page"), ...text("memory"), 2, 0, 1]), // the memory is handed in
    ...section(3, [0], [0], [0]),
    ...section(7, ...["line", "spread", "gather"].map((name, i) => [...text(name), 0, i])),
    ...section(10, lineCode(fused), mixCode(SPREAD), mixCode(GATHER)),
  ]);
}

/* --- the same in plain JavaScript, some twenty times slower --- */

function plainLine(f) {
  return (to, from, weights, biases, steps, stride, channels) => {
    const [memory, width, step] = [f(), 8 * steps, stride / 4];
    const sum = new Float32Array(width);
    for (let o = 0; o < 4; o++) {
      sum.fill(memory[biases / 4 + o]);
      for (let c = 0; c < channels; c += 2) {
        const [w, p] = [weights / 4 + 12 * c + o, from / 4 + c * step];
        const [a0, a1, a2] = [memory[w], memory[w + 4], memory[w + 8]];
        const [b0, b1, b2] = [memory[w + 12], memory[w + 16], memory[w + 20]];
        for (let x = 0, k = p, l = p + step; x < width; x++, k++, l++) {
          sum[x] +=
            a0 * memory[k] + a1 * memory[k + 1] + a2 * memory[k + 2] +
            b0 * memory[l] + b1 * memory[l + 1] + b2 * memory[l + 2]; // prettier-ignore
        }
      }
      memory.set(sum, to / 4 + o * step);
    }
  };
}

function plainMix(f, matrix) {
  return (to, from, count, stepTo, stepFrom, mode) => {
    const [memory, n, step] = [f(), 4 * count, stepFrom / 4];
    const result = new Float32Array(n);
    matrix.forEach((factors, i) => {
      result.fill(0);
      factors.forEach((factor, k) => {
        const start = from / 4 + k * step;
        for (let x = 0; factor && x < n; x++) result[x] += factor * memory[start + x];
      });
      const out = (to + i * stepTo) / 4;
      for (let x = 0; mode === ADD && x < n; x++) result[x] += memory[out + x];
      for (let x = 0; mode === CLIP && x < n; x++) if (result[x] < 0) result[x] = 0;
      memory.set(result, out);
    });
  };
}

/* {name, memory, line, spread, gather}: the fastest this browser has. `allow`: names to choose from, in tests. */
function makeKernel(allow = ["fused", "simd", "plain"]) {
  for (const name of allow) {
    if (name === "plain" || typeof WebAssembly !== "object") continue;
    const bytes = assemble(name === "fused");
    if (!WebAssembly.validate(bytes)) continue;
    const memory = new WebAssembly.Memory({ initial: 1 });
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { page: { memory } });
    return { name, memory, ...exports };
  }
  const memory = { buffer: new ArrayBuffer(65536) };
  memory.grow = (pages) => {
    const longer = new Uint8Array(memory.buffer.byteLength + 65536 * pages);
    longer.set(new Uint8Array(memory.buffer));
    memory.buffer = longer.buffer;
  };
  const f = () => new Float32Array(memory.buffer);
  return { name: "plain", memory, line: plainLine(f), spread: plainMix(f, SPREAD), gather: plainMix(f, GATHER) };
}

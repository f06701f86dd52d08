/* The networks of vcodec (vcodec/networks/: layers.py, resampler.py, post_processor.py) on one luma plane, from the safetensors
   file that ships with the package: nothing about their size is written here. */

/* {name: {shape, values: Float32Array}} of a safetensors file: a length, a JSON header, numbers of 16 bits. */
function readTensors(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = 8 + Number(view.getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, start)));
  delete header.__metadata__;
  return Object.fromEntries(
    Object.entries(header).map(([name, { dtype, shape, data_offsets: [from, to] }]) => {
      if (dtype !== "F16") throw new Error(`the weights ${name} are ${dtype}; this page reads F16`);
      const values = new Float32Array((to - from) / 2);
      for (let i = 0; i < values.length; i++) values[i] = halfFloat(view.getUint16(start + from + 2 * i, true));
      return [name, { shape, values }];
    }),
  );
}

function halfFloat(bits) {
  const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
  const size = exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15) : fraction * 2 ** -24;
  return bits >> 15 ? -size : size;
}

const upTo = (n, multiple) => Math.ceil(n / multiple) * multiple;

/* A 3x3 layer as the kernel wants it: weights [group][line of six][channel][3][4]. factor and shift: per output
   channel, folded in. */
function packLayer({ shape: [outputs, inputs], values }, bias, factor = () => 1, shift = () => 0) {
  const [groups, channels] = [Math.ceil(outputs / 4), upTo(inputs, 4)];
  const weights = new Float32Array(groups * 6 * channels * 12);
  const biases = new Float32Array(4 * groups);
  for (let o = 0; o < outputs; o++) {
    biases[o] = bias.values[o] * factor(o) + shift(o);
    for (let c = 0; c < inputs; c++) {
      for (let column = 0; column < 3; column++) {
        const [from, to] = [(o * inputs + c) * 9 + column, ((o >> 2) * 6 * channels + c) * 12 + 4 * column + (o & 3)];
        const six = spreadWeights(values[from], values[from + 3], values[from + 6]);
        for (let line = 0; line < 6; line++) weights[to + line * channels * 12] = six[line] * factor(o);
      }
    }
  }
  return { weights, biases, groups, channels };
}

/* The layers of a ConditionedTrunk for one quantisation step, with the condition inside the convolutions. */
function packTrunk(tensors, name, step) {
  const tensor = (key) => tensors[`${name}.trunk.${key}`];
  const layer = (key, ...change) => packLayer(tensor(`${key}.weight`), tensor(`${key}.bias`), ...change);
  const dense = (key, input) => {
    const { shape: [outputs, inputs], values } = tensor(`${key}.weight`); // prettier-ignore
    const sum = (o) => input.reduce((total, value, i) => total + value * values[o * inputs + i], 0);
    return Array.from({ length: outputs }, (_, o) => tensor(`${key}.bias`).values[o] + sum(o));
  };
  const hidden = dense("condition.0", [Math.log2(step) / 4 - 1]).map((value) => Math.max(0, value));
  const told = dense("condition.2", hidden); // [block][scale, shift][channel]
  const [width] = tensor("head.weight").shape;
  const blocks = [];
  for (let b = 0; tensor(`blocks.${b}.first.weight`); b++) {
    const [scale, shift] = [(o) => 1 + told[2 * b * width + o], (o) => told[(2 * b + 1) * width + o]];
    blocks.push([layer(`blocks.${b}.first`, scale, shift), layer(`blocks.${b}.second`)]);
  }
  const tail = layer("tail", () => 0.1);
  return { head: layer("head"), blocks, tail, radius: 2 * blocks.length + 2 };
}

/* Pictures of many channels in the kernel's memory, laid out as browser_codec_kernel.js says. */
class Workspace {
  constructor(kernel) {
    this.kernel = kernel;
    this.top = 64;
  }
  allocate(numbers) {
    const address = this.top;
    this.top += upTo(4 * numbers, 64);
    const missing = this.top - this.kernel.memory.buffer.byteLength;
    if (missing > 0) this.kernel.memory.grow(Math.ceil(missing / 65536));
    return address;
  }
  put(values) {
    const address = this.allocate(values.length);
    new Float32Array(this.kernel.memory.buffer, address, values.length).set(values);
    return address;
  }
  picture(channels, height, width) {
    const stride = upTo(width, 8) + 4;
    const size = (upTo(height, 4) + 2) * channels * stride + 16; // a row of zeros above and below
    const address = this.allocate(size);
    new Float32Array(this.kernel.memory.buffer, address, size).fill(0);
    return { address, channels, height, width, stride };
  }
  /* Add a picture to another of the same shape. */
  add(from, to) {
    const numbers = (from.height + 2) * from.channels * from.stride;
    const [a, b] = [from, to].map(({ address }) => new Float32Array(this.kernel.memory.buffer, address, numbers));
    for (let i = 0; i < numbers; i++) b[i] += a[i];
  }
  row(picture, channel, y) {
    const start = picture.address / 4 + ((y + 1) * picture.channels + channel) * picture.stride + 4;
    return new Float32Array(this.kernel.memory.buffer, 4 * start, picture.width);
  }
  /* A layer on a picture; scratch: from `scratchFor`. */
  convolve({ weights, biases, groups, channels }, from, to, mode, { spread, products, zeros }) {
    const { height, width } = from;
    const [stride, steps] = [4 * from.stride, Math.ceil(width / 8)];
    const [rowIn, rowOut, group4] = [stride * channels, stride * to.channels, 4 * stride];
    const memory = new Float32Array(this.kernel.memory.buffer);
    const clear = (start, end) => memory.fill(0, start / 4, end / 4);
    for (let y = 0; y < height; y += 4) {
      this.kernel.spread(spread, from.address + y * rowIn, rowIn / 16, rowIn, rowIn, WRITE);
      for (let group = 0; group < groups; group++) {
        for (let i = 0; i < 6; i++) {
          const [w, b] = [weights + 48 * channels * (6 * group + i), i === BIAS ? biases + 16 * group : zeros];
          this.kernel.line(products + i * group4 + 16, spread + i * rowIn + 12, w, b, steps, stride, channels);
        }
        const output = to.address + (y + 1) * rowOut + group * group4;
        this.kernel.gather(output, products, stride / 4, rowOut, group4, mode);
      }
      /* What was computed beyond the edges counts as border: zeros. */
      for (let i = y; i < y + 4; i++) {
        const row = to.address + (i + 1) * rowOut;
        if (i >= height) clear(row, row + rowOut);
        for (let c = 1; width % 8 && c <= to.channels; c++) {
          clear(row + c * stride - 4 * (-width & 7), row + c * stride);
        }
      }
    }
  }
  scratchFor(channels, { stride }) {
    const [spread, products, zeros] = [6 * channels * stride + 16, 24 * stride, 4].map((size) => this.allocate(size));
    const memory = new Float32Array(this.kernel.memory.buffer);
    memory.fill(0, spread / 4, zeros / 4 + 4);
    return { spread, products, zeros };
  }
}

/* A trunk on planes of one size: planes (Float32Array) in, planes out. `breathe` is awaited between layers. */
async function runTrunk(kernel, { head, blocks, tail }, planes, height, width, breathe) {
  const space = new Workspace(kernel);
  const put = (layer) => ({ ...layer, weights: space.put(layer.weights), biases: space.put(layer.biases) });
  const [first, last, pairs] = [put(head), put(tail), blocks.map((pair) => pair.map(put))];
  const input = space.picture(head.channels, height, width);
  const [start, features, inner] = [0, 1, 2].map(() => space.picture(4 * head.groups, height, width));
  const output = space.picture(4 * tail.groups, height, width);
  const scratch = space.scratchFor(4 * head.groups, input);
  const apply = (layer, from, to, mode) => space.convolve(layer, from, to, mode, scratch);
  planes.forEach((plane, c) => {
    for (let y = 0; y < height; y++) space.row(input, c, y).set(plane.subarray(y * width, (y + 1) * width));
  });
  apply(first, input, start, WRITE);
  space.add(start, features);
  for (const [one, two] of pairs) {
    await breathe();
    apply(one, features, inner, CLIP);
    await breathe();
    apply(two, inner, features, ADD);
  }
  await breathe();
  space.add(start, features);
  apply(last, features, output, WRITE);
  return Array.from({ length: output.channels }, (_, c) => {
    const plane = new Float32Array(height * width);
    for (let y = 0; y < height; y++) plane.set(space.row(output, c, y), y * width);
    return plane;
  });
}

/* --- resolution: planes are {data, width, height} --- */

/* Four planes of half the size, one for each place in a 2x2 square, in [0, 1]. */
function unshuffle({ data, width, height }) {
  const [w, h] = [width / 2, height / 2];
  return [0, 1, 2, 3].map((place) => {
    const plane = new Float32Array(w * h);
    for (let y = 0; y < h; y++) {
      const start = (2 * y + (place >> 1)) * width + (place & 1);
      for (let x = 0; x < w; x++) plane[y * w + x] = data[start + 2 * x] / 255;
    }
    return plane;
  });
}

/* Adds four planes of half the size to a plane, in place. */
function addShuffled({ data, width, height }, planes) {
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      data[y * width + x] += planes[2 * (y & 1) + (x & 1)][(y >> 1) * (width >> 1) + (x >> 1)];
    }
  }
}

/* Keys's cubic kernel; PyTorch has a = -0.5 for what it filters against aliasing and -0.75 for plain enlargement. */
function cubic(x, a) {
  const t = Math.abs(x);
  if (t < 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
  return t < 2 ? (((t - 5) * t + 8) * t - 4) * a : 0;
}

/* For every output sample of a line, the input samples it is made of and their weights. */
function halvingTaps(size) {
  return Array.from({ length: size / 2 }, (_, i) => {
    const from = Math.max(0, 2 * i - 3); // the kernel, twice as wide, reaches over 8 samples
    const weights = [];
    for (let j = from; j < Math.min(size, 2 * i + 5); j++) weights.push(cubic((j - 2 * i - 0.5) / 2, -0.5));
    const sum = weights.reduce((total, weight) => total + weight, 0);
    return weights.map((weight, k) => [from + k, weight / sum]);
  });
}

function doublingTaps(size) {
  return Array.from({ length: 2 * size }, (_, i) => {
    const [centre, phase] = [(i >> 1) + (i & 1) - 1, i & 1 ? 0.25 : 0.75];
    const clamp = (j) => Math.min(size - 1, Math.max(0, j));
    return [-1, 0, 1, 2].map((k) => [clamp(centre + k), cubic(k - phase, -0.75)]);
  });
}

/* A plane in [0, 1] of 0 to 255, re-sampled along both sides. */
function resample({ data, width, height }, taps) {
  const [across, down] = [taps(width), taps(height)];
  const lines = new Float32Array(across.length * height);
  for (let y = 0; y < height; y++) {
    across.forEach((list, x) => {
      let sum = 0;
      for (const [i, weight] of list) sum += (data[y * width + i] / 255) * weight;
      lines[y * across.length + x] = sum;
    });
  }
  const out = new Float32Array(across.length * down.length);
  down.forEach((list, y) => {
    for (const [i, weight] of list) {
      for (let x = 0; x < across.length; x++) out[y * across.length + x] += lines[i * across.length + x] * weight;
    }
  });
  return { data: out, width: across.length, height: down.length };
}

/* RSN ("rsn") or IDN ("idn") of a scale on a window: uint8 plane in, uint8 plane out. Even sides where the network
   works on 2x2 squares, which is everywhere but for the IDN of scale 2. trunk: packed, or null for plain bicubic. */
async function applyNetwork(kernel, trunk, part, scale, window, breathe) {
  const squares = part === "rsn" || scale === 1;
  let base = { ...window, data: Float32Array.from(window.data, (value) => value / 255) };
  if (scale === 2) base = resample(window, part === "rsn" ? halvingTaps : doublingTaps);
  if (part === "rsn") base.data = base.data.map((value) => Math.min(1, Math.max(0, value)));
  if (trunk) {
    const planes = squares ? unshuffle(window) : [Float32Array.from(window.data, (value) => value / 255)];
    const [h, w] = squares ? [window.height / 2, window.width / 2] : [window.height, window.width];
    const out = await runTrunk(kernel, trunk, planes, h, w, breathe);
    if (part === "rsn" && scale === 2) for (let i = 0; i < base.data.length; i++) base.data[i] += out[0][i];
    else addShuffled(base, out);
  }
  const data = Uint8Array.from(base.data, (value) => Math.min(255, Math.max(0, Math.round(255 * value))));
  return { ...base, data };
}

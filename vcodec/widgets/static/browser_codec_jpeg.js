/* Gray baseline JPEG (ITU-T T.81), writer and reader, with libjpeg's integer transforms and its optimised Huffman
   tables: the bytes are those of Python's Pillow with `qtables=..., optimize=True`, the pixels those that it decodes.

   A plane is {data: Uint8Array, width, height}, row by row. Blocks are Int16Array, 64 numbers a block in row order. */

const ZIGZAG = Array.from({ length: 64 }, (_, i) => i).sort((a, b) => {
  const diagonal = (i) => (i >> 3) + (i & 7);
  const along = (i) => (diagonal(i) & 1 ? i >> 3 : i & 7); // odd diagonals run downwards, even ones upwards
  return diagonal(a) - diagonal(b) || along(a) - along(b);
});

/* --- the transforms: Loeffler, Ligtenberg & Moschytz (1989) in 13-bit fixed point, as jfdctint.c and jidctint.c --- */

const [C0_298, C0_390, C0_541, C0_765, C0_899, C1_175] = [2446, 3196, 4433, 6270, 7373, 9633];
const [C1_501, C1_847, C1_961, C2_053, C2_562, C3_072] = [12299, 15137, 16069, 16819, 20995, 25172];

/* Eight numbers `stride` apart, from index i, in place; `even` shifts terms 0 and 4, `odd` descales all others. */
function forward8(b, i, stride, even, odd) {
  const [i1, i2, i3, i4] = [i + stride, i + 2 * stride, i + 3 * stride, i + 4 * stride];
  const [i5, i6, i7] = [i + 5 * stride, i + 6 * stride, i + 7 * stride];
  const [s0, s1, s2, s3] = [b[i] + b[i7], b[i1] + b[i6], b[i2] + b[i5], b[i3] + b[i4]];
  let [d0, d1, d2, d3] = [b[i3] - b[i4], b[i2] - b[i5], b[i1] - b[i6], b[i] - b[i7]];
  const [t0, t3, t1, t2] = [s0 + s3, s0 - s3, s1 + s2, s1 - s2];
  const half = 1 << (odd - 1);
  b[i] = even(t0 + t1);
  b[i4] = even(t0 - t1);
  const e = (t2 + t3) * C0_541;
  b[i2] = (e + t3 * C0_765 + half) >> odd;
  b[i6] = (e - t2 * C1_847 + half) >> odd;
  const z5 = (d0 + d2 + d1 + d3) * C1_175;
  const [z1, z2] = [-(d0 + d3) * C0_899, -(d1 + d2) * C2_562];
  const [z3, z4] = [z5 - (d0 + d2) * C1_961, z5 - (d1 + d3) * C0_390];
  b[i7] = (d0 * C0_298 + z1 + z3 + half) >> odd;
  b[i5] = (d1 * C2_053 + z2 + z4 + half) >> odd;
  b[i3] = (d2 * C3_072 + z2 + z3 + half) >> odd;
  b[i1] = (d3 * C1_501 + z1 + z4 + half) >> odd;
}

/* The inverse: the results are descaled by `shift` bits. */
function inverse8(b, i, stride, shift) {
  const [i1, i2, i3, i4] = [i + stride, i + 2 * stride, i + 3 * stride, i + 4 * stride];
  const [i5, i6, i7] = [i + 5 * stride, i + 6 * stride, i + 7 * stride];
  const half = 1 << (shift - 1);
  const e = (b[i2] + b[i6]) * C0_541;
  const [e2, e3] = [e - b[i6] * C1_847, e + b[i2] * C0_765];
  const [e0, e1] = [(b[i] + b[i4]) * 8192, (b[i] - b[i4]) * 8192];
  const [t0, t3, t1, t2] = [e0 + e3 + half, e0 - e3 + half, e1 + e2 + half, e1 - e2 + half];
  const [d0, d1, d2, d3] = [b[i7], b[i5], b[i3], b[i1]];
  const z5 = (d0 + d2 + d1 + d3) * C1_175;
  const [z1, z2] = [-(d0 + d3) * C0_899, -(d1 + d2) * C2_562];
  const [z3, z4] = [z5 - (d0 + d2) * C1_961, z5 - (d1 + d3) * C0_390];
  const [o0, o1] = [d0 * C0_298 + z1 + z3, d1 * C2_053 + z2 + z4];
  const [o2, o3] = [d2 * C3_072 + z2 + z3, d3 * C1_501 + z1 + z4];
  b[i] = (t0 + o3) >> shift;
  b[i7] = (t0 - o3) >> shift;
  b[i1] = (t1 + o2) >> shift;
  b[i6] = (t1 - o2) >> shift;
  b[i2] = (t2 + o1) >> shift;
  b[i5] = (t2 - o1) >> shift;
  b[i3] = (t3 + o0) >> shift;
  b[i4] = (t3 - o0) >> shift;
}

const widen = (value) => value << 2;
const narrow = (value) => (value + 2) >> 2;

/* All blocks of a plane, 8 times the DCT; the last column and row are repeated to fill the blocks. */
function forwardDct({ data, width, height }) {
  const [across, down] = [Math.ceil(width / 8), Math.ceil(height / 8)];
  const blocks = new Int16Array(64 * across * down);
  const block = new Int32Array(64);
  for (let n = 0; n < across * down; n++) {
    const [top, left] = [8 * Math.floor(n / across), 8 * (n % across)];
    for (let i = 0; i < 64; i++) {
      const [y, x] = [Math.min(top + (i >> 3), height - 1), Math.min(left + (i & 7), width - 1)];
      block[i] = data[y * width + x] - 128;
    }
    for (let i = 0; i < 8; i++) forward8(block, 8 * i, 1, widen, 11);
    for (let i = 0; i < 8; i++) forward8(block, i, 8, narrow, 15);
    blocks.set(block, 64 * n);
  }
  return blocks;
}

function inverseDct(blocks, table, width, height) {
  const across = Math.ceil(width / 8);
  const data = new Uint8ClampedArray(width * height);
  const block = new Int32Array(64);
  for (let n = 0; n < blocks.length / 64; n++) {
    const [top, left] = [8 * Math.floor(n / across), 8 * (n % across)];
    for (let i = 0; i < 64; i++) block[i] = blocks[64 * n + i] * table[i];
    for (let i = 0; i < 8; i++) inverse8(block, i, 8, 11);
    for (let i = 0; i < 8; i++) inverse8(block, 8 * i, 1, 18);
    for (let y = 0; y < Math.min(8, height - top); y++) {
      for (let x = 0; x < Math.min(8, width - left); x++) data[(top + y) * width + left + x] = block[8 * y + x] + 128;
    }
  }
  return { data: new Uint8Array(data.buffer), width, height };
}

/* --- Huffman coding --- */

const bitLength = (value) => 32 - Math.clz32(Math.abs(value));

/* Every symbol of a scan in order: emit(0 for DC or 1 for AC, symbol, extra bits, how many of them). */
function eachSymbol(blocks, emit) {
  let last = 0;
  const send = (kind, run, value) => {
    const size = bitLength(value);
    emit(kind, (run << 4) | size, value < 0 ? value + (1 << size) - 1 : value, size);
  };
  for (let start = 0; start < blocks.length; start += 64) {
    send(0, 0, blocks[start] - last);
    last = blocks[start];
    let run = 0;
    for (let i = 1; i < 64; i++) {
      const value = blocks[start + ZIGZAG[i]];
      if (value === 0) {
        run += 1;
        continue;
      }
      for (; run > 15; run -= 16) emit(1, 0xf0, 0, 0);
      send(1, run, value);
      run = 0;
    }
    if (run) emit(1, 0x00, 0, 0);
  }
}

/* The best code for these counts, as libjpeg finds it (T.81, Annex K.2): {lengths: how many codes have 1 to 16 bits,
   symbols: by length}. A symbol of its own, 256, keeps the code of ones alone free. */
function optimalCode(counts) {
  const frequency = [...counts, 1];
  const size = new Array(257).fill(0);
  const next = new Array(257).fill(-1);
  const rarest = (but) =>
    frequency.reduce((best, f, i) => (f && i !== but && (best < 0 || f <= frequency[best]) ? i : best), -1);
  for (;;) {
    const first = rarest(-1);
    const second = rarest(first);
    if (second < 0) break;
    frequency[first] += frequency[second];
    frequency[second] = 0;
    let end = first;
    for (size[end]++; next[end] >= 0; size[end]++) end = next[end];
    next[end] = second;
    for (size[(end = second)]++; next[end] >= 0; size[end]++) end = next[end];
  }
  const lengths = new Array(258).fill(0);
  for (const bits of size) if (bits) lengths[bits] += 1;
  let longest = 257;
  for (; longest > 16; longest--) {
    while (lengths[longest] > 0) {
      let shorter = longest - 2;
      while (lengths[shorter] === 0) shorter -= 1;
      lengths[longest] -= 2;
      lengths[longest - 1] += 1;
      lengths[shorter + 1] += 2;
      lengths[shorter] -= 1;
    }
  }
  while (lengths[longest] === 0) longest -= 1;
  lengths[longest] -= 1;
  const known = Array.from({ length: 256 }, (_, i) => i).filter((i) => size[i]);
  return { lengths: lengths.slice(1, 17), symbols: known.sort((a, b) => size[a] - size[b] || a - b) };
}

/* The codes themselves: visit(symbol, code, its bits) in order. */
function eachCode({ lengths, symbols }, visit) {
  let [code, n] = [0, 0];
  lengths.forEach((count, i) => {
    for (let k = 0; k < count; k++) visit(symbols[n++], code++, i + 1);
    code <<= 1;
  });
}

function scanBytes(blocks, codes) {
  let bytes = new Uint8Array(1024 + blocks.length / 8);
  let [end, buffer, free] = [0, 0, 32]; // bits wait at the upper end of `buffer`
  const [code, bits] = [codes.map(() => new Uint16Array(256)), codes.map(() => new Uint8Array(256))];
  codes.forEach((one, i) => eachCode(one, (symbol, value, n) => ([code[i][symbol], bits[i][symbol]] = [value, n])));
  const put = (value, n) => {
    free -= n;
    buffer |= value << free; // never more than 7 + 16 bits
    for (; free <= 24; free += 8, buffer <<= 8) {
      bytes[end++] = buffer >>> 24;
      if (buffer >>> 24 === 0xff) bytes[end++] = 0;
    }
    if (end + 8 > bytes.length) {
      const longer = new Uint8Array(2 * bytes.length);
      longer.set(bytes);
      bytes = longer;
    }
  };
  eachSymbol(blocks, (kind, symbol, value, n) => {
    put(code[kind][symbol], bits[kind][symbol]);
    if (n) put(value, n);
  });
  put(0x7f, 7); // ones fill the last byte; what is left over never leaves the buffer
  return bytes.subarray(0, end);
}

/* --- files --- */

/* A complete file. dct: of `forwardDct`. table: 64 steps in row order. comment: bytes for a COM segment, or none. */
function writeJpeg(dct, width, height, table, comment = []) {
  const blocks = new Int16Array(dct.length);
  for (let i = 0; i < dct.length; i++) {
    const [step, value] = [8 * table[i & 63], dct[i]]; // rounded half away from zero
    blocks[i] = value < 0 ? -Math.floor((step / 2 - value) / step) : Math.floor((step / 2 + value) / step);
  }
  const counts = [new Array(256).fill(0), new Array(256).fill(0)];
  eachSymbol(blocks, (kind, symbol) => (counts[kind][symbol] += 1));
  const codes = counts.map(optimalCode);
  const segment = (marker, ...body) => [0xff, marker, (body.length + 2) >> 8, (body.length + 2) & 255, ...body];
  const head = [
    ...[0xff, 0xd8],
    ...segment(0xe0, 0x4a, 0x46, 0x49, 0x46, 0, 1, 1, 0, 0, 1, 0, 1, 0, 0), // JFIF 1.01, square pixels, no thumbnail
    ...(comment.length ? segment(0xfe, ...comment) : []),
    ...segment(0xdb, 0, ...ZIGZAG.map((i) => table[i])),
    ...segment(0xc0, 8, height >> 8, height & 255, width >> 8, width & 255, 1, 1, 0x11, 0),
    ...codes.flatMap(({ lengths, symbols }, kind) => segment(0xc4, kind << 4, ...lengths, ...symbols)),
    ...segment(0xda, 1, 1, 0, 0, 63, 0),
  ];
  const scan = scanBytes(blocks, codes);
  const file = new Uint8Array(head.length + scan.length + 2);
  file.set(head);
  file.set(scan, head.length);
  file.set([0xff, 0xd9], head.length + scan.length);
  return file;
}

/* The segments of a file up to its scan: {marker: [body, ...]}, and where the scan's bytes begin. */
function segmentsOf(file) {
  const found = {};
  let at = 2;
  while (file[at + 1] !== 0xda) {
    const size = (file[at + 2] << 8) | file[at + 3];
    (found[file[at + 1]] ??= []).push(file.subarray(at + 4, at + 2 + size));
    at += 2 + size;
  }
  return { found, scan: at + 2 + ((file[at + 2] << 8) | file[at + 3]) };
}

/* The plane in a file that `writeJpeg` wrote. */
function readJpeg(file) {
  const { found, scan } = segmentsOf(file);
  const [, h1, h0, w1, w0] = found[0xc0][0];
  const [width, height] = [(w1 << 8) | w0, (h1 << 8) | h0];
  const table = new Uint8Array(64);
  ZIGZAG.forEach((place, i) => (table[place] = found[0xdb][0][1 + i]));
  const trees = found[0xc4].map((body) => {
    const tree = new Int16Array(1 << 17).fill(-1); // index: a one, then the code
    const code = { lengths: [...body.subarray(1, 17)], symbols: body.subarray(17) };
    eachCode(code, (symbol, value, bits) => (tree[(1 << bits) | value] = symbol));
    return tree;
  });
  let [at, buffer, left] = [scan, 0, 0];
  const bit = () => {
    if (left === 0) {
      [buffer, left] = [file[at], 8];
      at += buffer === 0xff ? 2 : 1; // a zero follows every FF
    }
    return (buffer >> --left) & 1;
  };
  const symbol = (tree) => {
    let node = 1;
    do node = (node << 1) | bit();
    while (tree[node] < 0);
    return tree[node];
  };
  const number = (size) => {
    let value = 0;
    for (let i = 0; i < size; i++) value = (value << 1) | bit();
    return size && value < 1 << (size - 1) ? value - (1 << size) + 1 : value;
  };
  const blocks = new Int16Array(64 * Math.ceil(width / 8) * Math.ceil(height / 8));
  let last = 0;
  for (let start = 0; start < blocks.length; start += 64) {
    blocks[start] = last += number(symbol(trees[0]));
    for (let i = 1; i < 64; i++) {
      const found = symbol(trees[1]);
      if (found === 0x00) break;
      i += found >> 4;
      if (found !== 0xf0) blocks[start + ZIGZAG[i]] = number(found & 15);
    }
  }
  return inverseDct(blocks, table, width, height);
}

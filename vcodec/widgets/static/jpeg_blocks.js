/* The blocks of a gray baseline JPEG, with the integer arithmetic of libjpeg (jfdctint.c, jidctint.c, jcdctmgr.c), so
   that integers, pixels and bits are those of a real file. Loeffler, Ligtenberg and Moschytz 1989: constants are
   multiplied by 2^13, the first pass keeps 2 more bits. */

const CONST_BITS = 13;
const PASS_BITS = 2;
const descale = (value, bits) => (value + (1 << (bits - 1))) >> bits;

/* The odd half of both transforms, which is its own transpose: four numbers in, four out. */
function oddPart(a, b, c, d) {
  const z5 = (a + c + b + d) * 9633;
  const [z1, z2] = [(a + d) * -7373, (b + c) * -20995];
  const [z3, z4] = [(a + c) * -16069 + z5, (b + d) * -3196 + z5];
  return [a * 2446 + z1 + z3, b * 16819 + z2 + z4, c * 25172 + z2 + z3, d * 12299 + z1 + z4];
}

function forwardPass(data, start, stride, even, bits) {
  const at = (k) => data[start + k * stride];
  const sums = [0, 1, 2, 3].map((k) => at(k) + at(7 - k));
  const [t7, t6, t5, t4] = [0, 1, 2, 3].map((k) => at(k) - at(7 - k));
  const [t10, t13, t11, t12] = [sums[0] + sums[3], sums[0] - sums[3], sums[1] + sums[2], sums[1] - sums[2]];
  const z1 = (t12 + t13) * 4433;
  const [o7, o5, o3, o1] = oddPart(t4, t5, t6, t7);
  const [out1, out2, out3, out5, out6, out7] = [o1, z1 + t13 * 6270, o3, o5, z1 - t12 * 15137, o7].map((value) =>
    descale(value, bits),
  );
  const out = [even(t10 + t11), out1, out2, out3, even(t10 - t11), out5, out6, out7];
  out.forEach((value, k) => (data[start + k * stride] = value));
}

/* 64 samples around 0 -> 64 DCT coefficients, eight times as large as those of the orthonormal transform. */
function forwardDct(samples) {
  const data = Int32Array.from(samples);
  for (let y = 0; y < 8; y++) forwardPass(data, 8 * y, 1, (v) => v << PASS_BITS, CONST_BITS - PASS_BITS);
  for (let x = 0; x < 8; x++) forwardPass(data, x, 8, (v) => descale(v, PASS_BITS), CONST_BITS + PASS_BITS);
  return data;
}

function inversePass(data, start, stride, bits) {
  const at = (k) => data[start + k * stride];
  const z1 = (at(2) + at(6)) * 4433;
  const [t2, t3] = [z1 - at(6) * 15137, z1 + at(2) * 6270];
  const [t0, t1] = [(at(0) + at(4)) << CONST_BITS, (at(0) - at(4)) << CONST_BITS];
  const even = [t0 + t3, t1 + t2, t1 - t2, t0 - t3];
  const odd = oddPart(at(7), at(5), at(3), at(1)).reverse();
  for (let k = 0; k < 4; k++) {
    data[start + k * stride] = descale(even[k] + odd[k], bits);
    data[start + (7 - k) * stride] = descale(even[k] - odd[k], bits);
  }
}

/* 64 dequantised coefficients (orthonormal scale) -> 64 pixels, 0 to 255. */
function inverseDct(coefficients) {
  const data = Int32Array.from(coefficients);
  for (let x = 0; x < 8; x++) inversePass(data, x, 8, CONST_BITS - PASS_BITS);
  for (let y = 0; y < 8; y++) inversePass(data, 8 * y, 1, CONST_BITS + PASS_BITS + 3);
  return data.map((value) => clamp(value + 128, 0, 255));
}

/* Coefficients of `forwardDct` -> the integers that are stored: to the nearest, halves away from zero. */
function quantise(coefficients, steps) {
  return coefficients.map((c, i) => Math.sign(c) * Math.floor((Math.abs(c) + 4 * steps[i]) / (8 * steps[i])));
}

/* libjpeg's rule (jcparam.c) for a quality of 1 to 100. */
function scaledTable(base, quality) {
  const scale = quality < 50 ? Math.floor(5000 / quality) : 200 - 2 * quality;
  return base.map((step) => clamp(Math.floor((step * scale + 50) / 100), 1, 255));
}

const bitLength = (integer) => 32 - Math.clz32(Math.abs(integer));

/* What one block costs: [{kind, value, level, bits}], as vcodec.standard.jpeg_bits.block_symbols. */
function blockSymbols(levels, before, { zigzag, dc, ac }) {
  const difference = levels[0] - before;
  const size = bitLength(difference);
  const symbols = [{ kind: "DC", value: size, level: difference, bits: dc[size] + size }];
  let run = 0;
  for (const position of zigzag.slice(1)) {
    const level = levels[position];
    if (!level) {
      run += 1;
      continue;
    }
    for (; run >= 16; run -= 16) symbols.push({ kind: "AC", value: 0xf0, level: 0, bits: ac[0xf0] });
    const value = 16 * run + bitLength(level);
    symbols.push({ kind: "AC", value, level, bits: ac[value] + bitLength(level) });
    run = 0;
  }
  if (run) symbols.push({ kind: "AC", value: 0, level: 0, bits: ac[0] });
  return symbols;
}

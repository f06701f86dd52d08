"""Which integers should a JPEG store? Rate-distortion optimised quantisation of its DCT coefficients.

Rounding every coefficient to the nearest step is best for the error alone. A lone +-1 far up the zig-zag
scan costs ten bits and repairs little, so the encoder weighs error against bits and drops it: a shortest
path through the positions of each block (Ramchandran and Vetterli 1994; "trellis quantisation" in mozjpeg
and x264). The file stays an ordinary JPEG. Book: chapter 4."""

import numpy as np

from vcodec.dct import block_dct

ZIGZAG = np.array(sorted(range(64), key=lambda i: (i // 8 + i % 8, i // 8 if (i // 8 + i % 8) % 2 else i % 8)))
BLOCKS = 1 << 14  # at a time, which bounds the memory: a block takes about 4 kB meanwhile
END_OF_BLOCK, SIXTEEN_ZEROS = 0x00, 0xF0  # symbols of ITU-T T.81, Annex F.1.2.2; else 16 * run + size


def quantise(plane: np.ndarray, table: np.ndarray, price: float) -> np.ndarray:
    """Integers to store, int16 (H/8, W/8, 8, 8), for a plane (H, W), 0 to 255.

    table: steps, (8, 8). price: the squared error, summed over pixels in levels of 0 to 255, that a bit must
    save; 0 rounds to the nearest. The cost of each symbol comes from the plane's own statistics, taken twice."""
    coefficients = block_dct(plane)
    scan = coefficients.reshape(-1, 64)[:, ZIGZAG]
    steps = np.asarray(table, float).ravel()[ZIGZAG]
    stored = np.rint(scan / steps).astype(int)
    if price:
        for _ in range(2):
            bits = symbol_bits(stored)
            for at in range(0, len(scan), BLOCKS):
                part = slice(at, at + BLOCKS)
                stored[part, 1:] = shortest_path(scan[part], steps, price, bits)[:, 1:]
    integers = np.empty_like(stored, dtype=np.int16)
    integers[:, ZIGZAG] = stored
    return integers.reshape(coefficients.shape)


def symbol_bits(stored: np.ndarray) -> np.ndarray:
    """Bits of each of the 256 symbols under an ideal code for the AC integers (B, 64) in scan order."""
    block, position = np.nonzero(stored[:, 1:])
    position += 1
    follows = np.r_[False, block[1:] == block[:-1]][: len(block)]
    before = np.where(follows, np.roll(position, 1), 0)
    run, size = position - before - 1, bit_length(stored[block, position])
    counts = np.bincount(16 * (run % 16) + size, minlength=256).astype(float)
    counts[SIXTEEN_ZEROS] += (run // 16).sum()
    counts[END_OF_BLOCK] += (stored[:, 63] == 0).sum()
    counts += 0.3  # no symbol is impossible
    return np.clip(-np.log2(counts / counts.sum()), 1, 16)  # what a Huffman code can do


def bit_length(integers: np.ndarray) -> np.ndarray:
    """Bits of the magnitude, 0 for 0: the "size" of T.81."""
    return np.frexp(np.abs(integers))[1]


def shortest_path(scan: np.ndarray, steps: np.ndarray, price: float, bits: np.ndarray) -> np.ndarray:
    """The AC integers of least (squared error + price * bits), for all blocks at once.

    scan: coefficients (B, 64); steps (64,); bits: of each symbol, (256,). Returns (B, 64), DC left at 0.
    best[b, j] is the least cost of block b up to position j if j holds its last non-zero integer so far;
    at j the nearest integer and the one below it compete, with every earlier position before it."""
    size = np.abs(scan)
    nearest = np.rint(size / steps).astype(int)
    of_zeros = np.cumsum(np.where(np.arange(64) > 0, size**2, 0), axis=1)  # error if 1..j are all dropped
    best = np.full(scan.shape, np.inf)
    best[:, 0] = 0
    before, value = np.zeros(scan.shape, int), np.zeros(scan.shape, int)
    for j in range(1, 64):
        b = np.flatnonzero(nearest[:, j])
        if not len(b):
            continue
        run = np.arange(j - 1, -1, -1)
        arriving = best[b, :j] + of_zeros[b, j - 1, None] - of_zeros[b, :j] + price * (run // 16) * bits[SIXTEEN_ZEROS]
        for integer in (nearest[b, j], nearest[b, j] - 1):
            length = bit_length(integer)[:, None]
            total = arriving + price * (bits[16 * (run % 16) + length] + length)
            choice = total.argmin(axis=1)
            cost = total[np.arange(len(b)), choice] + (size[b, j] - integer * steps[j]) ** 2
            better = (cost < best[b, j]) & (integer > 0)
            best[b[better], j] = cost[better]
            before[b[better], j], value[b[better], j] = choice[better], integer[better]
    ending = best + of_zeros[:, 63:] - of_zeros + price * bits[END_OF_BLOCK] * (np.arange(64) < 63)
    last, stored = ending.argmin(axis=1), np.zeros(scan.shape, int)
    while (b := np.flatnonzero(last)).size:
        stored[b, last[b]] = value[b, last[b]]
        last[b] = before[b, last[b]]
    return np.where(scan < 0, -stored, stored)

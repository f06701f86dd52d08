# %% variants
VARIANTS = {
    "a": {
        "title": "Assignment 5: a resolution for each tile",
        "piece": "tile of `PIECE` by `PIECE` pixels",
        "PICTURE": "chelsea", "PIECE": 64, "STEP": 110, "PRICE": 0.06, "MAX_BYTES": 900,
    },
    "b": {
        "title": "Assignment 5: a resolution for each strip",
        "piece": "strip of `PIECE` rows, as wide as the picture",
        "PICTURE": "coffee", "PIECE": 48, "STEP": 90, "PRICE": 0.12, "MIN_PSNR": 30.0,
    },
}  # fmt: skip

# %% [markdown]
# # <<title>>
#
# **75 to 120 minutes, 13 marks. Read chapter 9 first.**
#
# The codec of the book chooses one resolution for a whole picture. You find out where the two curves cross, control the size or the quality of a file, and write an encoder that chooses for every part of the picture: part 8 of *your codec*, finer.
#
# Every task has a cell for your code and a cell of tests. Write your code in the place of `raise NotImplementedError`. The tests that you see are not all: others are run when your work is marked.
# Leave the names of the functions, and do not delete cells. Before you hand in, choose *Restart Kernel and Run All Cells*.

# %% given
import struct

import numpy as np

from vcodec import your_codec
from vcodec.images import embedded
from vcodec.metrics import psnr

full, half = codecs = your_codec.load(your_codec.WEIGHTS)  # trained networks
photo = your_codec.to_gray(embedded(PICTURE))[96:288, 160:352]  # uint8 (192, 192)

data = your_codec.write(photo, STEP, half)  # a file at half resolution; step: 1 to 1000
decoded = your_codec.decode(data, codecs)  # of either resolution
print(f"{len(data)} bytes, {psnr(photo, decoded):.2f} dB")

# %% [markdown]
# ## 1. Two curves (2 marks)
#
# `rd_points` codes the photograph with one codec at each of some steps and returns the rates in bits per pixel *of the original* and the PSNR of what a decoder makes of the whole file.


# %% solution rd_points
def rd_points(image, codec, steps):
    """Returns an array (K, 2): bits per pixel and PSNR in dB, in the order of steps."""
    ### BEGIN SOLUTION
    points = []
    for step in steps:
        data = your_codec.write(image, step, codec)
        points.append(
            (8 * len(data) / image.size, psnr(image, your_codec.decode(data, codecs)))
        )
    return np.array(points)
    ### END SOLUTION


# %% wrong rd_points rd_points
# The rate is divided by the pixels of the re-sampled picture: at half resolution it is four times too high.
# - / image.size
# + / (image.size / codec.scale**2)

# %% tests rd_points 2
steps = (24, 40, 64, 100)
points = rd_points(photo, full, steps)
assert points.shape == (4, 2) and (np.diff(points, axis=0) < 0).all(), (
    "a larger step: fewer bits, fewer dB"
)
### BEGIN HIDDEN TESTS
data = your_codec.write(photo[:90], 50, half)
wanted = 8 * len(data) / photo[:90].size, psnr(photo[:90], your_codec.decode(data, codecs))
assert np.allclose(rd_points(photo[:90], half, (50,)), [wanted])
### END HIDDEN TESTS

# %% [markdown] only=a
# ## 2. Where they cross (3 marks)
#
# `crossover` returns the *rate* above which full resolution is better. Between its points a curve is a straight line of PSNR over the *logarithm* of the rate. Look at the rates that both curves have, only at those, and return the first at which full resolution is as good as half.
# Return `None` if it is better nowhere, and the lowest common rate if it is better from the start. The points come in any order.

# %% [markdown] only=b
# ## 2. Where they cross (3 marks)
#
# `crossover` returns the *PSNR* above which full resolution needs fewer bits. Between its points a curve is a straight line of the *logarithm* of the rate over the PSNR. Look at the PSNR that both curves have, only at those, and return the first at which full resolution needs no more bits than half.
# Return `None` if it does so nowhere, and the lowest common PSNR if it does so from the start. The points come in any order.


# %% solution crossover only=a
def crossover(full_points, half_points):
    """Arrays (K, 2) of bits per pixel and PSNR -> bits per pixel, or None."""
    ### BEGIN SOLUTION
    curves = [np.array(sorted(map(tuple, points))) for points in (full_points, half_points)]
    logs = [np.log(curve[:, 0]) for curve in curves]
    grid = np.linspace(max(log[0] for log in logs), min(log[-1] for log in logs), 10001)
    one, other = (
        np.interp(grid, log, curve[:, 1]) for log, curve in zip(logs, curves, strict=True)
    )
    better = np.flatnonzero(one >= other)
    return float(np.exp(grid[better[0]])) if len(better) else None
    ### END SOLUTION


# %% wrong crossover crossover only=a
# The curve is a straight line over the rate itself, so the crossover lies at another place between two points.
# - np.log(curve[:, 0])
# + curve[:, 0]
# - np.exp(grid[better[0]])
# + grid[better[0]]


# %% solution crossover only=b
def crossover(full_points, half_points):
    """Arrays (K, 2) of bits per pixel and PSNR -> PSNR, or None."""
    ### BEGIN SOLUTION
    curves = [np.array(sorted(map(tuple, points))) for points in (full_points, half_points)]
    grid = np.linspace(
        max(curve[0, 1] for curve in curves), min(curve[-1, 1] for curve in curves), 10001
    )
    one, other = (np.interp(grid, curve[:, 1], np.log(curve[:, 0])) for curve in curves)
    better = np.flatnonzero(one <= other)
    return float(grid[better[0]]) if len(better) else None
    ### END SOLUTION


# %% wrong crossover crossover only=b
# The curve is a straight line of the rate itself, so the crossover lies at another place between two points.
# - np.log(curve[:, 0])
# + curve[:, 0]

# %% tests crossover 3
one, other = np.array([[0.1, 20], [0.8, 32]]), np.array([[0.1, 24], [0.8, 28]])
found = crossover(one, other)
print(f"crossover of the example: {found:.3f}")
low, high = (0.1, 0.8) if PIECE == 64 else (24, 28)
assert low < found < high and crossover(one - [0, 20], other) is None
### BEGIN HIDDEN TESTS
wanted = 0.2828 if PIECE == 64 else 26
assert (
    abs(found - wanted) < 0.003 * wanted
    and abs(crossover(one[::-1], other[::-1]) - wanted) < 0.003 * wanted
)
assert abs(crossover(one + [0, 6], other) - (0.1 if PIECE == 64 else 26)) < 0.01
three = np.array([[0.05, 17], [0.4, 26.5], [0.7, 33]])
wanted = 0.4069 if PIECE == 64 else 26.70
assert abs(crossover(three, other) - wanted) < 0.02 * wanted
### END HIDDEN TESTS

# %% [markdown] only=a
# ## 3. A file of a given size (3 marks)
#
# `encode_within` returns the file of at most `max_bytes` bytes with the highest PSNR, of either resolution. Find the smallest step that is fine enough by *bisection* over the whole numbers from 1 to 1000: at most 11 files for each resolution. Raise `ValueError` if even a step of 1000 makes too long a file at both.

# %% [markdown] only=b
# ## 3. A file of a given quality (3 marks)
#
# `encode_at_least` returns the smallest file with a PSNR of at least `min_psnr`, of either resolution. Find the largest step that is fine enough by *bisection* over the whole numbers from 1 to 1000: at most 11 files for each resolution. Raise `ValueError` if even a step of 1 is not good enough at both.


# %% solution control only=a
def encode_within(image, max_bytes):
    """uint8 (H, W) -> bytes"""
    ### BEGIN SOLUTION
    best = None
    for codec in codecs:
        low, high = 0, 1001  # too long at low, short enough at high
        data = None
        while high - low > 1:
            middle = (low + high) // 2
            tried = your_codec.write(image, middle, codec)
            if len(tried) <= max_bytes:
                high, data = middle, tried
            else:
                low = middle
        if data is not None:
            quality = psnr(image, your_codec.decode(data, codecs))
            best = max(best or (-1, b""), (quality, data))
    if best is None:
        raise ValueError("no step makes so short a file")
    return best[1]
    ### END SOLUTION


# %% wrong control control only=a
# Half resolution is taken as soon as it fits, whatever its quality.
# - for codec in codecs:
# + for codec in reversed(codecs):
# - best = max(best or (-1, b""), (quality, data))
# + return data


# %% solution control only=b
def encode_at_least(image, min_psnr):
    """uint8 (H, W) -> bytes"""
    ### BEGIN SOLUTION
    best = None
    for codec in codecs:
        low, high = 0, 1001  # good enough at low, too bad at high
        data = None
        while high - low > 1:
            middle = (low + high) // 2
            tried = your_codec.write(image, middle, codec)
            if psnr(image, your_codec.decode(tried, codecs)) >= min_psnr:
                low, data = middle, tried
            else:
                high = middle
        if data is not None:
            best = data if best is None else min(best, data, key=len)
    if best is None:
        raise ValueError("no step makes so good a file")
    return best
    ### END SOLUTION


# %% wrong control control only=b
# Half resolution is taken as soon as it is good enough, whatever its size.
# - for codec in codecs:
# + for codec in reversed(codecs):
# - best = data if best is None else min(best, data, key=len)
# + return data

# %% tests control 3 only=a
data = encode_within(photo, MAX_BYTES)
print(
    f"{len(data)} of {MAX_BYTES} bytes, {psnr(photo, your_codec.decode(data, codecs)):.2f} dB"
)
assert 0.9 * MAX_BYTES < len(data) <= MAX_BYTES
### BEGIN HIDDEN TESTS
for most in (MAX_BYTES, 6 * MAX_BYTES):
    found = psnr(photo, your_codec.decode(encode_within(photo, most), codecs))
    for codec in codecs:
        for step in (6, 8, 11, 15, 30, 60, 90):
            other = your_codec.write(photo, step, codec)
            assert (
                len(other) > most or psnr(photo, your_codec.decode(other, codecs)) < found + 0.1
            )
try:
    encode_within(photo, 20)
    raise AssertionError("20 bytes are too few")
except ValueError:
    pass
### END HIDDEN TESTS

# %% tests control 3 only=b
data = encode_at_least(photo, MIN_PSNR)
print(f"{len(data)} bytes, {psnr(photo, your_codec.decode(data, codecs)):.2f} of {MIN_PSNR} dB")
assert MIN_PSNR <= psnr(photo, your_codec.decode(data, codecs)) < MIN_PSNR + 0.5
### BEGIN HIDDEN TESTS
for least in (MIN_PSNR, MIN_PSNR + 4):
    found = encode_at_least(photo, least)
    assert psnr(photo, your_codec.decode(found, codecs)) >= least
    for codec in codecs:
        for step in (15, 20, 30, 40, 60, 90, 130):
            other = your_codec.write(photo, step, codec)
            assert psnr(photo, your_codec.decode(other, codecs)) < least or len(
                found
            ) < 1.02 * len(other)
try:
    encode_at_least(photo, 90)
    raise AssertionError("no file has 90 dB")
except ValueError:
    pass
### END HIDDEN TESTS

# %% [markdown]
# ## 4. A choice for each part (5 marks)
#
# Cut the picture into pieces, each a <<piece>>, line by line from the top left; at the right and at the bottom they may be smaller. Code each piece at the resolution whose *cost* is lower,
#
# $$ J = \left(\frac{1}{\text{step}}\right)^2 \text{mse} + \text{PRICE} \cdot \frac{8 \cdot \text{bytes}}{\text{pixels of the piece}}, $$
#
# where *mse* is the mean squared error in squared gray levels of the piece that a decoder makes. If the costs are equal take full resolution.
# The file is height and width, as `struct.pack("<HH", ...)` writes them, and then for each piece its length as `"<H"` and its file. Each piece has a header of 15 bytes; a better format would save them.


# %% solution pieces only=a
def pieces(height, width):
    """The rows and columns of each piece, as pairs of slices."""
    ### BEGIN SOLUTION
    rows, columns = (
        [slice(i, i + PIECE) for i in range(0, side, PIECE)] for side in (height, width)
    )
    return [(row, column) for row in rows for column in columns]
    ### END SOLUTION


# %% solution pieces only=b
def pieces(height, width):
    """The rows and columns of each piece, as pairs of slices."""
    ### BEGIN SOLUTION
    return [(slice(i, i + PIECE), slice(0, width)) for i in range(0, height, PIECE)]
    ### END SOLUTION


# %% solution mixed
def cheaper(piece, step):
    """The file of lower cost, of either resolution. piece: uint8 (H, W)."""

    ### BEGIN SOLUTION
    def price(data):
        error = your_codec.decode(data, codecs).astype(float) - piece
        return np.mean(error**2) / step**2 + PRICE * 8 * len(data) / piece.size

    return min((your_codec.write(piece, step, codec) for codec in codecs), key=price)
    ### END SOLUTION


def encode(image, step):
    """uint8 (H, W) -> bytes"""
    ### BEGIN SOLUTION
    out = struct.pack("<HH", *image.shape)
    for place in pieces(*image.shape):
        data = cheaper(image[place], step)
        out += struct.pack("<H", len(data)) + data
    return out
    ### END SOLUTION


def decode(data):
    """bytes -> uint8 (H, W)"""
    ### BEGIN SOLUTION
    height, width = struct.unpack_from("<HH", data)
    image, at = np.zeros((height, width), np.uint8), 4
    for place in pieces(height, width):
        (length,) = struct.unpack_from("<H", data, at)
        image[place] = your_codec.decode(data[at + 2 : at + 2 + length], codecs)
        at += 2 + length
    return image
    ### END SOLUTION


# %% wrong mixed choice
# Unsigned bytes are subtracted without a change of type: a difference of -1 becomes 255, and the choice is wrong.
# - your_codec.decode(data, codecs).astype(float) - piece
# + (your_codec.decode(data, codecs) - piece).astype(float)

# %% tests pieces 1
covered = np.zeros((100, 130), int)
for place in pieces(100, 130):
    covered[place] += 1
assert (covered == 1).all(), "each pixel is in one piece"
### BEGIN HIDDEN TESTS
assert len(pieces(100, 130)) == (6 if PIECE == 64 else 3) and len(pieces(1, 1)) == 1
first, second = (np.zeros((100, 130))[place].shape for place in pieces(100, 130)[:2])
assert (first, second) == (((64, 64), (64, 64)) if PIECE == 64 else ((48, 130), (48, 130)))
### END HIDDEN TESTS

# %% tests choice 2
scales = [
    cheaper(photo[place], STEP)[8] for place in pieces(*photo.shape)
]  # as the header says it
print("resolutions of the pieces:", scales)
assert set(scales) <= {1, 2}


### BEGIN HIDDEN TESTS
def cost_of(piece, step, codec):
    data = your_codec.write(piece, step, codec)
    error = your_codec.decode(data, codecs).astype(float) - piece
    return np.mean(error**2) / step**2 + PRICE * 8 * len(data) / piece.size


for step in (STEP, 20, 180):
    for top in range(0, 192, 48):
        part = photo[top : top + 48, 48:144]
        costs = [cost_of(part, step, codec) for codec in codecs]
        assert cheaper(part, step)[8] == codecs[int(np.argmin(costs))].scale
### END HIDDEN TESTS

# %% tests files 2
data = encode(photo, STEP)
print(f"{8 * len(data) / photo.size:.2f} bpp, {psnr(photo, decode(data)):.2f} dB")
assert struct.unpack_from("<HH", data) == photo.shape and decode(data).shape == photo.shape
### BEGIN HIDDEN TESTS
for height, width in ((100, 130), (1, 1), (64, 48)):
    image = photo[:height, :width]
    data, at, wanted = encode(image, STEP), 4, np.zeros_like(image)
    for place in pieces(height, width):
        (length,) = struct.unpack_from("<H", data, at)
        wanted[place] = your_codec.decode(data[at + 2 : at + 2 + length], codecs)
        at += 2 + length
    assert at == len(data) and np.array_equal(decode(data), wanted) and psnr(image, wanted) > 20
### END HIDDEN TESTS

# %% [markdown]
# ## What you have
#
# A codec of your own, with a choice that the book's lacks. Is it worth its headers? Compare both at one step.

# %% given
whole = your_codec.encode(photo, STEP, codecs)
mine = encode(photo, STEP)
for name, size, picture in (
    ("one choice", whole, your_codec.decode(whole, codecs)),
    ("pieces", mine, decode(mine)),
):
    print(f"{name}: {len(size)} bytes, {psnr(photo, picture):.2f} dB")

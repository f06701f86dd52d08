# %% variants
VARIANTS = {
    "a": {
        "title": "Assignment 1: a codec of tall blocks",
        "shape": "16 rows and 4 columns",
        "scene": "a photograph of a man with a camera",
        "PICTURE": "camera", "ROWS": 16, "COLUMNS": 4, "STEP": 24, "MOST_BYTES": 14500,
    },
    "b": {
        "title": "Assignment 1: a codec of flat blocks",
        "shape": "4 rows and 16 columns",
        "scene": "a photograph of gravel",
        "PICTURE": "gravel", "ROWS": 4, "COLUMNS": 16, "STEP": 40, "MOST_BYTES": 13500,
    },
}  # fmt: skip

# %% [markdown]
# # <<title>>
#
# **60 to 90 minutes, 12 marks. Read chapter 2 first.**
#
# The codec of the book cuts a picture into blocks of 8 by 8 pixels. You write one whose blocks have <<shape>>: its transform, its prediction of the means, and its file.
# Like those of the book they have 64 pixels, so your `to_blocks` and `from_blocks` can take the place of part 1 in a codec of full resolution.
#
# Every task has a cell for your code and a cell of tests. Write your code in the place of `raise NotImplementedError`. The tests that you see are not all: others are run when your work is marked.
# Leave the names of the functions, and do not delete cells. Before you hand in, choose *Restart Kernel and Run All Cells*.

# %% given
import struct
import zlib

import numpy as np
import torch

from vcodec.images import embedded
from vcodec.metrics import psnr

# %% given
photo = embedded(PICTURE)[128:384, 128:384]  # uint8 (256, 256)
print(photo.shape, photo.dtype)

# %% [markdown]
# ## 1. The transform (3 marks)
#
# A block of $R$ rows and $C$ columns has $RC$ patterns: pattern $(u, v)$ is the outer product of wave $u$ of the DCT of length $R$ and wave $v$ of that of length $C$,
#
# $$w_k(i) = c_k \cos\frac{\pi (2i + 1) k}{2n}, \qquad c_0 = \sqrt{1/n}, \quad c_k = \sqrt{2/n} \text{ for } k > 0.$$
#
# Return them as the rows of one matrix $(RC, RC)$; a row holds the pixels of its pattern, line by line. Order them by frequency *per pixel*, $u/R + v/C$, small ones first; of two equal ones the smaller $u$ comes first.
# (The book orders by $u + v$. This is right for square blocks alone.)


# %% solution dct_patterns
def dct_patterns(rows, columns):
    """The patterns of a block's DCT: float (rows * columns, rows * columns), orthonormal."""
    ### BEGIN SOLUTION
    waves = []
    for n in (rows, columns):
        k = torch.arange(n)
        wave = (2 / n) ** 0.5 * torch.cos(torch.pi * (2 * k + 1) * k[:, None] / (2 * n))
        wave[0] /= 2**0.5
        waves.append(wave)
    patterns = torch.einsum("ui,vj->uvij", *waves).reshape(rows * columns, -1)
    places = [(u * columns + v * rows, u, v) for u in range(rows) for v in range(columns)]
    return patterns[[u * columns + v for _, u, v in sorted(places)]]
    ### END SOLUTION


# %% wrong dct_patterns dct_patterns-order
# The order of square blocks, u + v, as in the book. It changes the order of the planes, so the file still decodes.
# - (u * columns + v * rows, u, v)
# + (u + v, u, v)

# %% tests dct_patterns-orthonormal 2
P = dct_patterns(ROWS, COLUMNS)
assert P.shape == (ROWS * COLUMNS, ROWS * COLUMNS)
assert torch.allclose(P @ P.T, torch.eye(len(P)), atol=1e-5), "the rows are not orthonormal"
assert P[0].std() < 1e-5, "the first pattern is the mean: all its pixels are equal"
### BEGIN HIDDEN TESTS
from scipy.fft import dctn


def same_up_to_order(rows, columns):
    block = np.random.default_rng(1).normal(size=(rows, columns))
    found = dct_patterns(rows, columns).double().numpy() @ block.ravel()
    return np.allclose(np.sort(found), np.sort(dctn(block, norm="ortho").ravel()), atol=1e-5)


assert same_up_to_order(ROWS, COLUMNS) and same_up_to_order(2, 8) and same_up_to_order(1, 4)
### END HIDDEN TESTS

# %% tests dct_patterns-order 1
assert (dct_patterns(2, 2)[1] > 0).tolist() == [True, False, True, False], (
    "(0, 1) comes before (1, 0)"
)


### BEGIN HIDDEN TESTS
from scipy.fft import dctn


def in_order(rows, columns):
    block = np.random.default_rng(2).normal(size=(rows, columns))
    wanted = dctn(block, norm="ortho")
    places = sorted((u * columns + v * rows, u, v) for u in range(rows) for v in range(columns))
    found = dct_patterns(rows, columns).double().numpy() @ block.ravel()
    return np.allclose(found, [wanted[u, v] for _, u, v in places], atol=1e-5)


assert in_order(ROWS, COLUMNS) and in_order(COLUMNS, ROWS) and in_order(2, 8)
### END HIDDEN TESTS

# %% [markdown]
# ## 2. Pictures and blocks (3 marks)
#
# `to_blocks` turns pictures into coefficients: subtract 128 from the gray levels (255 times $y$), cut into blocks, multiply by the patterns. `from_blocks` is the inverse. `F.pixel_unshuffle` of the book cuts squares only; `reshape` and `permute` cut any block.

# %% solution to_blocks
PATTERNS = dct_patterns(ROWS, COLUMNS)


def to_blocks(y):
    """(N, 1, H, W) in [0, 1] -> (N, ROWS * COLUMNS, H / ROWS, W / COLUMNS) in gray levels."""
    ### BEGIN SOLUTION
    n, _, height, width = y.shape
    cut = (255 * y - 128).reshape(n, height // ROWS, ROWS, width // COLUMNS, COLUMNS)
    pixels = cut.permute(0, 2, 4, 1, 3).reshape(
        n, ROWS * COLUMNS, height // ROWS, width // COLUMNS
    )
    return torch.einsum("kp,nphw->nkhw", PATTERNS, pixels)
    ### END SOLUTION


def from_blocks(coefficients):
    """The inverse of to_blocks."""
    ### BEGIN SOLUTION
    n, _, rows, columns = coefficients.shape
    pixels = torch.einsum("kp,nkhw->nphw", PATTERNS, coefficients)
    cut = pixels.reshape(n, ROWS, COLUMNS, rows, columns).permute(0, 3, 1, 4, 2)
    return (cut.reshape(n, 1, rows * ROWS, columns * COLUMNS) + 128) / 255
    ### END SOLUTION


# %% wrong to_blocks to_blocks
# The 128 is not subtracted, and not added again: the pictures come back, but the coefficient of the mean is another one.
# - (255 * y - 128)
# + (255 * y)
# - + 128) / 255
# + ) / 255

# %% tests to_blocks 2
y = torch.from_numpy(photo)[None, None] / 255
coefficients = to_blocks(y)
assert coefficients.shape == (1, ROWS * COLUMNS, 256 // ROWS, 256 // COLUMNS)
### BEGIN HIDDEN TESTS
from scipy.fft import dctn

block = photo[ROWS : 2 * ROWS, 2 * COLUMNS : 3 * COLUMNS].astype(float) - 128
found = coefficients[0, :, 1, 2].double().numpy()
assert np.allclose(np.sort(found), np.sort(dctn(block, norm="ortho").ravel()), atol=1e-2)
### END HIDDEN TESTS

# %% tests from_blocks 1
assert torch.allclose(from_blocks(to_blocks(y)), y, atol=1e-4), (
    "from_blocks does not undo to_blocks"
)
### BEGIN HIDDEN TESTS
noise = torch.rand(3, 1, 5 * ROWS, 2 * COLUMNS, generator=torch.Generator().manual_seed(3))
assert torch.allclose(from_blocks(to_blocks(noise)), noise, atol=1e-4)
### END HIDDEN TESTS

# %% [markdown] only=a
# ## 3. The means (2 marks)
#
# The coefficient of the mean of a block is like that of the block to its left. Code its *difference* to the left neighbour; in the first column to the one above; the first of all to 0. `restore` undoes `differences`.

# %% [markdown] only=b
# ## 3. The means (2 marks)
#
# The coefficient of the mean of a block is predicted as *left + above − above left*, which is exact where the picture gets brighter evenly. A neighbour outside the picture counts as 0. Code the difference to this prediction. `restore` undoes `differences`. (Apply a difference along the rows, then one along the columns, and look at the formula.)


# %% solution means only=a
def differences(means):
    """Whole numbers (rows, columns) -> their differences to the prediction, the same shape."""
    ### BEGIN SOLUTION
    left = np.diff(means, axis=1, prepend=0)
    left[:, 0] = np.diff(means[:, 0], prepend=0)
    return left
    ### END SOLUTION


def restore(differences):
    """The inverse."""
    ### BEGIN SOLUTION
    means = differences.copy()
    means[:, 0] = np.cumsum(means[:, 0])
    return np.cumsum(means, axis=1)
    ### END SOLUTION


# %% solution means only=b
def differences(means):
    """Whole numbers (rows, columns) -> their differences to the prediction, the same shape."""
    ### BEGIN SOLUTION
    return np.diff(np.diff(means, axis=0, prepend=0), axis=1, prepend=0)
    ### END SOLUTION


def restore(differences):
    """The inverse."""
    ### BEGIN SOLUTION
    return np.cumsum(np.cumsum(differences, axis=0), axis=1)
    ### END SOLUTION


# %% tests means 2
example = np.array([[10, 12, 11], [13, 14, 14]])
assert np.array_equal(restore(differences(example)), example)
assert differences(example)[0].tolist() == [10, 2, -1]
### BEGIN HIDDEN TESTS
assert differences(example)[1].tolist() == ([3, 1, 0] if PICTURE == "camera" else [3, -1, 1])
many = np.random.default_rng(4).integers(-900, 900, (9, 7))
assert (
    np.array_equal(restore(differences(many)), many) and many[0, 0] == differences(many)[0, 0]
)
### END HIDDEN TESTS

# %% [markdown]
# ## 4. The codec (4 marks)
#
# `encode` makes a file of any gray picture, `decode` the picture of a file:
#
# - three numbers of 16 bits, height, width and step, as `struct.pack("<HHH", ...)` writes them;
# - then `zlib.compress(..., 9)` of the integers, as 16-bit numbers (`"<i2"`), plane by plane: first all differences of the means, then all of pattern 1, and so on.
#
# Pad a picture whose sides are no multiples of the block (`np.pad` with `"edge"`), and cut the padding off in the decoder. The integers are the coefficients divided by the step, rounded to the nearest. The decoder writes whole gray levels, rounded and clipped to 0 to 255.


# %% solution codec
def encode(image, step):
    """uint8 (H, W) -> bytes. step: whole gray levels, at least 1."""
    ### BEGIN SOLUTION
    height, width = image.shape
    padded = np.pad(image, [(0, -height % ROWS), (0, -width % COLUMNS)], "edge")
    planes = to_blocks(torch.from_numpy(padded)[None, None] / 255)[0] / step
    planes = planes.round().numpy().astype("<i2")
    planes[0] = differences(planes[0])
    return struct.pack("<HHH", height, width, step) + zlib.compress(planes.tobytes(), 9)
    ### END SOLUTION


def decode(data):
    """bytes -> uint8 (H, W)"""
    ### BEGIN SOLUTION
    height, width, step = struct.unpack_from("<HHH", data)
    shape = ROWS * COLUMNS, -(-height // ROWS), -(-width // COLUMNS)
    planes = np.frombuffer(zlib.decompress(data[6:]), "<i2").reshape(shape).astype(np.float32)
    planes[0] = restore(planes[0])
    y_hat = from_blocks(torch.from_numpy(planes)[None] * step)[0, 0, :height, :width]
    return (255 * y_hat).round().clamp(0, 255).byte().numpy()
    ### END SOLUTION


# %% wrong codec codec-pixels
# The decoder truncates: `.byte()` without `.round()` darkens the picture by half a level on average.
# - .round().clamp
# + .clamp

# %% tests codec-file 1
data = encode(photo, STEP)
print(f"{len(data)} bytes, {psnr(photo, decode(data)):.2f} dB")
assert struct.unpack_from("<HHH", data) == (256, 256, STEP)
assert len(data) < MOST_BYTES, "a plane for each pattern, and differences of the means"
### BEGIN HIDDEN TESTS
stored = np.frombuffer(zlib.decompress(data[6:]), "<i2").reshape(coefficients[0].shape)
wanted = (coefficients[0] / STEP).round().numpy().astype(int)
assert np.array_equal(stored[1:], wanted[1:]) and np.array_equal(restore(stored[0]), wanted[0])
### END HIDDEN TESTS

# %% tests codec-pixels 2
decoded = decode(data)
assert decoded.dtype == np.uint8 and decoded.shape == photo.shape
### BEGIN HIDDEN TESTS
wanted = from_blocks(to_blocks(y).div(STEP).round() * STEP)[0, 0]
assert np.array_equal(decoded, (255 * wanted).round().clamp(0, 255).byte().numpy())
assert psnr(photo, decode(encode(photo, 1))) > 52
### END HIDDEN TESTS

# %% tests codec-sizes 1
assert decode(encode(photo[:50, :61], STEP)).shape == (50, 61)
### BEGIN HIDDEN TESTS
for height, width in ((1, 1), (1, 33), (37, 3)):
    part = photo[:height, :width]
    back = decode(encode(part, 2))
    assert back.shape == part.shape and np.abs(back.astype(int) - part).max() <= 6
### END HIDDEN TESTS

# %% [markdown]
# ## What you have
#
# A codec that makes files. Look at its picture, and try other steps. Which direction of the details suffers first, and what has the shape of the block to do with it?

# %% given
for step in (8, 16, 32, 64):
    data = encode(photo, step)
    print(
        f"step {step:2}: {8 * len(data) / photo.size:.2f} bpp, {psnr(photo, decode(data)):.2f} dB"
    )

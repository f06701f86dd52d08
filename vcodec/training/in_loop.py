"""The codec that ships, inside a training step: a batch of patches through it at one quality, in milliseconds.

JPEG: the patches lie side by side as one picture, its integers are chosen by the trellis that ships, and no file is
written. Other codecs: a small file for each patch, in threads. Nothing here has a gradient. Book: chapter 7."""

import math
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from vcodec.dct import dct_matrix
from vcodec.images import to_uint8
from vcodec.standard import StandardCodec, TunedJpeg
from vcodec.standard.trellis import END_OF_BLOCK, SIXTEEN_ZEROS, ZIGZAG, bit_length, quantise, symbol_bits
from vcodec.training.data import BatchCodec


class Coded(NamedTuple):
    """What the codec made of a batch: z (N, 1, H, W) in [0, 1], bits of each patch (N,) without the file's frame, and
    for JPEG the slope of the bits, (N, 1, H, W): bits for each 1 that a pixel of y in [0, 1] rises; else None."""

    z: Tensor
    bits: Tensor
    slope: Tensor | None


class LoopCodec(Protocol):
    def __call__(self, y: Tensor, quality: int) -> Coded: ...


def loop_codec(codec: StandardCodec, threads: int) -> LoopCodec:
    """The fastest way to code patches of y, (N, 1, H, W) in [0, 1], with the codec that ships."""
    if isinstance(codec, TunedJpeg):
        return MosaicJpeg(codec)
    files = BatchCodec(codec, threads)

    def code(y: Tensor, quality: int) -> Coded:
        return Coded(*files(y, [quality] * len(y)), None)

    return code


class MosaicJpeg:
    """JPEG with its trellis over a mosaic of patches, sides a multiple of 8: 15 to 60 ms for 16 patches of 96x96."""

    def __init__(self, codec: TunedJpeg):
        self.codec = codec

    def __call__(self, y: Tensor, quality: int) -> Coded:
        count, side = len(y), y.shape[-1]
        columns = math.ceil(math.sqrt(count))
        rows = math.ceil(count / columns)
        tiles = np.full((rows * columns, side, side), 128, np.uint8)
        tiles[:count] = to_uint8(y).cpu().numpy()[:, 0]
        mosaic = tiles.reshape(rows, columns, side, side).swapaxes(1, 2).reshape(rows * side, columns * side)

        table = np.reshape(self.codec.tables(quality)[0], (8, 8))
        levels = quantise(mosaic, table, self.codec.price * self.codec.step(quality) ** 2)  # (h/8, w/8, 8, 8)
        scan = levels.reshape(-1, 64)[:, ZIGZAG].astype(int)
        bits, slopes = coded_bits(scan)

        def by_patch(of_block: np.ndarray) -> np.ndarray:  # (blocks, ...) -> (count, blocks of a patch, ...)
            grid = of_block.reshape(rows, side // 8, columns, side // 8, *of_block.shape[1:]).swapaxes(1, 2)
            return grid.reshape(rows * columns, (side // 8) ** 2, *of_block.shape[1:])[:count]

        def pixels(coefficients: np.ndarray) -> np.ndarray:  # (blocks, 8, 8) -> (count, 1, side, side)
            blocks = by_patch(dct_matrix().T @ coefficients @ dct_matrix())
            return blocks.reshape(count, side // 8, side // 8, 8, 8).swapaxes(2, 3).reshape(count, 1, side, side)

        z = np.rint(pixels((levels * table).reshape(-1, 8, 8)) + 128).clip(0, 255) / 255
        in_rows = np.empty_like(slopes)
        in_rows[:, ZIGZAG] = slopes / table.ravel()[ZIGZAG]  # bits by coefficient in levels of 0 to 255
        slope = 255 * pixels(in_rows.reshape(-1, 8, 8))  # the DCT is orthonormal: its transpose carries the slope back
        return Coded(*(torch.from_numpy(v).float().to(y.device) for v in (z, by_patch(bits).sum(1), slope)))


def coded_bits(scan: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bits of each block of integers, (B, 64) in scan order, and the slope of the bits at each integer, (B, 64).

    Costs are those of an ideal code for all blocks together. The slope at an integer n is what it costs more than
    n - 1 (in magnitude), divided by the distance to the last number of the shorter size class; a 1 costs its whole
    symbol more than a 0. It has the sign of the integer. DC integers have slope 0."""
    costs = symbol_bits(scan)
    block, position = np.nonzero(scan[:, 1:])
    position += 1
    follows = np.r_[False, block[1:] == block[:-1]][: len(block)]
    run = position - np.where(follows, np.roll(position, 1), 0) - 1
    size, long_runs = bit_length(scan[block, position]), (run // 16) * costs[SIXTEEN_ZEROS]
    cost = costs[16 * (run % 16) + size] + size + long_runs

    bits = (scan[:, 63] == 0) * costs[END_OF_BLOCK]
    np.add.at(bits, block, cost)
    difference = bit_length(np.diff(scan[:, 0], prepend=scan[0, 0]))
    counts = np.bincount(difference, minlength=16) + 0.3
    bits += difference + np.clip(-np.log2(counts / counts.sum()), 1, 16)[difference]

    shorter = costs[16 * (run % 16) + np.maximum(size - 1, 1)] + size - 1 + long_runs
    rise = np.where(size > 1, (cost - shorter) / 2.0 ** (size - 1), cost).clip(0)
    slopes = np.zeros(scan.shape)
    slopes[block, position] = rise * np.sign(scan[block, position])
    return bits, slopes

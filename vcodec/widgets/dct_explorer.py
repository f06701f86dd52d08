"""The DCT explorer: click a block of a JPEG, change the step, and watch its coefficients, its pixels and its bits.

The page computes everything itself, with the integer arithmetic of libjpeg: its integers, its picture and its bits
are those of the file that Pillow writes. This module computes the same from such a file. Book: chapters 2 and 4."""

import io
from functools import cached_property
from typing import Any

import numpy as np
import traitlets
from PIL import Image

from vcodec.errors import CodecError
from vcodec.images import load_image, to_array
from vcodec.metrics import psnr
from vcodec.standard.jpeg import ANNEX_K_LUMA, scaled_table
from vcodec.standard.jpeg_bits import block_bits, code_lengths, read_levels
from vcodec.standard.trellis import ZIGZAG
from vcodec.widgets.figure import Figure, script, side_by_side, style

LARGEST = 256  # pixels a side: 64 kB of state


class DctExplorer(Figure):
    """A gray picture in 8x8 blocks, quantised as a baseline JPEG with libjpeg's default Huffman tables (Annex K).

    picture: uint8 (H, W), sides multiples of 8 and at most 256. State that a kernel can read and set:
    table ("quality": the luma table of Annex K, scaled as libjpeg does; "flat": one step for all coefficients),
    quality (1 to 100), step (1 to 255, levels), block ([row, column] of the chosen block), shown ("decoded",
    "original" or "bits": a map of what each block costs). Raises CodecError for a picture that does not fit.

    Bits are those of the scan: Huffman codes and magnitudes. Headers, stuffed bytes and padding are not counted."""

    _esm = script("jpeg_blocks", "dct_explorer")
    _css = style("dct_explorer")

    size = traitlets.List(traitlets.Int()).tag(sync=True)
    pixels = traitlets.Bytes().tag(sync=True)
    annex_k = traitlets.List(traitlets.Int()).tag(sync=True)
    zigzag = traitlets.List(traitlets.Int()).tag(sync=True)
    dc_lengths = traitlets.List(traitlets.Int()).tag(sync=True)
    ac_lengths = traitlets.List(traitlets.Int()).tag(sync=True)
    table = traitlets.Enum(["quality", "flat"], "quality").tag(sync=True)
    quality = traitlets.Int(50, min=1, max=100).tag(sync=True)
    step = traitlets.Int(40, min=1, max=255).tag(sync=True)
    block = traitlets.List(traitlets.Int(min=0)).tag(sync=True)
    shown = traitlets.Enum(["decoded", "original", "bits"], "decoded").tag(sync=True)

    def __init__(self, picture: np.ndarray, **state: Any):
        self.original = to_array(picture)
        if self.original.ndim != 2 or any(side % 8 or side > LARGEST for side in self.original.shape):
            raise CodecError(f"need a gray picture, sides multiples of 8 up to {LARGEST}, not {self.original.shape}")
        height, width = self.original.shape
        dc, ac = code_lengths(coded(self.original, ANNEX_K_LUMA))
        block = [height // 16, width // 16]
        super().__init__(
            size=[height, width],
            pixels=self.original.tobytes(),
            annex_k=ANNEX_K_LUMA.ravel().tolist(),
            zigzag=ZIGZAG.tolist(),
            dc_lengths=dc[:12].tolist(),
            ac_lengths=ac.tolist(),
            **{"block": block, **state},
        )

    @traitlets.validate("block")
    def _inside(self, proposal: Any) -> list[int]:
        rows, columns = (side // 8 for side in self.original.shape)
        if len(proposal.value) != 2 or proposal.value[0] >= rows or proposal.value[1] >= columns:
            raise CodecError(f"block is [row, column] within {rows} rows and {columns} columns, not {proposal.value}")
        return proposal.value

    @property
    def steps(self) -> np.ndarray:
        """The quantisation table, (8, 8), in levels."""
        return scaled_table(ANNEX_K_LUMA, self.quality) if self.table == "quality" else np.full((8, 8), self.step)

    def result(self) -> "CodedBlocks":
        """What a JPEG of these steps holds, from a file that Pillow wrote."""
        return CodedBlocks(coded(self.original, self.steps))

    def __repr__(self) -> str:
        result, (row, column) = self.result(), self.block
        setting = f"quality {self.quality}" if self.table == "quality" else f"step {self.step}"
        total, error = result.bits.sum(), psnr(self.original, result.picture)
        return (
            f"DctExplorer({self.size[1]}x{self.size[0]}, {setting}: {total:,} bits,"
            f" {total / self.original.size:.3f} bpp, {error:.2f} dB;"
            f" block in row {row}, column {column}: {result.bits[row, column]} bits)"
        )

    def poster(self) -> np.ndarray:
        """Left the original, right the decoded picture, three times as large."""
        pair = [enlarged(self.original), enlarged(self.result().picture)]
        setting = f"JPEG quality {self.quality}" if self.table == "quality" else f"one step of {self.step} levels"
        bits = self.result().bits.sum()
        return side_by_side(pair, f"original | {setting}, {bits:,} bits, {bits / self.original.size:.2f} bpp")


class CodedBlocks:
    """A gray baseline JPEG, block by block.   file: its bytes."""

    def __init__(self, file: bytes):
        self.file = file

    @cached_property
    def levels(self) -> np.ndarray:
        """The stored integers, int16 (H/8, W/8, 8, 8)."""
        return read_levels(self.file)

    @cached_property
    def bits(self) -> np.ndarray:
        """Of each block, (H/8, W/8)."""
        return block_bits(self.levels, *code_lengths(self.file))

    @cached_property
    def picture(self) -> np.ndarray:
        """The decoded pixels, uint8 (H, W)."""
        return load_image(self.file)


def coded(picture: np.ndarray, table: np.ndarray) -> bytes:
    """A gray baseline JPEG with this quantisation table and libjpeg's default Huffman tables."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", qtables=[table.ravel().tolist()], optimize=False)
    return buffer.getvalue()


def enlarged(picture: np.ndarray, factor: int = 3) -> np.ndarray:
    return picture.repeat(factor, axis=0).repeat(factor, axis=1)

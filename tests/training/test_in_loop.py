"""Is the codec inside a training step the one that ships, and are its bits and their slopes those of its code?"""

import numpy as np
import pytest
import torch

from vcodec.images import embedded, luma, to_uint8
from vcodec.standard import CODECS
from vcodec.training.in_loop import coded_bits, loop_codec


def patches(count: int, side: int = 48) -> torch.Tensor:
    plane = luma(embedded("chelsea"))
    cut = [plane[side * i : side * (i + 1), 100 + side * i : 100 + side * (i + 1)] for i in range(count)]
    return torch.from_numpy(np.stack(cut))[:, None].float() / 255


def side_by_side(y: torch.Tensor, columns: int) -> np.ndarray:
    rows = [np.concatenate(list(row), axis=1) for row in to_uint8(y)[:, 0].numpy().reshape(-1, columns, *y.shape[-2:])]
    return np.concatenate(rows)


@pytest.mark.parametrize("quality", [3, 15, 60])
def test_the_mosaic_holds_what_a_real_file_of_it_holds(quality):
    """The same integers: pixels within the rounding of another inverse DCT, bits within what Huffman codes of whole
    bits cost more than ideal ones."""
    y, codec = patches(4), CODECS["jpeg-tuned"]
    coded = loop_codec(codec, 1)(y, quality)
    data = codec.encode(side_by_side(y, 2), quality)
    difference = np.abs(side_by_side(coded.z, 2).astype(int) - codec.decode(data))
    assert difference.max() <= 2 and difference.mean() < 0.1
    empty = len(codec.encode(np.full((8, 8), 128, np.uint8), quality))
    assert coded.bits.sum().item() == pytest.approx(8 * (len(data) - empty), rel=0.15, abs=600)
    assert (coded.bits > 0).all()


def test_a_number_of_patches_that_fills_no_rectangle_is_coded_too():
    y = patches(5, 32)
    coded = loop_codec(CODECS["jpeg-tuned"], 1)(y, 20)
    assert coded.z.shape == y.shape and coded.bits.shape == (5,)
    assert (coded.z - y).abs().mean() < 0.05  # each patch back in its place


def test_other_codecs_code_each_patch_in_a_file_of_its_own():
    y = patches(2)
    coded = loop_codec(CODECS["webp-tuned"], 2)(y, 20)
    assert coded.z.shape == y.shape and coded.slope is None and (coded.bits > 0).all()


def test_the_slope_is_what_an_integer_costs_more_than_the_next_smaller_one():
    scan = np.zeros((40, 64), int)
    scan[:, 1] = np.tile([1, -1, 2, 3], 10)
    scan[0, 5] = -1
    bits, slopes = coded_bits(scan)
    assert np.array_equal(np.sign(slopes), np.sign(scan)) and not slopes[:, 0].any()
    # the -1 behind three zeros: its symbol and sign are all that block 0 pays more than block 4, which has the same 1
    assert bits[0] - bits[4] == pytest.approx(abs(slopes[0, 5]))
    assert abs(slopes[2, 1]) == pytest.approx(abs(slopes[3, 1]))  # 2 and 3 are of one size class


def test_the_slope_at_the_pixels_is_the_transpose_of_the_dct():
    """A pixel's slope, summed over a change of the picture, is the coefficients' slope over theirs."""
    y = patches(1, 32)
    codec = CODECS["jpeg-tuned"]
    slope = loop_codec(codec, 1)(y, 30).slope
    louder = 0.5 + 1.02 * (y - 0.5)  # all coefficients grow by a fiftieth: so do the bits, a little
    predicted = (slope * (louder - y)).sum().item()
    assert predicted > 0
    flat = (slope * torch.ones_like(y)).sum().item()
    assert abs(flat) < 1e-3 * slope.abs().sum().item()  # brighter alone costs nothing: the DC has no slope

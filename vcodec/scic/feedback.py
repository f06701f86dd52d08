"""Feedback, or "the encoder hears its decoder": code, restore, add the error that is left to the input, code again.

With z the decoded picture and h(z) what the IDN makes of it, the next input of the codec is
z + gain * s(x - h(z)), s the re-sampler. Where the IDN restores the original exactly, the next file holds the same
again; elsewhere the codec is given what the IDN missed. Around a codec without IDN this is the original picture
again, so plain codecs have nothing to gain here. Book: chapter 8."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from vcodec.images import rgb_to_ycbcr, to_float, to_uint8, ycbcr_to_rgb
from vcodec.networks.layers import halve_signed, pad_to_even


class Trial(NamedTuple):
    """A file, and the squared error of the luma restored from it: levels of 0 to 255, summed over pixels."""

    data: bytes
    error: float


def trials(
    x: np.ndarray, y: np.ndarray, data: bytes, encode: Callable[[np.ndarray], bytes],
    decode: Callable[[bytes], np.ndarray], restore: Callable[[Tensor], Tensor], gain: float | None,
) -> Iterator[Trial]:  # fmt: skip
    """The file `data` of y, then one more for each pass of feedback; without gain the first alone.

    x: original, y: first input of the codec, uint8, (H, W[, 3]) at full resolution and at y's. encode, decode:
    the codec. restore: IDN on luma (1, 1, h, w)."""
    original, (height, width) = luma_plane(x), x.shape[:2]
    half = y.shape[:2] != x.shape[:2]
    while True:
        z = luma_plane(decode(data))
        error = original - restore(z)[..., :height, :width].clamp(0, 1)
        yield Trial(data, 255**2 * error.square().sum().item())
        if gain is None:
            return
        y = with_luma(y, z + gain * (halve_signed(pad_to_even(error)) if half else error))
        data = encode(y)


def encode_with_feedback(
    x: np.ndarray, y: np.ndarray, encode: Callable[[np.ndarray], bytes], decode: Callable[[bytes], np.ndarray],
    restore: Callable[[Tensor], Tensor], gain: float, bit_price: float, passes: int,
) -> bytes:  # fmt: skip
    """The file of least (squared error of luma + bit_price * bits) among the first and `passes` more of `trials`.

    bit_price: levels of 0 to 255 squared, summed over pixels."""
    found = islice(trials(x, y, encode(y), encode, decode, restore, gain), passes + 1)
    return min(found, key=lambda trial: trial.error + bit_price * 8 * len(trial.data)).data


def luma_plane(image: np.ndarray) -> Tensor:
    """uint8 (H, W[, 3]) -> (1, 1, H, W) in [0, 1], not rounded."""
    x = to_float(image)
    return x if image.ndim == 2 else rgb_to_ycbcr(x)[:, :1]


def with_luma(image: np.ndarray, luma: Tensor) -> np.ndarray:
    """The picture with another luma plane; its chroma stays."""
    if image.ndim == 2:
        return to_uint8(luma)[0, 0].numpy()
    chroma = rgb_to_ycbcr(to_float(image))[:, 1:]
    return to_uint8(ycbcr_to_rgb(torch.cat([luma, chroma], 1)))[0].permute(1, 2, 0).contiguous().numpy()

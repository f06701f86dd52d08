"""Feedback, or "the encoder hears its decoder": code, restore, add the error that is left to the input, code again.

With z the decoded picture and h(z) what the IDN makes of it, the next input of the codec is
z + gain * s(x - h(z)), s the re-sampler. Where the IDN restores the original exactly, the next file holds the same
again; elsewhere the codec is given what the IDN missed. Around a codec without IDN this is the original picture
again, so plain codecs have nothing to gain here. Book: chapter 8."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import NamedTuple

import numpy as np
from torch import Tensor

from vcodec.networks.layers import halve_signed, pad_to_even
from vcodec.scic.planes import luma_plane, with_luma


class Trial(NamedTuple):
    """A file, and the squared error of the luma restored from it: levels of 0 to 255, summed over pixels."""

    data: bytes
    error: float


def trials(
    x: np.ndarray, y: np.ndarray, data: bytes, encode: Callable[[np.ndarray], bytes],
    decode: Callable[[bytes], np.ndarray], restore: Callable[[Tensor], Tensor], gain: float | None,
    bare: Callable[[Tensor], Tensor] | None = None,
) -> Iterator[Trial]:  # fmt: skip
    """The file `data` of y, then one more for each pass of feedback; without gain the first alone.

    x: original, y: first input of the codec, uint8, (H, W[, 3]) at full resolution and at y's. encode, decode:
    the codec. restore: IDN on luma (1, 1, h, w). bare: what stands in its place where a file's header leaves it out;
    the error is the smaller of both."""
    original = luma_plane(x)
    while True:
        z = luma_plane(decode(data))
        error = left_over(original, restore(z))
        errors = [error, left_over(original, bare(z))] if bare else [error]
        yield Trial(data, 255**2 * min(e.square().sum().item() for e in errors))
        if gain is None:
            return
        y = next_input(y, z, error, gain)
        data = encode(y)


def left_over(original: Tensor, restored: Tensor) -> Tensor:
    """The error of restored luma, (1, 1, H, W) of the original's size."""
    height, width = original.shape[-2:]
    return original - restored[..., :height, :width].clamp(0, 1)


def next_input(y: np.ndarray, z: Tensor, error: Tensor, gain: float) -> np.ndarray:
    """What the codec is given next: its last picture z and the error, at the resolution of y, uint8 (h, w[, 3])."""
    half = y.shape[:2] != error.shape[-2:]
    return with_luma(y, z + gain * (halve_signed(pad_to_even(error)) if half else error))


def encode_with_feedback(
    x: np.ndarray, y: np.ndarray, encode: Callable[[np.ndarray], bytes], decode: Callable[[bytes], np.ndarray],
    restore: Callable[[Tensor], Tensor], gain: float, bit_price: float, passes: int,
) -> bytes:  # fmt: skip
    """The file of least (squared error of luma + bit_price * bits) among the first and `passes` more of `trials`.

    bit_price: levels of 0 to 255 squared, summed over pixels."""
    found = islice(trials(x, y, encode(y), encode, decode, restore, gain), passes + 1)
    return min(found, key=lambda trial: trial.error + bit_price * 8 * len(trial.data)).data

"""Large photographs: choices are made on crops, and the whole picture is coded once and once more with feedback.

Above 2 megapixels the choice of scale, by `encode` of a mosaic of crops, stands for the whole; one pass of feedback is
made instead of two (the second is worth about 0.02 dB), and its result is not decoded again. One progress bar covers
it all. Book: chapter 9."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from vcodec.errors import CodecError
from vcodec.progress import stage, staged
from vcodec.quality import check_quality
from vcodec.scic.feedback import left_over, next_input
from vcodec.scic.header import Header
from vcodec.scic.planes import luma_plane

LARGE = 2_000_000  # pixels; smaller pictures are searched whole
SIDE, ACROSS = 256, 3  # the mosaic: ACROSS x ACROSS crops of SIDE x SIDE pixels, spread over the picture
PASSES = 1  # of feedback over the whole picture
# Time of each stage in that of the IDN, for the progress bar: measured on one core, benchmarks/large.py.
CODING, RESAMPLING, RESTORING = 0.15, 0.3, 1.0


class Choice(NamedTuple):
    """What the crops favour: a scale, a quality at that scale, how often feedback pays, and whether the picture is
    better with the networks left out."""

    scale: int
    quality: int
    passes: int
    left_out: bool


def is_large(x: np.ndarray) -> bool:
    return x.shape[0] * x.shape[1] > LARGE and min(x.shape[:2]) >= SIDE * ACROSS


def mosaic(x: np.ndarray) -> np.ndarray:
    """Crops of uint8 x, (H, W[, 3]), side by side; each begins where a block of JPEG begins, at either scale."""
    tops, lefts = ([(n - SIDE) * i // (ACROSS - 1) // 16 * 16 for i in range(ACROSS)] for n in x.shape[:2])
    rows = [np.concatenate([x[t : t + SIDE, left : left + SIDE] for left in lefts], axis=1) for t in tops]
    return np.concatenate(rows)


def choose(
    x: np.ndarray, encode: Callable[..., bytes], header: Callable[[bytes], Header | None], scale: int | str,
    passes: int, target: dict[str, Any],
) -> Choice | None:  # fmt: skip
    """What `encode` of the crops of x chooses for a target, one of quality, bpp and min_psnr; None where there is no
    file for it."""
    if target["quality"] is not None:
        check_quality(target["quality"])
    try:
        found = header(encode(mosaic(x), scale=scale, passes=passes, effort=3, **target))
    except CodecError:
        return None
    return Choice(found.scale, found.quality, passes, not any(found.network_id)) if found else None


def encode_once(
    x: np.ndarray, resample: Callable[[], np.ndarray], encode: Callable[[np.ndarray], bytes],
    decode: Callable[[bytes], np.ndarray], restore: Callable[[Tensor], Tensor], gain: float | None, passes: int,
) -> bytes:  # fmt: skip
    """The file of x after so many passes of feedback; the last file is not decoded.

    x: uint8 (H, W[, 3]). resample: makes the codec's first input. encode, decode: the codec. restore: IDN on luma."""
    passes = passes if gain is not None else 0
    with staged(RESAMPLING + CODING + passes * (RESTORING + CODING)):
        with stage("re-sampling", RESAMPLING):
            y = resample()
        with stage("coding", CODING):
            data = encode(y)
        for number in range(1, passes + 1):
            with stage(f"pass {number} of {passes}: restoring", RESTORING):
                z = luma_plane(decode(data))
                error = left_over(luma_plane(x), restore(z))
            with stage(f"pass {number} of {passes}: coding", CODING):
                y = next_input(y, z, error, gain or 0.0)
                del z, error
                data = encode(y)
    return data

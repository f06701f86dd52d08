"""How large, how good, and how much better: thin fronts of well-kept libraries.

Pictures are uint8, (H, W) or (H, W, 3), as a decoder writes them. Book: chapters 1 and 11."""

import math
import warnings
from collections.abc import Sequence

import numpy as np
import pytorch_msssim

from vcodec.errors import CodecError
from vcodec.images import luma, to_float

BPP_RANGE = (0.05, 0.6)  # DESIGN: BD-rates are taken over this range


def bits_per_pixel(data: bytes, original: np.ndarray) -> float:
    """Bits of the finished file, headers included, per pixel of the ORIGINAL, never of the re-sampled image."""
    height, width = original.shape[:2]
    return 8 * len(data) / (height * width)


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB over all samples given: gray, or RGB together; inf when equal."""
    error = float(np.mean((_float(a, b) - np.asarray(b, np.float64)) ** 2))
    return 10 * math.log10(255**2 / error) if error else math.inf


def psnr_y(a: np.ndarray, b: np.ndarray) -> float:
    """PSNR of the full-range BT.601 luma in dB (limited-range luma would read about 1.3 dB more)."""
    return psnr(luma(a), luma(b))


def ssim(a: np.ndarray, b: np.ndarray) -> float | None:
    """Structural similarity, at most 1; mean over channels; None for pictures smaller than its 11x11 window."""
    return _similarity(pytorch_msssim.ssim, a, b, 11)


def ms_ssim(a: np.ndarray, b: np.ndarray) -> float | None:
    """Multi-scale SSIM, five scales; None for pictures that are too small for it (161 pixels a side)."""
    return _similarity(pytorch_msssim.ms_ssim, a, b, 161)


def _similarity(measure, a: np.ndarray, b: np.ndarray, smallest: int) -> float | None:
    _float(a, b)
    if min(a.shape[:2]) < smallest:
        return None
    return measure(255 * to_float(a), 255 * to_float(b), data_range=255).item()


def _float(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    if a.shape != b.shape:
        raise CodecError(f"pictures of different size cannot be compared: {a.shape} and {b.shape}")
    return np.asarray(a, np.float64)


def upper_envelope(points: np.ndarray | Sequence[tuple[float, float]]) -> np.ndarray:
    """The points that no other beats in both rate and quality, by rate: (K, 2) of (bpp, dB), both rising."""
    best: list[tuple[float, float]] = []
    for rate, quality in sorted(map(tuple, points), key=lambda p: (p[0], -p[1])):
        if not best or (quality > best[-1][1] and rate > best[-1][0]):
            best.append((rate, quality))
    return np.array(best).reshape(-1, 2)


def bd_rate(anchor: np.ndarray, test: np.ndarray, bpp_range: tuple[float, float] = BPP_RANGE) -> float | None:
    """Mean rate change of `test` against `anchor` at equal quality, in percent; negative is good.

    Both (K, 2) of (bpp, dB) for one picture. Akima interpolation (the package `bjontegaard`) over the overlap
    of the two inside `bpp_range`; None where either has fewer than 4 points there or they do not overlap."""
    curves = [upper_envelope(c) for c in (anchor, test)]
    curves = [c[(c[:, 0] >= bpp_range[0]) & (c[:, 0] <= bpp_range[1])] for c in curves]
    if min(map(len, curves)) < 4 or min(c[-1, 1] for c in curves) <= max(c[0, 1] for c in curves):
        return None
    (r1, d1), (r2, d2) = (c.T for c in curves)
    import bjontegaard  # brings SciPy and Matplotlib along, and only needed here

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of little overlap, which is what the range is for
        value = bjontegaard.bd_rate(r1, d1, r2, d2, "akima", require_matching_points=False, min_overlap=0)
    return float(value)


def psnr_at_rate(curve: np.ndarray, bpp: float) -> float | None:
    """PSNR in dB that a curve (K, 2) reaches at a rate, linear in log bpp; None outside the curve."""
    envelope = upper_envelope(curve)
    if len(envelope) < 2 or not envelope[0, 0] <= bpp <= envelope[-1, 0]:
        return None
    return float(np.interp(math.log(bpp), np.log(envelope[:, 0]), envelope[:, 1]))

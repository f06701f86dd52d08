"""What training minimises: the papers' L1 + DSSIM, or rate and distortion at the codec's own exchange rate.

Pictures are (N, 1, H, W) in [0, 1]; every function returns one number per picture. Book: chapters 7 and 8."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F
from pytorch_msssim import ssim
from torch import Tensor

from vcodec.codecs import StandardCodec
from vcodec.images import to_float, to_uint8
from vcodec.layers import double, halve, pad_to_even
from vcodec.quality import QUALITIES


def dssim(a: Tensor, b: Tensor) -> Tensor:
    """(1 - SSIM) / 2 per picture, (N,). 11x11 Gaussian window; pictures of at least 11x11 pixels.

    Always in float32: variances are differences of large numbers, and bfloat16 gives SSIM above 1."""
    with torch.autocast(a.device.type, enabled=False):
        return (1 - ssim(a.float(), b.float(), data_range=1.0, size_average=False)) / 2


def squared_error(a: Tensor, b: Tensor) -> Tensor:
    """Mean squared error per picture in squared levels of 0 to 255, (N,)."""
    return 255**2 * (a.float() - b.float()).square().mean(dim=(1, 2, 3))


class Objective(Protocol):
    def distortion(self, x_hat: Tensor, x: Tensor, qualities: Tensor) -> Tensor: ...

    def rate(self, bpp: Tensor, qualities: Tensor) -> Tensor: ...


class PaperObjective:
    """L1 + DSSIM, blind to the rate: arXiv:1806.08514."""

    def distortion(self, x_hat: Tensor, x: Tensor, qualities: Tensor) -> Tensor:
        return (x_hat - x).abs().mean(dim=(1, 2, 3)) + dssim(x_hat, x)

    def rate(self, bpp: Tensor, qualities: Tensor) -> Tensor:
        return torch.zeros_like(bpp)


class RateDistortion:
    """(MSE + price * bpp) / MSE of the plain codec: one objective for all qualities.

    The price of a bit is not ours to choose: along the plain codec's own curve MSE falls as bpp^-beta, so
    at rate R a bit per pixel buys beta * MSE / R. A re-sampler that spends a bit must earn that much.
    Both scales use the price of the full-resolution curve at the rate they run at, because that is
    what they compete with. Dividing by the plain codec's MSE lets every quality count the same."""

    def __init__(self, codec: StandardCodec, scale: int, images: Sequence[np.ndarray]):
        grid = np.unique(np.rint(np.geomspace(1, 100, 14))).astype(int)
        full = np.array([plain_point(codec, 1, images, q) for q in grid])  # rows of (bpp, MSE)
        own = full if scale == 1 else np.array([plain_point(codec, scale, images, q) for q in grid])
        usual = (full[:, 0] > 0.05) & (full[:, 0] < 1.2)
        log_rate, log_error = np.log(full[usual]).T
        slope, offset = np.polyfit(log_rate, log_error, deg=1)
        rate, error = (np.interp(QUALITIES, grid, column) for column in own.T)
        price = -slope * np.exp(offset + slope * np.log(rate)) / rate
        self.error = 2 + torch.tensor(np.concatenate([[1], error])).float()  # index: quality; 2: 45 dB is enough
        self.price = torch.tensor(np.concatenate([[0], price])).float()

    def distortion(self, x_hat: Tensor, x: Tensor, qualities: Tensor) -> Tensor:
        return squared_error(x_hat, x) / self.error.to(x.device)[qualities]

    def rate(self, bpp: Tensor, qualities: Tensor) -> Tensor:
        return bpp * (self.price / self.error).to(bpp.device)[qualities]


def plain_point(codec: StandardCodec, scale: int, images: Sequence[np.ndarray], quality: int) -> tuple[float, float]:
    """(bpp, MSE in squared levels) of the codec behind bicubic re-sampling, over all pixels of gray pictures."""
    bits, error, pixels = 0, 0.0, sum(image.size for image in images)
    for image in images:
        x = to_float(image)
        y = x if scale == 1 else halve(pad_to_even(x))
        data = codec.encode(to_uint8(y)[0, 0].numpy(), int(quality))
        z = to_float(codec.decode(data))
        restored = z if scale == 1 else double(z)[..., : image.shape[0], : image.shape[1]]
        bits += 8 * len(data)
        error += 255**2 * F.mse_loss(restored, x, reduction="sum").item()
    return bits / pixels, error / pixels

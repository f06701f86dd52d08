"""What training minimises: the papers' L1 + DSSIM, or rate and distortion at the codec's own exchange rate.

Pictures are (N, 1, H, W) in [0, 1]; every function returns one number per picture. Book: chapters 7 and 8."""

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F
from pytorch_msssim import ssim
from torch import Tensor

from vcodec.errors import CodecError
from vcodec.images import to_float, to_uint8
from vcodec.networks.layers import double, halve, pad_to_even
from vcodec.quality import QUALITIES
from vcodec.standard.protocol import StandardCodec


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

    The price of a bit is not ours to choose: it is the slope of the plain codec's own curve, at the same scale,
    where each quality runs. At that price sliding along the curve earns nothing, so a re-sampler is paid for a
    better curve alone. (Half resolution priced by the full-resolution curve, which is steeper, made re-samplers
    that saved bits at a loss: BD-rate got worse by 5 % while this objective fell.) Dividing by the plain codec's
    MSE lets every quality count the same."""

    def __init__(self, codec: StandardCodec, scale: int, images: Sequence[np.ndarray]):
        grid = np.unique(np.rint(np.geomspace(1, 100, 14))).astype(int)
        rate, error = np.array([plain_point(codec, scale, images, q) for q in grid]).T
        new = np.r_[True, np.diff(rate) > 1e-3 * rate[:-1]]  # the lowest qualities may all be the same file
        self.follow(grid[new], rate[new], error[new])

    def follow(self, grid: np.ndarray, rate: np.ndarray, error: np.ndarray) -> None:
        """Take price and normalisation from a measured curve: qualities, bpp and MSE in squared levels, all (n,)."""
        slope = -np.gradient(np.log(error), np.log(rate)).clip(max=-0.05)  # MSE falls locally as bpp^-slope
        price = np.interp(QUALITIES, grid, slope * error / rate)
        self.error = 2 + torch.tensor([1, *np.interp(QUALITIES, grid, error)]).float()
        self.price = torch.tensor([0, *price]).float()

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


Builder = Callable[[StandardCodec, int, Sequence[np.ndarray]], Objective]  # codec, scale, gray pictures to judge by
OBJECTIVES: dict[str, Builder] = {"rd": RateDistortion, "paper": lambda codec, scale, images: PaperObjective()}
SHIPPED_NAMES = frozenset(OBJECTIVES)


def register(name: str, build: Builder) -> None:
    """Add an objective of your own; the same name again replaces it. Raises CodecError for one of the package's."""
    if name in SHIPPED_NAMES:
        raise CodecError(f"the package has an objective called {name!r}; choose another name")
    OBJECTIVES[name] = build


def check_objective(name: str) -> None:
    """Raises CodecError for an objective that is not registered."""
    if name not in OBJECTIVES:
        raise CodecError(f"no objective is called {name!r}; there are {', '.join(OBJECTIVES)}")


def build_objective(name: str, codec: StandardCodec, scale: int, images: Sequence[np.ndarray]) -> Objective:
    """The objective of this name. Raises CodecError for one that is not registered."""
    check_objective(name)
    return OBJECTIVES[name](codec, scale, images)

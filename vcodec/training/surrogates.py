"""What stands in for the codec while the re-sampler learns: four ways through a wall without gradient.

Each takes y (N, 1, H, W) in [0, 1], steps (N,) and qualities (N,) and returns x_hat with a gradient towards
y. Only the virtual codec learns its codec; the others are formulas. Book: chapters 4, 7 and 8."""

from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vcodec.dct import block_kernels
from vcodec.errors import CodecError
from vcodec.networks.virtual_codec import VirtualCodec
from vcodec.standard.jpeg import Jpeg
from vcodec.standard.protocol import StandardCodec
from vcodec.training.data import BatchCodec

GRADIENTS = ("none", "vcn", "straight-through", "noise", "differentiable-jpeg")


class StandIn(Protocol):
    def __call__(self, y: Tensor, step: Tensor, qualities: Tensor) -> Tensor: ...


def build_stand_in(name: str, idn: nn.Module, vcn: VirtualCodec, codec: BatchCodec) -> StandIn:
    """One of `GRADIENTS` but "none". Raises CodecError for another name, and for a codec that it cannot imitate."""
    if name == "vcn":
        return lambda y, step, qualities: vcn.decoder(y, step)
    if name == "straight-through":
        return lambda y, step, qualities: idn(straight_through(y, codec(y, qualities.tolist())[0]), step)
    if name == "noise":
        return lambda y, step, qualities: idn(noisy(y, step), step)
    if name == "differentiable-jpeg":
        tables, kernels = luma_tables(codec.codec), block_kernels()

        def jpeg(y: Tensor, step: Tensor, qualities: Tensor) -> Tensor:
            steps = tables[qualities.cpu()].to(y.device)
            return idn(differentiable_jpeg(y, steps, kernels.to(y.device)), step)

        return jpeg
    raise CodecError(f"no gradient is called {name!r}; there are {', '.join(GRADIENTS)}")


def straight_through(y: Tensor, z: Tensor) -> Tensor:
    """The values of z with the gradient of y, as if the codec were the identity (Jiang et al. 2017)."""
    return y + (z - y).detach()


def noisy(y: Tensor, step: Tensor) -> Tensor:
    """y with uniform noise as wide as the step: rounding seen from far away (Balle et al. 2017). An orthonormal
    transform of such noise has the same variance, so none is needed here."""
    return y + (torch.rand_like(y) - 0.5) * step.view(-1, 1, 1, 1) / 255


def luma_tables(codec: StandardCodec) -> Tensor:
    """Quantisation steps by quality, (101, 64, 1, 1). Raises CodecError where the codec is not a JPEG."""
    if not isinstance(codec, Jpeg):
        raise CodecError(f"differentiable-jpeg imitates JPEG alone, not {codec.name}")
    tables = [np.ones(64), *(codec.tables(quality)[0] for quality in range(1, 101))]
    return torch.tensor(np.array(tables)).float()[..., None, None]


def differentiable_jpeg(y: Tensor, steps: Tensor, kernels: Tensor) -> Tensor:
    """JPEG's blocks, DCT and rounding, the gradient passed straight through the rounding.

    steps (N, 64, 1, 1), kernels of `block_kernels`."""
    height, width = y.shape[-2:]
    with torch.autocast(y.device.type, enabled=False):
        padded = F.pad(255 * y.float() - 128, (0, -width % 8, 0, -height % 8), mode="replicate")
        coefficients = F.conv2d(padded, kernels, stride=8) / steps
        rounded = straight_through(coefficients, coefficients.round())
        return ((F.conv_transpose2d(rounded * steps, kernels, stride=8) + 128) / 255)[..., :height, :width]

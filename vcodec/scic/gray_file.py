"""A colour photograph inside a gray file: an RSN of three channels in, one out, and an IDN that gives them back.

Chroma has no place of its own in a gray JPEG. RSN may hide it there as a fine texture, IDN may read it, and the file
stays one that every viewer shows in gray. The task is that of sandwiched compression (Guleryuz et al. 2021); networks
and training are ours. Book: chapter 12."""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vcodec.errors import CodecError
from vcodec.images import rgb_to_ycbcr, to_float, to_uint8
from vcodec.networks.layers import ConditionedTrunk, pad_to_even
from vcodec.networks.weights import SHIPPED, fill, read_tensors
from vcodec.standard.protocol import StandardCodec


def luma_of(x: Tensor) -> Tensor:
    """Full-range BT.601 luma: (N, 3, H, W) -> (N, 1, H, W)."""
    return rgb_to_ycbcr(x)[:, :1]


class GrayReSampler(nn.Module):
    """x (N, 3, H, W) in [0, 1], step (N,) -> y (N, 1, H, W) in [0, 1]: the luma and a learned correction."""

    def __init__(self, width: int = 32, blocks: int = 2):
        super().__init__()
        self.trunk = ConditionedTrunk(12, 4, width, blocks)

    def forward(self, x: Tensor, step: Tensor) -> Tensor:
        correction = F.pixel_shuffle(self.trunk(F.pixel_unshuffle(x, 2), step).float(), 2)
        return (luma_of(x) + correction).clamp(0, 1)


class ColourPostProcessor(nn.Module):
    """z (N, 1, H, W) in [0, 1], step (N,) -> x_hat (N, 3, H, W): the gray picture and a learned correction."""

    def __init__(self, width: int = 48, blocks: int = 4):
        super().__init__()
        self.trunk = ConditionedTrunk(4, 12, width, blocks)

    def forward(self, z: Tensor, step: Tensor) -> Tensor:
        return z + F.pixel_shuffle(self.trunk(F.pixel_unshuffle(z, 2), step).float(), 2)


class GrayFile:
    """A colour codec that writes gray files. rsn: None codes the luma."""

    def __init__(self, codec: StandardCodec, rsn: nn.Module | None, idn: nn.Module):
        self.codec, self.rsn, self.idn = codec, rsn, idn

    @torch.no_grad()
    def resample(self, image: np.ndarray, quality: int) -> np.ndarray:
        """y, uint8 (H, W), of a uint8 picture (H, W, 3)."""
        x = pad_to_even(to_float(image))
        y = luma_of(x) if self.rsn is None else self.rsn(x, torch.tensor([self.codec.step(quality)]))
        return to_uint8(y)[0, 0, : image.shape[0], : image.shape[1]].numpy()

    def encode(self, image: np.ndarray, quality: int) -> bytes:
        """The gray file of a uint8 picture (H, W, 3)."""
        return self.codec.encode(self.resample(image, quality), quality)

    @torch.no_grad()
    def decode(self, data: bytes) -> np.ndarray:
        """The colour picture that a file holds, uint8 (H, W, 3)."""
        z, step = self.codec.decode(data), self.codec.step_of(data)
        x_hat = self.idn(pad_to_even(to_float(z)), torch.tensor([step]))
        return to_uint8(x_hat)[0, :, : z.shape[0], : z.shape[1]].permute(1, 2, 0).numpy()


def load_gray_file(codec: StandardCodec, name: str | Path = "gray-file") -> GrayFile:
    """With weights that ship, or those at a path. Raises CodecError where they are missing or damaged."""
    path = name if isinstance(name, Path) else SHIPPED / f"{name}.safetensors"
    tensors, _ = read_tensors(path)
    rsn, idn = GrayReSampler(), ColourPostProcessor()
    try:
        has_rsn, _ = fill(rsn, "rsn", tensors), fill(idn, "idn", tensors)
    except RuntimeError:
        raise CodecError(f"the weights {path} are not those of a gray file") from None
    return GrayFile(codec, rsn if has_rsn else None, idn)

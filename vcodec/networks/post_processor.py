"""IDN, the `h` of the papers: remove the codec's damage and restore the resolution.

z (N, 1, H, W) in [0, 1], step (N,) in levels -> x_hat (N, 1, scale H, scale W); H and W even at scale 1.
Zhao et al. 2018, arXiv:1806.08514 (PPNN in arXiv:1802.01447). Book: chapter 6."""

import torch.nn.functional as F
from torch import Tensor, nn

from vcodec.networks.layers import ConditionedTrunk, double, paper_layers


class PostProcessor(nn.Module):
    """The project's default IDN: identity or bicubic enlargement plus a learned correction.

    The trunk always works at half the original's resolution, so both scales cost the same. Not clamped: the
    gradient of a pixel that overshoots must survive training; rounding to 8 bits clips it afterwards."""

    def __init__(self, scale: int = 2, width: int = 64, blocks: int = 8):
        super().__init__()
        self.scale = scale
        self.trunk = ConditionedTrunk(4 // scale**2, 4, width, blocks)
        self.halo = 2 * self.trunk.radius // scale + 2  # pixels of z around it that a pixel of x_hat needs

    def forward(self, z: Tensor, step: Tensor) -> Tensor:
        small = F.pixel_unshuffle(z, 2) if self.scale == 1 else z
        base = z if self.scale == 1 else double(z)
        return base + F.pixel_shuffle(self.trunk(small, step).float(), 2)


class PaperPostProcessor(nn.Module):
    """IDN as drawn: 9x9,128 - 3x3,128 (x5) - 9x9 deconvolution,1, stride s."""

    def __init__(self, scale: int = 2, width: int = 128):
        super().__init__()
        self.scale = scale
        self.features = paper_layers([9, 3, 3, 3, 3, 3], [1] + [width] * 6, [1] * 6)
        self.last = nn.ConvTranspose2d(width, 1, 9, scale, padding=4, output_padding=scale - 1)
        self.halo = 4 + 5 + 5

    def forward(self, z: Tensor, step: Tensor) -> Tensor:
        return self.last(self.features(z)).float()

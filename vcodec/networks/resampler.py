"""RSN, the `f` of the papers: turn the original into a picture that is cheaper to code.

x (N, 1, H, W) in [0, 1], step (N,) in levels -> y (N, 1, H/scale, W/scale) in [0, 1]; H and W even.
Zhao et al. 2018, arXiv:1806.08514 (layers as in the authors' figure). Book: chapter 3."""

import torch.nn.functional as F
from torch import Tensor, nn

from vcodec.networks.layers import ConditionedTrunk, halve, paper_layers


class ReSampler(nn.Module):
    """The project's default RSN: bicubic plus a learned correction.

    Our departures: starts as plain bicubic (identity at full resolution), works at half resolution inside,
    knows the quantisation step, and never leaves [0, 1]: a signal the codec would clip is a signal lost."""

    def __init__(self, scale: int = 2, width: int = 48, blocks: int = 4):
        super().__init__()
        self.scale = scale
        self.trunk = ConditionedTrunk(4, 4 // scale**2, width, blocks)
        self.halo = 2 * self.trunk.radius + 8  # pixels of x around a pixel of y that it depends on

    def forward(self, x: Tensor, step: Tensor) -> Tensor:
        correction = self.trunk(F.pixel_unshuffle(x, 2), step).float()  # (N, 4 / scale^2, H/2, W/2)
        if self.scale == 1:
            return (x + F.pixel_shuffle(correction, 2)).clamp(0, 1)
        return (halve(x) + correction).clamp(0, 1)


class PaperReSampler(nn.Module):
    """RSN as drawn: 9x9,128 - 3x3,128,s - 3x3,128 (x4) - 9x9,1. It has no use for the step."""

    def __init__(self, scale: int = 2, width: int = 128):
        super().__init__()
        self.scale = scale
        self.features = paper_layers([9, 3, 3, 3, 3, 3], [1] + [width] * 6, [1, scale, 1, 1, 1, 1])
        self.last = nn.Conv2d(width, 1, 9, padding=4)
        self.halo = 4 + 1 + scale * (4 + 4) + 1

    def forward(self, x: Tensor, step: Tensor) -> Tensor:
        return self.last(self.features(x)).float().clamp(0, 1)

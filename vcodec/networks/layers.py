"""Building blocks that the three networks share. Book: chapters 3 and 6."""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def pad_to_even(x: Tensor) -> Tensor:
    """Repeat the last row and column where a side is odd: (N, C, H, W) -> (N, C, H', W') with H', W' even."""
    height, width = x.shape[-2:]
    return F.pad(x, (0, width % 2, 0, height % 2), mode="replicate") if height % 2 or width % 2 else x


def halve(x: Tensor) -> Tensor:
    """The bicubic re-sampler `s` of the papers, low-pass filtered: (N, C, H, W) -> (N, C, H/2, W/2) in [0, 1]."""
    return halve_signed(x).clamp(0, 1)


def halve_signed(x: Tensor) -> Tensor:
    """The same for differences of pictures, which may be negative."""
    return F.interpolate(x.float(), scale_factor=0.5, mode="bicubic", antialias=True)


def double(y: Tensor) -> Tensor:
    """Plain bicubic enlargement: (N, C, H, W) -> (N, C, 2H, 2W)."""
    return F.interpolate(y.float(), scale_factor=2, mode="bicubic")


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions added to their input, scaled and shifted per channel by the condition."""

    def __init__(self, width: int):
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        if len(x) > 1:
            return x + self.second(F.relu(self.first(x) * (1 + scale) + shift))
        # One picture, as in use: the same with the condition inside the convolution, for two passes less over x.
        factor, bias = 1 + scale.view(-1), self.first.bias
        assert bias is not None
        weight = self.first.weight * factor.view(-1, 1, 1, 1)
        return x + self.second(F.relu_(F.conv2d(x, weight, bias * factor + shift.view(-1), padding=1)))


class ConditionedTrunk(nn.Module):
    """Residual blocks at one resolution that know how hard the codec quantises.

    x (N, C_in, H, W), step (N,) in levels of 0 to 255 -> (N, C_out, H, W). The last layer starts at zero, so
    that whatever the trunk corrects is left alone at step 0 of a training. One set of weights serves all
    qualities: log2(step) passes a small perceptron that scales and shifts the channels of every block
    (feature-wise modulation: Perez et al. 2018, FiLM)."""

    def __init__(self, channels_in: int, channels_out: int, width: int, blocks: int):
        super().__init__()
        self.head = nn.Conv2d(channels_in, width, 3, padding=1)
        self.blocks = nn.ModuleList(ResidualBlock(width) for _ in range(blocks))
        self.tail = nn.Conv2d(width, channels_out, 3, padding=1)
        modulation = nn.Linear(64, 2 * width * blocks)
        self.condition = nn.Sequential(nn.Linear(1, 64), nn.ReLU(), modulation)
        for parameter in (*self.tail.parameters(), *modulation.parameters()):
            nn.init.zeros_(parameter)
        self.radius = blocks * 2 + 2  # how far, in pixels at this resolution, an output pixel looks

    def forward(self, x: Tensor, step: Tensor) -> Tensor:
        log_step = torch.log2(step.to(self.head.weight.dtype)).view(-1, 1) / 4 - 1  # about [-1, 1]
        modulation = self.condition(log_step).view(
            len(step), len(self.blocks), 2, -1, 1, 1
        )  # (N, blocks, 2, width, 1, 1)
        x = features = self.head(x)
        for index, block in enumerate(self.blocks):
            features = block(features, modulation[:, index, 0], modulation[:, index, 1])
        return 0.1 * self.tail(features + x)  # corrections are a few levels: small steps at the start


def paper_layers(kernels: list[int], channels: list[int], strides: list[int]) -> nn.Sequential:
    """Convolutions with a ReLU after each, as in the papers' figure; `channels` has one entry more."""
    layers: list[nn.Module] = []
    for kernel, (c_in, c_out), stride in zip(kernels, pairwise(channels), strides, strict=True):
        layers += [nn.Conv2d(c_in, c_out, kernel, stride, padding=kernel // 2), nn.ReLU()]
    return nn.Sequential(*layers)

"""VCN, the `v` of the papers: a differentiable imitation of codec and IDN together.

y (N, 1, H, W) in [0, 1], step (N,) in levels -> (imitation of x_hat, bits per image). It exists only in
training. Zhao et al. 2018, arXiv:1806.08514; the rate head is this project's extension. Book: chapter 7."""

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vcodec.dct import block_kernels


class RateHead(nn.Module):
    """How many bits will the real codec spend on y? Trained on the bytes it really spent.

    y (N, 1, H, W) in [0, 1], step (N,) -> bits (N,), without the file's frame. A fixed 8x8 DCT comes first
    because transform coefficients in units of the step are what codecs pay for; a perceptron per block with
    a view of its neighbours learns the price list, which no closed formula gets right (the usual proxy
    underprices the first +-1 after a run of zeros)."""

    kernels: Tensor  # the 64 basis pictures of the 8x8 DCT, (64, 1, 8, 8)

    def __init__(self, width: int = 64):
        super().__init__()
        self.register_buffer("kernels", block_kernels(), persistent=False)
        self.prices = nn.Sequential(
            nn.Conv2d(3 * 64 + 1, width, 1), nn.ReLU(), nn.Conv2d(width, width, 3, padding=1), nn.ReLU(),
            nn.Conv2d(width, 1, 1), nn.Softplus(),
        )  # fmt: skip

    def forward(self, y: Tensor, step: Tensor) -> Tensor:
        with torch.autocast(y.device.type, enabled=False):  # 8 bits of mantissa would blur the coefficients
            return self._bits(y, step)

    def _bits(self, y: Tensor, step: Tensor) -> Tensor:
        height, width = y.shape[-2:]
        padded = F.pad(y.float(), (0, -width % 8, 0, -height % 8), mode="replicate")
        coefficients = F.conv2d(255 * padded - 128, self.kernels, stride=8)  # (N, 64, H/8, W/8)
        c = coefficients / step.view(-1, 1, 1, 1)
        size, alive = torch.log1p(c.abs()), c**2 / (c**2 + 0.25)  # alive: near 1 where rounding keeps it
        log_step = torch.log2(step.float()).view(-1, 1, 1, 1).expand(-1, 1, *c.shape[-2:]) / 4 - 1
        features = torch.cat([size, alive, torch.tanh(c), log_step], dim=1)
        return 32 * self.prices(features).sum(dim=(1, 2, 3))


class VirtualCodec(nn.Module):
    """VCN: starts as a copy of the IDN, and predicts bits beside pixels."""

    def __init__(self, idn: nn.Module):
        super().__init__()
        self.decoder = copy.deepcopy(idn)
        self.rate = RateHead()

    def forward(self, y: Tensor, step: Tensor) -> tuple[Tensor, Tensor]:
        return self.decoder(y, step), self.rate(y, step)

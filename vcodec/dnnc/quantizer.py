"""Rounding, and what stands in for its gradient: the quantiser of the deep codec. Book: chapters 4 and 10.

The latent y is an image of four channels at half resolution. Its numbers are rounded as they are (feature space),
or the coefficients of their 8x8 block DCT are (DCT space). Both transforms are orthonormal: an error of the
coefficients is an error of the pixels, squared and summed alike. Zhao et al. 2018, arXiv:1806.08514 (DNNC)."""

import math
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vcodec.dct import block_kernels, dct_basis
from vcodec.errors import CodecError

SPACES = ("dct", "feature")
BLOCK = 8
COARSEST, FINEST = 200.0, 1.0  # steps of quality 1 and 100, in levels of 0 to 255


def round_ste(x: Tensor) -> Tensor:
    """Rounded to whole numbers; the gradient passes as if nothing had happened (straight-through)."""
    return x + (x.round() - x).detach()


def add_noise(x: Tensor) -> Tensor:
    """x plus uniform noise from [-0.5, 0.5): rounding's error in size, without its staircase (Ballé et al. 2017)."""
    return x + torch.rand_like(x) - 0.5


def base_step(quality: int | Tensor) -> float | Tensor:
    """Quantisation step of quality 1 to 100, in levels of 0 to 255: it shrinks by the same factor each time."""
    return COARSEST * (FINEST / COARSEST) ** ((quality - 1) / 99)


@cache
def band_matrix(device: torch.device | str = "cpu") -> Tensor:
    """Orthonormal, (16, 16): 16 pixels in a row -> their low and their high half of frequencies, each as 8 samples.

    A 16-point DCT, its two halves, and the 8-point DCT of each undone. The first 8 samples are a smaller picture of the
    16 pixels; the 8-point DCT of both halves is the 16-point DCT of the pixels."""
    undo = torch.block_diag(dct_basis(BLOCK).T, dct_basis(BLOCK).T)
    matrix = undo @ dct_basis(2 * BLOCK)
    assert torch.allclose(matrix @ matrix.T, torch.eye(2 * BLOCK), atol=1e-5)
    return matrix.to(device)


def split_bands(x: Tensor) -> Tensor:
    """Four pictures of half the size: (N, 1, H, W) -> (N, 4, H/2, W/2), H and W multiples of 16. Orthonormal.

    In order: the small picture (times 2), what is finer across columns, across rows, and across both."""
    n, _, height, width = x.shape
    m, side = band_matrix(x.device), 2 * BLOCK
    blocks = x.float().reshape(n, height // side, side, width // side, side)
    bands = torch.einsum("ur,nhrwc,vc->nhuwv", m, blocks, m)  # (N, H/16, 16, W/16, 16)
    bands = bands.reshape(n, height // side, 2, BLOCK, width // side, 2, BLOCK)
    return bands.permute(0, 2, 5, 1, 3, 4, 6).reshape(n, 4, height // 2, width // 2)


def join_bands(y: Tensor) -> Tensor:
    """Undo `split_bands`: (N, 4, H, W) -> (N, 1, 2H, 2W), H and W multiples of 8."""
    n, _, height, width = y.shape
    m = band_matrix(y.device)
    bands = y.float().reshape(n, 2, 2, height // BLOCK, BLOCK, width // BLOCK, BLOCK).permute(0, 3, 1, 4, 5, 2, 6)
    bands = bands.reshape(n, height // BLOCK, 2 * BLOCK, width // BLOCK, 2 * BLOCK)
    blocks = torch.einsum("ur,nhuwv,vc->nhrwc", m, bands, m)
    return blocks.reshape(n, 1, 2 * height, 2 * width)


class LatentQuantiser(nn.Module):
    """Between a latent and real numbers in units of the step: what rounding turns into symbols.

    channels: of the latent.  space: "dct" or "feature".  `log_steps` holds the logarithm of each channel's and
    frequency's step in units of the base step, (channels, 8, 8) or (channels, 1, 1); training may learn it."""

    kernels: Tensor

    def __init__(self, channels: int, space: str = "dct"):
        """Raises CodecError for another space."""
        super().__init__()
        if space not in SPACES:
            raise CodecError(f"a latent is quantised in the space dct or feature, not {space!r}")
        self.space, self.channels = space, channels
        side = BLOCK if space == "dct" else 1
        self.log_steps = nn.Parameter(torch.zeros(channels, side, side))
        self.register_buffer("kernels", block_kernels(), persistent=False)  # which proves itself orthonormal

    @property
    def planes(self) -> int:
        """Planes of coefficients: channels times frequencies."""
        return self.log_steps.numel()

    def forward(self, y: Tensor, step: Tensor) -> Tensor:
        """y (N, C, H, W) in units of [0, 1], H and W multiples of 8; step (N,) in levels of 0 to 255
        -> (N, planes, H/8, W/8), or (N, C, H, W) in feature space, in units of the step."""
        y = 255 * y.float()
        if self.space == "dct":
            n, c, height, width = y.shape
            y = F.conv2d(y.reshape(n * c, 1, height, width), self.kernels, stride=BLOCK)
            y = y.reshape(n, c * BLOCK**2, height // BLOCK, width // BLOCK)
        return y / self._steps(step)

    def inverse(self, symbols: Tensor, step: Tensor) -> Tensor:
        """The latent back from its symbols: shapes and units as in `forward`."""
        y = symbols.float() * self._steps(step)
        if self.space == "dct":
            n, planes, height, width = y.shape
            y = y.reshape(-1, BLOCK**2, height, width)
            y = F.conv_transpose2d(y, self.kernels, stride=BLOCK)
            y = y.reshape(n, planes // BLOCK**2, BLOCK * height, BLOCK * width)
        return y / 255

    def _steps(self, step: Tensor) -> Tensor:
        """(N, planes, 1, 1), in levels."""
        return step.float().view(-1, 1, 1, 1) * self.log_steps.exp().view(1, -1, 1, 1)


def quality_of_step(step: float) -> float:
    """The quality, a real number, whose base step this is: for tests and figures."""
    return 1 + 99 * math.log(COARSEST / step) / math.log(COARSEST / FINEST)

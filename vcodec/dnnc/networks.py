"""RSN and IDN of the deep codec (DNNC): between a picture and a latent of four channels at half resolution.

x (N, 1, H, W) in [0, 1], step (N,) in levels of 0 to 255, H and W multiples of 16. Zhao et al. 2018,
arXiv:1806.08514. Our departures: both start as an orthonormal transform and its inverse, so that the auto-encoder
with which the paper begins is there at step 0, without loss; and both know the step and where the transform's
blocks lie. Book: chapter 10."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vcodec.dnnc.quantizer import BLOCK, join_bands, split_bands
from vcodec.errors import CodecError
from vcodec.networks.layers import ConditionedTrunk

GRID = 4  # channels that say where in its block a pixel lies


def grid_channels(x: Tensor) -> Tensor:
    """Where pixels lie in their 16x16 blocks: (N, C, H, W) at half resolution -> (N, 4, H, W), cosine and sine."""
    n, _, height, width = x.shape
    rows, columns = (2 * math.pi / BLOCK * torch.arange(side, device=x.device) for side in (height, width))
    down = torch.stack([rows.cos(), rows.sin()])[:, :, None].expand(2, height, width)
    across = torch.stack([columns.cos(), columns.sin()])[:, None, :].expand(2, height, width)
    return torch.cat([down, across])[None].expand(n, GRID, height, width)


class BlockwiseCorrection(nn.Module):
    """A learned correction of a picture, zero at the start, that works at half resolution and knows the blocks."""

    def __init__(self, width: int, blocks: int):
        super().__init__()
        self.trunk = ConditionedTrunk(4 + GRID, 4, width, blocks)
        needed = 2 * self.trunk.radius + 2
        self.halo = -(-needed // (2 * BLOCK)) * 2 * BLOCK - 2  # windows of `apply_tiled` then begin where a block does

    def forward(self, x: Tensor, step: Tensor) -> Tensor:
        small = F.pixel_unshuffle(x, 2)
        return x + F.pixel_shuffle(self.trunk(torch.cat([small, grid_channels(small)], 1), step).float(), 2)


def to_latent(x: Tensor) -> Tensor:
    """The picture that RSN made, (N, 1, H, W) about [0, 1] -> latent (N, 4, H/2, W/2) around 0."""
    return split_bands(x - 0.5)


def to_picture(y: Tensor) -> Tensor:
    """Undo `to_latent`: what IDN is given."""
    return join_bands(y) + 0.5


def build_deep_networks(network: str = "default") -> tuple[BlockwiseCorrection, BlockwiseCorrection]:
    """(RSN, IDN), untrained: "default", or "tiny", which learns within a minute. Raises CodecError for another."""
    sizes = {"default": ((48, 4), (64, 8)), "tiny": ((16, 1), (32, 3))}
    if network not in sizes:
        raise CodecError(f"the deep codec has the networks {', '.join(sizes)}, not {network!r}")
    rsn, idn = sizes[network]
    return BlockwiseCorrection(*rsn), BlockwiseCorrection(*idn)


def start_from_post_processor(idn: BlockwiseCorrection, weights: dict[str, Tensor]) -> None:
    """Give a new IDN the weights of a `PostProcessor` at full resolution, which has learnt to repair photographs.

    What it does not know, the block grid, starts with weights of zero."""
    state = idn.state_dict()
    for name, value in weights.items():
        if name == "trunk.head.weight":
            value = torch.cat([value, torch.zeros_like(value)], 1)
        state[name] = value
    idn.load_state_dict(state)

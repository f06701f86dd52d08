"""Networks by name: `default` is the project's, `paper` is drawn in the papers' figure, `tiny` learns within a minute.

`register` adds a pair of your own. Its contract, for `scale` 1 or 2:

- rsn(x, step) -> y: x (N, 1, H, W) in [0, 1], H and W even; step (N,), the codec's quantisation step in levels;
  y (N, 1, H/scale, W/scale) in [0, 1].
- idn(z, step) -> x_hat: z (N, 1, h, w) -> (N, 1, scale h, scale w), not clipped; h and w even at scale 1.
- `halo`: an int, how many pixels of the input around a pixel of the output it depends on. Large pictures are
  restored in tiles that overlap that far.
- Parity: a network may tell even rows and columns of its input from odd ones (a 2x2 grid, which tiles respect),
  and nothing else about where a pixel lies.
- Both return float32 and live in `state_dict()` alone, because weight files hold nothing else.

Book: chapters 3 and 6."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import nn

from vcodec.errors import CodecError
from vcodec.networks.post_processor import PaperPostProcessor, PostProcessor
from vcodec.networks.resampler import PaperReSampler, ReSampler

Builder = Callable[..., nn.Module]  # called with scale=1 or scale=2

NETWORKS: dict[str, tuple[Builder, Builder]] = {
    "default": (ReSampler, PostProcessor),
    "paper": (PaperReSampler, PaperPostProcessor),
    "tiny": (partial(ReSampler, width=16, blocks=1), partial(PostProcessor, width=32, blocks=3)),
}
SHIPPED_NAMES = frozenset(NETWORKS)


def register(name: str, rsn: Builder, idn: Builder) -> None:
    """Add a pair of networks: rsn(scale=...) and idn(scale=...) build them. The same name again replaces the pair.

    Both are built at both scales and tried on a small picture. Raises CodecError where they break the contract (see
    the module), and for the name of a pair of the package."""
    if name in SHIPPED_NAMES:
        raise CodecError(f"the package has networks called {name!r}; choose another name")
    for scale in (1, 2):
        check_network(rsn(scale=scale), 1 / scale, f"the RSN of {name!r} at scale {scale}")
        check_network(idn(scale=scale), scale, f"the IDN of {name!r} at scale {scale}")
    NETWORKS[name] = rsn, idn


def check_network(network: nn.Module, ratio: float, what: str = "the network") -> None:
    """Raises CodecError unless a network keeps the contract. ratio: output size over input size.

    Its weights are drawn at random, in place: a correction that starts at zero would hide a halo that is too small."""
    halo: Any = getattr(network, "halo", None)
    if not isinstance(halo, int) or halo < 0:
        raise CodecError(f"{what} has no `halo`: how many pixels around it an output pixel depends on")
    generator = torch.Generator().manual_seed(0)
    for parameter in network.parameters():
        fan_in = parameter[0].numel() if parameter.ndim > 1 else 4
        parameter.data.copy_(torch.rand(parameter.shape, generator=generator) / fan_in)
    network.eval()
    middle = 2 * (halo // 2 + 8)
    side, step = 2 * middle + 2, torch.tensor([20.0])
    x = (0.4 + 0.2 * torch.rand(1, 1, side, side, generator=generator)).requires_grad_()
    y = network(x, step)
    shape = 1, 1, int(side * ratio), int(side * ratio)
    if tuple(y.shape) != shape or y.dtype != torch.float32:
        raise CodecError(f"{what} makes {y.dtype} {tuple(y.shape)} of {tuple(x.shape)}, not float32 {shape}")
    first, last = int(middle * ratio), int((middle + 2) * ratio)
    block = y[..., first:last, first:last]
    rows, columns = torch.autograd.grad(block.sum(), x)[0][0, 0].nonzero().unbind(1)
    seen = torch.cat([rows, columns])
    if len(seen) and max(middle - int(seen.min()), int(seen.max()) - middle - 1) > halo:
        raise CodecError(f"{what} looks further than its halo of {halo} pixels")
    with torch.no_grad():
        moved = network(x.roll((2, 6), (2, 3)), step).roll((-int(2 * ratio), -int(6 * ratio)), (2, 3))
    if not torch.allclose(moved[..., first:last, first:last], block, atol=1e-3 * float(block.detach().abs().max())):
        raise CodecError(f"{what} knows more of a pixel's place than whether its row and column are even")


def build_networks(name: str, scale: int) -> tuple[nn.Module, nn.Module]:
    """(RSN, IDN), untrained. Raises CodecError for an unknown name or a scale other than 1 and 2."""
    if name not in NETWORKS:
        raise CodecError(f"no network is called {name!r}; there are {', '.join(NETWORKS)}")
    check_scale(scale)
    rsn, idn = NETWORKS[name]
    return rsn(scale=scale), idn(scale=scale)


def check_scale(scale: int | str) -> None:
    if scale not in (1, 2):
        raise CodecError(f"scale must be 1 (full resolution) or 2 (half), not {scale!r}")

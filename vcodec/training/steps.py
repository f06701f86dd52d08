"""One optimiser step for each of the three networks, and what they share. Book: chapters 6 to 8.

Zhao et al. 2018, arXiv:1806.08514, with rate in the loss (ours). Pictures are (N, 1, H, W) in [0, 1]."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.optim import Optimizer

from vcodec.networks.layers import halve
from vcodec.training.objectives import Objective, dssim
from vcodec.training.surrogates import StandIn

Distortion = Callable[[Tensor, Tensor], Tensor]


class Descent:
    """Gradient, clipped to a norm of 1, and step; the gradient is the mean over all processes."""

    def __init__(self, accelerator: Accelerator):
        self.accelerator = accelerator

    def __call__(self, loss: Tensor, optimizer: Optimizer, network: nn.Module) -> None:
        optimizer.zero_grad(set_to_none=True)
        self.accelerator.backward(loss)
        self.accelerator.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()


def update_idn(
    idn: nn.Module, optimizer: Optimizer, descend: Descent, z: Tensor, step: Tensor, x: Tensor, distortion: Distortion
) -> tuple[dict[str, float], Tensor]:
    """One IDN step on what the real codec delivered. Returns the loss, and x_hat without gradient."""
    x_hat = idn(z, step)
    loss = distortion(x_hat, x).mean()
    descend(loss, optimizer, idn)
    return {"idn_loss": loss.item()}, x_hat.detach()


def update_vcn(
    vcn: nn.Module, optimizer: Optimizer, descend: Descent, y: Tensor, step: Tensor, x_hat: Tensor, bits: Tensor,
    distortion: Distortion,
) -> dict[str, float]:  # fmt: skip
    """One VCN step towards the pixels of h(g(y)) and the bits of g(y). `bits_miss` is the mean relative error
    of the predicted bits."""
    imitation, predicted = vcn(y, step)
    pixels = distortion(imitation, x_hat).mean()
    miss = ((predicted - bits).abs() / (bits + 200)).mean()  # 200 bits: a patch that is almost flat
    descend(pixels + miss, optimizer, vcn)
    return {"vcn_loss": pixels.item(), "bits_miss": miss.item()}


def update_rsn(
    rsn: nn.Module, optimizer: Optimizer, descend: Descent, x: Tensor, step: Tensor, qualities: Tensor,
    stand_in: StandIn, bits: Callable[[Tensor, Tensor], Tensor] | None, objective: Objective, structure: float,
) -> dict[str, float]:  # fmt: skip
    """One RSN step. The codec has no gradient: `stand_in` gives x_hat, `bits` the price (None: rate is free)."""
    y = rsn(x, step)
    loss = objective.distortion(stand_in(y, step, qualities), x, qualities).mean()
    if bits is not None:
        loss = loss + objective.rate(bits(y, step) / x[0].numel(), qualities).mean()
    loss = loss + structure * dssim(y, x if y.shape == x.shape else halve(x)).mean()
    descend(loss, optimizer, rsn)
    return {"rsn_loss": loss.item()}


@contextmanager
def frozen(*networks: nn.Module) -> Iterator[None]:
    """Inside, gradients pass through the networks and leave nothing behind in them."""
    for network in networks:
        network.requires_grad_(False)
    try:
        yield
    finally:
        for network in networks:
            network.requires_grad_(True)


def means(rows: Sequence[dict[str, Tensor]]) -> dict[str, float]:
    """The mean of each loss over the rows that have it. rows: scalars, on their device.

    The device is read once for all rows: reading after every step would make a GPU wait for the CPU each time."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    if not names:
        return {}
    columns = [torch.stack([row[name].detach().float() for row in rows if name in row]) for name in names]
    return dict(zip(names, torch.stack([column.mean() for column in columns]).tolist(), strict=True))

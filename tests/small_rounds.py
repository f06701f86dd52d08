"""A training of seconds, for the tests of its rounds and of the codec's say in them."""

import torch

from vcodec.images import embedded
from vcodec.training import Settings
from vcodec.training.rounds import Rounds

TINY = {"network": "tiny", "patch": 32, "batch": 4, "idn_steps": 3, "rsn_steps": 2}
PICTURES = [embedded(name)[100:260, 150:310] for name in ("chelsea", "coffee", "camera")]


def rounds(start_from=None, **settings) -> Rounds:
    """Small networks, patches and batches, on crops of photographs."""
    return Rounds(Settings(**TINY | settings), PICTURES[:2], PICTURES[2:], "cpu", start_from)


def values_of(network: torch.nn.Module) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in network.parameters()]).clone()


def costing(*costs: float):
    """A judge that says what it is told, one word after the other."""
    words = iter(costs)
    return lambda: {"cost": next(words)}

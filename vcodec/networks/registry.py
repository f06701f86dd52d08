"""Networks by name: `default` is the project's, `paper` is drawn in the papers' figure, `tiny` learns within a minute.

Book: chapters 3 and 6."""

from collections.abc import Callable
from functools import partial

from torch import nn

from vcodec.errors import CodecError
from vcodec.networks.post_processor import PaperPostProcessor, PostProcessor
from vcodec.networks.resampler import PaperReSampler, ReSampler

NETWORKS: dict[str, tuple[Callable[..., nn.Module], Callable[..., nn.Module]]] = {
    "default": (ReSampler, PostProcessor),
    "paper": (PaperReSampler, PaperPostProcessor),
    "tiny": (partial(ReSampler, width=16, blocks=1), partial(PostProcessor, width=32, blocks=3)),
}


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

"""RSN and IDN of one scale, ready for use, and any network on a picture of any size. Book: chapters 3 and 6."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from vcodec.errors import CodecError
from vcodec.networks.layers import double, halve, pad_to_even
from vcodec.progress import steps as steps_of

NO_NETWORK = bytes(4)
TILE = 768  # pixels a side


@dataclass(frozen=True)
class NetworkPair:
    """RSN and IDN of one scale, ready for use. None stands for the plain operation: identity or bicubic.

    Pictures stay where they are; tiles of them travel to the device that holds the network."""

    scale: int
    rsn: nn.Module | None = None
    idn: nn.Module | None = None
    network_id: bytes = NO_NETWORK  # first 4 bytes of the weight file's SHA-256

    @torch.no_grad()
    def resample(self, x: Tensor, step: float) -> Tensor:
        """x (1, 1, H, W) in [0, 1], H and W even at scale 2 -> y (1, 1, H/scale, W/scale) in [0, 1]."""
        if self.rsn is None:
            return x if self.scale == 1 else halve(x)
        return apply_tiled(self.rsn, x, step, 1 / self.scale)

    @torch.no_grad()
    def restore(self, z: Tensor, step: float) -> Tensor:
        """z (1, 1, H, W) in [0, 1] -> x_hat (1, 1, scale H, scale W)."""
        if self.idn is None:
            return z if self.scale == 1 else double(z)
        return apply_tiled(self.idn, z, step, self.scale)

    def restore_window(self, z: Tensor, step: float) -> Tensor:
        """The same of a window that `in_windows` has cut."""
        whole = max(z.shape) + 1  # an odd side is padded
        return self.restore(z, step) if self.idn is None else apply_tiled(self.idn, z, step, self.scale, whole)

    @property
    def halo(self) -> int:
        """How far around it a restored pixel sees, in pixels of z; bicubic enlargement sees two."""
        return 2 if self.idn is None else int(self.idn.halo)  # type: ignore[arg-type]


@cache
def fastest_dtype(device: str) -> torch.dtype:
    """The type for convolutions: bfloat16 where the machine has units for it, else the fastest that is exact enough.

    Units for bfloat16: CPUs with AMX or AVX512-BF16, NVIDIA's GPUs from Ampere on. Older ones, as a T4, emulate
    it; float16 is as fast there, and its range suffices for pictures in [0, 1]."""
    if device == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    if device != "cpu":
        return torch.float32
    capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()  # PyTorch 2.11 does not say
    has_units = capabilities.get("amx_bf16") or capabilities.get("avx512_bf16")
    return torch.bfloat16 if has_units else torch.float32


def find_device(name: str) -> torch.device:
    """The device of this name, as "cpu" or "cuda:1". Raises CodecError where this machine has none."""
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError):
        raise CodecError(f'this machine has no device {name!r} for the networks; "cpu" is always there') from None


class Window(NamedTuple):
    """A tile of a picture, with what must be seen around it: each rows and columns."""

    seen: tuple[slice, slice]  # of the input: the tile and its halo
    tile: tuple[slice, slice]  # of what is made from that
    place: tuple[slice, slice]  # of the whole output


def windows(height: int, width: int, ratio: float, halo: int, tile: int | None = None) -> list[Window]:
    """Tiles of `tile` pixels a side (`TILE`) that cover a picture. ratio: output size over input size. halo: how far an
    output pixel sees; made even, so that a window starts where a network's 2x2 grid does."""
    halo, tile = halo // 2 * 2 + 2, tile or TILE

    def cuts(length: int) -> list[tuple[slice, slice, slice]]:
        return [cut(start, max(0, start - halo), min(start + tile, length)) for start in range(0, length, tile)]

    def cut(start: int, first: int, end: int) -> tuple[slice, slice, slice]:
        seen = slice(first, end + halo)
        return (
            seen,
            slice(int(ratio * (start - first)), int(ratio * (end - first))),
            slice(int(ratio * start), int(ratio * end)),
        )

    return [Window(*zip(rows, columns, strict=True)) for rows in cuts(height) for columns in cuts(width)]


def with_bar(tiles: list[Window]) -> Iterable[Window]:
    """Each tile moves the bar of the work that it belongs to; without one, several tiles show a bar of their own."""
    return steps_of(tiles, "tiles")


def in_windows(image: np.ndarray, change: Callable[[np.ndarray], np.ndarray], ratio: int, halo: int) -> np.ndarray:
    """change(image) in bounded memory, beside input and output: uint8 (H, W[, 3]) -> uint8 (ratio H, ratio W[, 3])."""
    height, width = image.shape[:2]
    out = np.empty((ratio * height, ratio * width, *image.shape[2:]), np.uint8)
    for window in with_bar(windows(height, width, ratio, halo)):
        out[window.place] = change(image[window.seen])[window.tile]
    return out


def apply_tiled(network: nn.Module, x: Tensor, step: float, ratio: float, tile: int | None = None) -> Tensor:
    """network(x) in bounded memory: tiles that overlap as far as a pixel sees, so that no seam can appear.

    x (1, 1, H, W) -> (1, 1, ratio H, ratio W), on the device of x. At ratio 1 an odd side is padded by repetition and
    cut off again; at 1/2 both sides must be even. tile: pixels a side, `TILE`."""
    height, width = x.shape[-2:]
    x = pad_to_even(x) if ratio == 1 else x
    out = torch.empty(1, 1, int(ratio * x.shape[-2]), int(ratio * x.shape[-1]), device=x.device)
    device = next(network.parameters(), x).device
    dtype = fastest_dtype(device.type)
    steps = torch.tensor([float(step)], device=device)
    for window in with_bar(windows(x.shape[-2], x.shape[-1], ratio, int(network.halo), tile)):  # type: ignore[arg-type]
        seen = x[..., *window.seen].contiguous().to(device)
        with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
            result = network(seen, steps)
        out[..., *window.place] = result[..., *window.tile]
    return out[..., : int(ratio * height), : int(ratio * width)]

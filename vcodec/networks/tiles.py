"""RSN and IDN of one scale, ready for use, and any network on a picture of any size. Book: chapters 3 and 6."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

from vcodec.errors import CodecError
from vcodec.networks.layers import double, halve, pad_to_even

NO_NETWORK = bytes(4)


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


def apply_tiled(network: nn.Module, x: Tensor, step: float, ratio: float, tile: int = 768) -> Tensor:
    """network(x) in bounded memory: tiles that overlap as far as a pixel sees, so that no seam can appear.

    x (1, 1, H, W) -> (1, 1, ratio H, ratio W), on the device of x. At ratio 1 an odd side is padded by repetition and
    cut off again; at 1/2 both sides must be even. More than one tile shows a progress bar after a second."""
    height, width = x.shape[-2:]
    x = pad_to_even(x) if ratio == 1 else x
    corners = [(top, left) for top in range(0, x.shape[-2], tile) for left in range(0, x.shape[-1], tile)]
    out = torch.empty(1, 1, int(ratio * x.shape[-2]), int(ratio * x.shape[-1]), device=x.device)
    halo = int(network.halo) // 2 * 2 + 2  # type: ignore[arg-type]  # even, so that a window starts where the network's 2x2 grid does
    device = next(network.parameters(), x).device
    dtype = fastest_dtype(device.type)
    steps = torch.tensor([float(step)], device=device)
    for top, left in tqdm(corners, desc="tiles", delay=1, disable=len(corners) == 1 or None, leave=False):
        y0, x0 = max(0, top - halo), max(0, left - halo)
        window = x[..., y0 : top + tile + halo, x0 : left + tile + halo].contiguous().to(device)
        with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
            result = network(window, steps)
        y1, x1, y2, x2, size = (int(ratio * v) for v in (top, left, top - y0, left - x0, tile))
        part = result[..., y2 : y2 + size, x2 : x2 + size]
        out[..., y1 : y1 + part.shape[-2], x1 : x1 + part.shape[-1]] = part
    return out[..., : int(ratio * height), : int(ratio * width)]

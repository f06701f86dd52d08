"""Networks by name, their weight files, and any network on a picture of any size.

`default` is the project's, `paper` is drawn in the papers' figure, `tiny` learns within a minute.
Book: chapters 3 and 6."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn
from tqdm import tqdm

from vcodec.errors import CodecError
from vcodec.images import write_file
from vcodec.layers import double, halve, pad_to_even
from vcodec.post_processor import PaperPostProcessor, PostProcessor
from vcodec.resampler import PaperReSampler, ReSampler

NETWORKS: dict[str, tuple[Callable[..., nn.Module], Callable[..., nn.Module]]] = {
    "default": (ReSampler, PostProcessor),
    "paper": (PaperReSampler, PaperPostProcessor),
    "tiny": (partial(ReSampler, width=16, blocks=1), partial(PostProcessor, width=32, blocks=3)),
}
SHIPPED = Path(__file__).parent / "weights"
NO_NETWORK = bytes(4)


def build_networks(name: str, scale: int) -> tuple[nn.Module, nn.Module]:
    """(RSN, IDN), untrained. Raises CodecError for an unknown name or a scale other than 1 and 2."""
    if name not in NETWORKS:
        raise CodecError(f"no network is called {name!r}; there are {', '.join(NETWORKS)}")
    check_scale(scale)
    rsn, idn = NETWORKS[name]
    return rsn(scale=scale), idn(scale=scale)


def check_scale(scale: int) -> None:
    if scale not in (1, 2):
        raise CodecError(f"scale must be 1 (full resolution) or 2 (half), not {scale!r}")


@dataclass(frozen=True)
class NetworkPair:
    """RSN and IDN of one scale, ready for use. None stands for the plain operation: identity or bicubic."""

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
    """The type for convolutions: bfloat16 where the machine has units for it (GPUs, CPUs with AMX), else float32."""
    if device != "cpu":
        return torch.bfloat16
    capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()  # PyTorch 2.11 does not say
    return torch.bfloat16 if capabilities.get("amx_bf16") else torch.float32


def apply_tiled(network: nn.Module, x: Tensor, step: float, ratio: float, tile: int = 768) -> Tensor:
    """network(x) in bounded memory: tiles that overlap as far as a pixel sees, so that no seam can appear.

    x (1, 1, H, W) -> (1, 1, ratio H, ratio W). At ratio 1 an odd side is padded by repetition and cut off
    again; at 1/2 both sides must be even. More than one tile shows a progress bar after a second."""
    height, width = x.shape[-2:]
    x = pad_to_even(x) if ratio == 1 else x
    corners = [(top, left) for top in range(0, x.shape[-2], tile) for left in range(0, x.shape[-1], tile)]
    out = torch.empty(1, 1, int(ratio * x.shape[-2]), int(ratio * x.shape[-1]), device=x.device)
    halo = int(network.halo) // 2 * 2 + 2  # type: ignore[arg-type]  # even, so that a window starts where the network's 2x2 grid does
    for top, left in tqdm(corners, desc="tiles", delay=1, disable=len(corners) == 1 or None, leave=False):
        y0, x0 = max(0, top - halo), max(0, left - halo)
        window = x[..., y0 : top + tile + halo, x0 : left + tile + halo].contiguous()
        with torch.autocast(x.device.type, torch.bfloat16, enabled=fastest_dtype(x.device.type) == torch.bfloat16):
            result = network(window, torch.tensor([float(step)], device=x.device))
        y1, x1, y2, x2, size = (int(ratio * v) for v in (top, left, top - y0, left - x0, tile))
        part = result[..., y2 : y2 + size, x2 : x2 + size]
        out[..., y1 : y1 + part.shape[-2], x1 : x1 + part.shape[-1]] = part
    return out[..., : int(ratio * height), : int(ratio * width)]


def save_weights(path: Path, rsn: nn.Module | None, idn: nn.Module, card: dict[str, Any]) -> None:
    """Write `path` (safetensors, 16 bits a weight) and its card beside it (.json, with the SHA-256)."""
    networks = {"idn": idn} if rsn is None else {"rsn": rsn, "idn": idn}
    write_tensors(path, half_precision(networks), card | {"parameters": count_parameters(networks)})


def half_precision(networks: dict[str, nn.Module]) -> dict[str, Tensor]:
    """All weights as 16-bit numbers, each under its network's name and its own."""
    return {
        f"{name}.{key}": value.detach().cpu().half().contiguous()
        for name, network in networks.items()
        for key, value in network.state_dict().items()
    }


def count_parameters(networks: dict[str, nn.Module]) -> dict[str, int]:
    return {name: sum(p.numel() for p in network.parameters()) for name, network in networks.items()}


def write_tensors(path: Path, tensors: dict[str, Tensor], card: dict[str, Any]) -> None:
    """Write a weight file, and its card with the SHA-256, each whole or not at all."""
    data = save(tensors)
    digest = hashlib.sha256(data).hexdigest()
    write_file(path, data)
    card = card | {"sha256": digest, "network_id": digest[:8]}
    write_file(path.with_suffix(".json"), (json.dumps(card, indent=2) + "\n").encode())


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """A weight file and its card. Raises CodecError where it is missing or its SHA-256 is not the card's."""
    if not path.exists():
        raise CodecError(f"there are no weights {path.name} in {path.parent}; `vcodec train` makes them")
    card = read_card(path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != card["sha256"]:
        raise CodecError(f"the weights {path} are not those of their card: SHA-256 {digest[:8]}... differs")
    try:
        return load_file(path), card
    except SafetensorError:
        raise CodecError(f"the weights {path} are damaged") from None


def fill(network: nn.Module, name: str, tensors: dict[str, Tensor]) -> bool:
    """Give a network its weights and make it ready for use; False where there are none. May raise RuntimeError."""
    own = {k.removeprefix(f"{name}."): v.float() for k, v in tensors.items() if k.startswith(f"{name}.")}
    if own:
        network.load_state_dict(own)
        network.eval().requires_grad_(False)
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # a third faster
    return bool(own)


def read_card(path: Path) -> dict[str, Any]:
    """The card of a weight file. Raises CodecError where it is missing or unreadable."""
    file = path.with_suffix(".json")
    try:
        card = json.loads(file.read_text())
    except (OSError, ValueError):
        card = None
    if not isinstance(card, dict) or not {"network", "sha256"} <= card.keys():
        raise CodecError(f"the card {file} is missing or damaged")
    return card


def load_weights(path: Path) -> NetworkPair:
    """The networks in `path`. Raises CodecError where it is missing or its SHA-256 is not the card's."""
    tensors, card = read_tensors(path)
    rsn, idn = build_networks(card["network"], card["scale"])
    try:
        has_rsn, _ = fill(rsn, "rsn", tensors), fill(idn, "idn", tensors)
    except RuntimeError:
        raise CodecError(f"the weights {path} do not fit the network that their card names") from None
    return NetworkPair(card["scale"], rsn if has_rsn else None, idn, bytes.fromhex(card["sha256"][:8]))

"""Weight files, 16 bits a weight, and the card inside each: how it was trained, and its SHA-256. Book: chapter 6.

A card is JSON in the metadata of a safetensors file; a copy lies beside it, for people to read. The SHA-256 is that of
the file without its card, so that the name of a network, which our pictures store, does not change with what is said
about it. Files whose card is only beside them load, too."""

import contextlib
import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from vcodec.errors import CodecError
from vcodec.images import read_file, write_file
from vcodec.networks.registry import build_networks
from vcodec.networks.tiles import NetworkPair
from vcodec.weights import SHIPPED

__all__ = [
    "SHIPPED",
    "count_parameters",
    "fill",
    "half_precision",
    "load_weights",
    "read_card",
    "read_tensors",
    "save_weights",
    "write_card",
    "write_tensors",
]


def save_weights(path: Path, rsn: nn.Module | None, idn: nn.Module, card: dict[str, Any]) -> None:
    """Write `path` (safetensors, 16 bits a weight) and its card beside it (.json, with the SHA-256)."""
    networks = {"idn": idn} if rsn is None else {"rsn": rsn, "idn": idn}
    write_tensors(path, half_precision(networks), card | {"parameters": count_parameters(networks)})


def network_id(digest: str) -> bytes:
    """The first 4 bytes of a weight file's SHA-256. An id that began with two zeros would be that of no network in the
    headers of files; the next bytes stand for it."""
    start = bytes.fromhex(digest[:12])
    return start[:4] if any(start[:2]) else start[2:]


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
    """Write a weight file with its card and the SHA-256 inside, and a copy of the card, each whole or not at all."""
    check_finite(path, tensors)
    data = save(tensors)
    digest = hashlib.sha256(data).hexdigest()
    write_both(path, data, card | {"sha256": digest, "network_id": network_id(digest).hex()})


def write_card(path: Path, card: dict[str, Any], out: Path) -> None:
    """Write the weights of `path` with this card to `out`; both may be the same file."""
    write_both(out, split(path)[0], card)


def write_both(path: Path, data: bytes, card: dict[str, Any]) -> None:
    """data: of a weight file without a card."""
    length = int.from_bytes(data[:8], "little")
    header = packed({"__metadata__": {"card": json.dumps(card)}} | json.loads(data[8 : 8 + length]))
    write_file(path, header + data[8 + length :])
    write_file(path.with_suffix(".json"), (json.dumps(card, indent=2) + "\n").encode())


def packed(header: dict[str, Any]) -> bytes:
    """The beginning of a safetensors file: a length in 8 bytes, and JSON without spaces but for those at its end."""
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def split(path: Path) -> tuple[bytes, Any]:
    """A weight file as it would be without a card, and the card inside, or None. Raises CodecError."""
    if not path.exists():
        raise CodecError(f"there are no weights {path.name} in {path.parent}; `vcodec train` makes them")
    data = read_file(path)
    length = int.from_bytes(data[:8], "little")
    try:
        header = json.loads(data[8 : 8 + length])
        card = json.loads(header.pop("__metadata__", {}).get("card", "null"))
        return packed(header) + data[8 + length :], card
    except (ValueError, AttributeError, TypeError, RecursionError):
        raise CodecError(f"the weights {path} are damaged") from None


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """A weight file and its card. Raises CodecError where it is missing or its SHA-256 is not the card's."""
    data, inside = split(path)
    card = checked_card(path, inside)
    digest = hashlib.sha256(data).hexdigest()
    if digest != card["sha256"]:
        raise CodecError(f"the weights {path} are not those of their card: SHA-256 {digest[:8]}... differs")
    try:
        tensors = load(data)
    except SafetensorError:
        raise CodecError(f"the weights {path} are damaged") from None
    check_finite(path, tensors)
    return tensors, card


def check_finite(path: Path, tensors: dict[str, Tensor]) -> None:
    """Raises CodecError where a weight is infinite or not a number: all pictures would be one colour."""
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise CodecError(f"the weights {path} hold numbers that are not finite, in {name}")


def fill(network: nn.Module, name: str, tensors: dict[str, Tensor], device: str = "cpu") -> bool:
    """Give a network its weights and make it ready for use on a device; False where there are none. May raise
    RuntimeError."""
    weights = {k.removeprefix(f"{name}."): v.float() for k, v in tensors.items() if k.startswith(f"{name}.")}
    if weights:
        network.load_state_dict(weights)
        network.eval().requires_grad_(False)
        network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # a third faster
    return bool(weights)


def read_card(path: Path) -> dict[str, Any]:
    """The card of a weight file. Raises CodecError where it is missing or unreadable."""
    return checked_card(path, split(path)[1])


def checked_card(path: Path, inside: Any) -> dict[str, Any]:
    """The card inside a weight file, or the one beside it where there is none inside. Raises CodecError."""
    card, file = inside, path
    if card is None:
        file = path.with_suffix(".json")
        with contextlib.suppress(OSError, ValueError):
            card = json.loads(file.read_text())
    if not isinstance(card, dict) or not all(isinstance(card.get(field), str) for field in ("network", "sha256")):
        raise CodecError(f"the card {'of' if file == path else 'in'} {file} is missing or damaged")
    return card


def load_weights(path: Path, device: str = "cpu") -> NetworkPair:
    """The networks in `path`, on a device. Raises CodecError where it is missing or its SHA-256 is not the card's."""
    tensors, card = read_tensors(path)
    rsn, idn = build_networks(card["network"], card.get("scale", "unsaid"))
    try:
        has_rsn, _ = fill(rsn, "rsn", tensors, device), fill(idn, "idn", tensors, device)
    except RuntimeError:
        raise CodecError(f"the weights {path} do not fit the network that their card names") from None
    return NetworkPair(card["scale"], rsn if has_rsn else None, idn, network_id(card["sha256"]))

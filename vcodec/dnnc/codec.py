"""DNNC: the deep codec, with its own quantiser, entropy coder and file (.vcn).

x --RSN--> latent --quantiser--> symbols --range coder--> file, and back: symbols --> z --IDN--> x_hat. Luma takes
this path; chroma, halved, joins as two more channels of the latent and passes no network. No float decides a
probability, so a file holds the same symbols for every machine. Zhao et al. 2018, arXiv:1806.08514.
Book: chapter 10."""

import struct
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from vcodec.dnnc import entropy
from vcodec.dnnc.checked import check
from vcodec.dnnc.contexts import Layout
from vcodec.dnnc.entropy import ContextModel
from vcodec.dnnc.networks import build_deep_networks, to_latent, to_picture
from vcodec.dnnc.quantizer import BLOCK, LatentQuantiser, base_step
from vcodec.errors import CodecError
from vcodec.images import rgb_to_ycbcr, to_array, to_float, to_uint8, ycbcr_to_rgb
from vcodec.limits import at_most, check_size
from vcodec.metrics import psnr
from vcodec.networks.layers import double
from vcodec.networks.settings import usual_torch
from vcodec.networks.tiles import NO_NETWORK, apply_tiled, find_device, windows, with_bar
from vcodec.networks.weights import SHIPPED, count_parameters, fill, half_precision, read_tensors, write_tensors
from vcodec.quality import best_quality, check_quality, lowest_quality

HEADER = struct.Struct(">4sBBB4sHHI")  # magic, version, flags, quality, network id, height, width, CRC-32: 19 bytes
MAGIC, VERSION = b"\xd6VCN", 1
COLOUR = 1  # flag
SIDE = 2 * BLOCK  # pictures are padded to multiples of this
MAX_SIDE = 65535
GRAY_CHANNELS, COLOUR_CHANNELS = 4, 6
FILE_NAME = "dnnc.safetensors"


class Header(NamedTuple):
    """What the decoder needs to know beside the symbols. height, width: of the original, in pixels."""

    colour: bool
    quality: int
    network_id: bytes
    height: int
    width: int

    def pack(self, payload: bytes) -> bytes:
        """Header and payload; the CRC-32 covers all of both but itself."""
        fields = HEADER.pack(MAGIC, VERSION, self.colour * COLOUR, self.quality, self.network_id,
                             self.height, self.width, 0)[:-4]  # fmt: skip
        return fields + struct.pack(">I", zlib.crc32(fields + payload)) + payload


def is_dnnc(data: bytes) -> bool:
    return data[:4] == MAGIC


def unpack_header(data: bytes) -> tuple[Header, bytes]:
    """(header, payload) of a file. Raises CodecError for what is not one, is damaged, or claims too much."""
    if not is_dnnc(data):
        raise CodecError(f"not a vcodec .vcn file: it begins with {data[:4]!r}")
    if len(data) < HEADER.size:
        raise CodecError("this .vcn file is cut off within its header")
    _, version, flags, quality, network_id, height, width, checksum = HEADER.unpack_from(data)
    if version != VERSION:
        raise CodecError(f"this .vcn file has format {version}; this vcodec reads {VERSION}")
    payload = data[HEADER.size :]
    if zlib.crc32(data[: HEADER.size - 4] + payload) != checksum:
        raise CodecError("this .vcn file is damaged or cut off: its CRC-32 does not match")
    if not (height and width and flags <= COLOUR and 1 <= quality <= 100):
        raise CodecError("the header of this .vcn file makes no sense")
    check_size(width, height, "the picture in this .vcn file")
    return Header(bool(flags & COLOUR), quality, network_id, height, width), payload


@dataclass(frozen=True)
class DeepNetworks:
    """All that was learnt, ready for use. rsn or idn None: the transform alone, nothing learnt there."""

    quantiser: LatentQuantiser
    contexts: ContextModel  # of six channels
    price: float  # squared error, in steps, that a bit must save
    rsn: nn.Module | None = None
    idn: nn.Module | None = None
    network_id: bytes = NO_NETWORK

    def contexts_of(self, colour: bool) -> ContextModel:
        layout = Layout(COLOUR_CHANNELS if colour else GRAY_CHANNELS, self.quantiser.space)
        return replace(self.contexts, layout=layout)


class Dnnc:
    """encode(image) -> bytes of a .vcn file, decode(bytes) -> image of the original's size."""

    def __init__(self, networks: DeepNetworks):
        self.networks = networks

    @usual_torch()
    def encode(
        self, image: np.ndarray | Image.Image, quality: int | None = None, scale: int | str = "auto",
        bpp: float | None = None, max_bytes: float | None = None, min_psnr: float | None = None,
        passes: int | None = None, effort: int | None = None, max_pixels: int | None = None,
    ) -> bytes:  # fmt: skip
        """A complete file.

        image: uint8 (H, W) or (H, W, 3), or a Pillow image. Say one of

        - quality, 1 to 100,
        - bpp or max_bytes: the highest quality that keeps within them,
        - min_psnr, dB over all samples: the smallest file found that has it.

        scale, passes and effort are there because `Scic` has them. A .vcn file has one resolution and its encoder no
        feedback: scale must be "auto", "fast" or 1, passes 0 or not given, effort not given.
        max_pixels: as in `decode`.

        Raises CodecError for anything it cannot encode, and for a target that cannot be met, naming the smallest
        size or the highest PSNR there is."""
        if effort is not None:
            raise CodecError("the deep codec has no feedback and one resolution: no effort can be chosen")
        with at_most(max_pixels):
            target: dict[str, Any] = {"quality": quality, "bpp": bpp, "max_bytes": max_bytes, "min_psnr": min_psnr}
            return self._encode_to(to_array(image), scale, passes, **target)

    def _encode_to(
        self, x: np.ndarray, scale: int | str, passes: int | None, quality: int | None, bpp: float | None,
        max_bytes: float | None, min_psnr: float | None,
    ) -> bytes:  # fmt: skip
        if scale not in ("auto", "fast", 1):
            raise CodecError(f"the deep codec has full resolution alone (scale 1), not {scale!r}")
        if passes:
            raise CodecError(f"the deep codec has no feedback: passes must be 0, not {passes!r}")
        if max(x.shape[:2]) > MAX_SIDE:
            raise CodecError(f"a .vcn file holds at most {MAX_SIDE} pixels a side, not {max(x.shape[:2])}")
        if [quality, bpp, max_bytes, min_psnr].count(None) != 3:
            raise CodecError("say one of quality, bpp, max_bytes and min_psnr")
        if quality is not None:
            return self._encode(x, quality)[0]
        if min_psnr is not None:
            return self._with_psnr(x, min_psnr)
        budget = float((max_bytes if bpp is None else bpp * x.shape[0] * x.shape[1] / 8) or 0)
        return best_quality(lambda q: self._encode(x, q)[0], budget, 40)[1]

    def _with_psnr(self, x: np.ndarray, min_psnr: float) -> bytes:
        """The lowest quality that has it, then a higher price of bits as long as it still does."""
        values: dict[bytes, float] = {}  # dB of each file, from the symbols that its encoder knows

        def encode(quality: int, price_factor: float = 1.0, wanted: np.ndarray | None = None) -> bytes:
            data, symbols = self._encode(x, quality, price_factor, wanted)
            values[data] = psnr(self.restore(symbols, unpack_header(data)[0]), x)
            return data

        quality, data = lowest_quality(encode, values.__getitem__, min_psnr, 40, 8)
        wanted = self.coefficients(x, quality)
        low, high = 1.0, 3.0
        for _ in range(4):
            middle = (low + high) / 2
            smaller = encode(quality, middle, wanted)
            if values[smaller] >= min_psnr:
                low, data = middle, min(data, smaller, key=len)
            else:
                high = middle
        return data

    def _encode(
        self, x: np.ndarray, quality: int, price_factor: float = 1.0, wanted: np.ndarray | None = None
    ) -> tuple[bytes, np.ndarray]:
        """A file, and the symbols it holds. wanted: `coefficients`, where they are known already."""
        check_quality(quality)
        n, colour = self.networks, x.ndim == 3
        wanted = self.coefficients(x, quality) if wanted is None else wanted
        payload, symbols = entropy.encode(n.contexts_of(colour), wanted, int(quality), price_factor * n.price)
        return Header(colour, int(quality), n.network_id, *x.shape[:2]).pack(payload), symbols

    @usual_torch()
    @torch.no_grad()
    def coefficients(self, x: np.ndarray, quality: int) -> np.ndarray:
        """What is rounded: float32 (planes, h, w) in units of the step, for uint8 (H, W) or (H, W, 3)."""
        n, step = self.networks, base_step(quality)
        planes = pad_to_blocks(to_float(x) if x.ndim == 2 else rgb_to_ycbcr(to_float(x)))
        luma = planes[:, :1]
        latent = to_latent(luma if n.rsn is None else apply_tiled(n.rsn, luma, float(step), 1))
        if x.ndim == 3:
            latent = torch.cat([latent, 2 * (F.avg_pool2d(planes[:, 1:], 2) - 0.5)], 1)
        return self.quantiser(x.ndim == 3)(latent, torch.tensor([float(step)]))[0].numpy()

    def quantiser(self, colour: bool) -> LatentQuantiser:
        """The quantiser of the channels at hand."""
        whole = self.networks.quantiser
        if colour:
            return whole
        part = LatentQuantiser(GRAY_CHANNELS, whole.space).requires_grad_(False)
        part.log_steps.copy_(whole.log_steps[:GRAY_CHANNELS])
        return part

    @usual_torch()
    def decode(self, data: bytes, max_pixels: int | None = None) -> np.ndarray:
        """uint8, (H, W) or (H, W, 3), the size of the original. max_pixels: more are refused, 100 million where nothing
        is said. Raises CodecError."""
        with at_most(max_pixels):
            header, symbols = self.symbols(data)
        return self.restore(symbols, header)

    def symbols(self, data: bytes) -> tuple[Header, np.ndarray]:
        """What a file holds, int16 (planes, h, w): the same on every machine. Raises CodecError."""
        header, payload = unpack_header(data)
        if header.network_id != self.networks.network_id:
            raise CodecError(
                f"this file was made with network {header.network_id.hex()}, which is not the one at hand"
                f" ({self.networks.network_id.hex()}); decode it with the weights it was made with"
            )
        blocks = (-(-side // SIDE) for side in (header.height, header.width))
        if self.networks.quantiser.space == "feature":
            blocks = (BLOCK * side for side in blocks)
        return header, entropy.decode(self.networks.contexts_of(header.colour), payload, header.quality, *blocks)

    def restore(self, symbols: np.ndarray, header: Header) -> np.ndarray:
        """The picture that symbols stand for, uint8; tile by tile, so that beside both little memory is needed."""
        cell = SIDE if self.networks.quantiser.space == "dct" else SIDE // BLOCK  # pixels a symbol covers, each way
        quantiser, idn = self.quantiser(header.colour), self.networks.idn
        halo = SIDE - 2 if idn is None else int(idn.halo)  # type: ignore[arg-type]  # windows begin where blocks do
        out = np.empty((header.height, header.width) + (3,) * header.colour, np.uint8)
        for window in with_bar(windows(header.height, header.width, 1, halo)):
            rows, columns = (slice(side.start // cell, -(-side.stop // cell)) for side in window.seen)
            pixels = self._pixels(quantiser, symbols[:, rows, columns], header.quality)
            out[window.place] = pixels[window.tile]
        return out

    @torch.no_grad()
    def _pixels(self, quantiser: LatentQuantiser, symbols: np.ndarray, quality: int) -> np.ndarray:
        step, idn = float(base_step(quality)), self.networks.idn
        latent = quantiser.inverse(torch.from_numpy(symbols)[None], torch.tensor([step]))
        luma = to_picture(latent[:, :GRAY_CHANNELS])
        luma = luma if idn is None else apply_tiled(idn, luma, step, 1, max(luma.shape))
        if latent.shape[1] == GRAY_CHANNELS:
            return to_uint8(luma)[0, 0].numpy()
        chroma = double(latent[:, GRAY_CHANNELS:] / 2) + 0.5
        return to_uint8(ycbcr_to_rgb(torch.cat([luma, chroma], 1)))[0].permute(1, 2, 0).numpy()


def pad_to_blocks(x: Tensor) -> Tensor:
    """Repeat the last row and column until both sides are multiples of 16."""
    height, width = x.shape[-2:]
    return F.pad(x, (0, -width % SIDE, 0, -height % SIDE), mode="replicate")


def describe(data: bytes) -> dict[str, Any]:
    """What a .vcn file says about itself, for `vcodec info`. Raises CodecError."""
    header, _ = unpack_header(data)
    return {
        "format": "vcodec DNNC", "bytes": len(data), "width": header.width, "height": header.height,
        "framework": "dnnc", "colour": header.colour, "quality": header.quality,
        "step": round(float(base_step(header.quality)), 2), "network_id": header.network_id.hex(),
        "bpp": round(8 * len(data) / (header.width * header.height), 4),
    }  # fmt: skip


INTEGERS = ("weights", "bias", "values", "tables")


def save(path: Path, networks: DeepNetworks, card: dict[str, Any]) -> None:
    """Write all that was learnt, and its card."""
    parts = {name: net for name, net in (("rsn", networks.rsn), ("idn", networks.idn)) if net is not None}
    tensors = half_precision(parts) | {"log_steps": networks.quantiser.log_steps.detach().clone()}
    tensors |= {f"contexts.{name}": torch.from_numpy(getattr(networks.contexts, name)) for name in INTEGERS}
    facts = {"framework": "dnnc", "space": networks.quantiser.space, "price": networks.price}
    write_tensors(path, tensors, card | facts | {"parameters": count_parameters(parts)})


@usual_torch()
def load(weights: str | Path = SHIPPED, device: str = "cpu") -> Dnnc:
    """The deep codec that ships with the package, or that in the folder of a run. device: where the networks run.

    Raises CodecError for missing weights, and for weights that are not those of their card."""
    path = Path(weights) / FILE_NAME
    tensors, card = read_tensors(path)
    place = str(find_device(device))
    try:
        check(tensors, card)
        rsn, idn = build_deep_networks(card["network"])
        has_rsn, has_idn = fill(rsn, "rsn", tensors, place), fill(idn, "idn", tensors, place)
        steps = tensors["log_steps"]
        quantiser = LatentQuantiser(len(steps), card["space"]).requires_grad_(False)
        quantiser.log_steps.copy_(steps)
        contexts = ContextModel(
            Layout(len(steps), card["space"]), *(tensors[f"contexts.{n}"].numpy() for n in INTEGERS)
        )
        return Dnnc(DeepNetworks(
            quantiser, contexts, float(card["price"]), rsn if has_rsn else None, idn if has_idn else None,
            bytes.fromhex(card["sha256"][:8]),
        ))  # fmt: skip
    except (KeyError, RuntimeError, TypeError, ValueError):
        raise CodecError(f"the weights {path} do not fit the network that their card names") from None

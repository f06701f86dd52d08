"""Both frameworks by name, by a file's suffix and by its first bytes: what `vcodec.load` and the command line use."""

from pathlib import Path
from typing import Any, Protocol

import numpy as np
from PIL import Image

from vcodec import dnnc, scic
from vcodec.errors import CodecError
from vcodec.images import load_image, log
from vcodec.limits import at_most
from vcodec.networks.weights import SHIPPED
from vcodec.scic.header import read_header
from vcodec.standard.protocol import codec_for

DNNC, DNNC_SUFFIX = "dnnc", ".vcn"


def names() -> tuple[str, ...]:
    """What `load` knows now: the frameworks of the package and those of codecs that were registered, then "dnnc"."""
    return (*scic.FRAMEWORKS, DNNC)


class Codec(Protocol):
    """What `load` returns: `Scic` and `Dnnc` are such codecs."""

    def encode(
        self, image: np.ndarray | Image.Image, quality: int | None = None, scale: int | str = "auto",
        bpp: float | None = None, max_bytes: float | None = None, min_psnr: float | None = None,
        passes: int | None = None, effort: int | None = None, max_pixels: int | None = None,
    ) -> bytes:  # fmt: skip
        """A complete file of a picture, uint8 (H, W) or (H, W, 3), for one of quality (1 to 100), bpp, max_bytes and
        min_psnr (dB). scale, passes, effort: see `Scic.encode`. Raises CodecError, also for what the codec does not
        have."""

    def decode(self, data: bytes, max_pixels: int | None = None) -> np.ndarray:
        """uint8, (H, W) or (H, W, 3), the size of the original. More than `max_pixels` are refused, 100 million where
        nothing is said. Raises CodecError."""


def load(name: str = "scic-jpeg", weights: str | Path = SHIPPED, device: str = "cpu") -> scic.Scic | dnnc.Dnnc:
    """A codec with trained networks: those that ship with the package, or those in the folder of a run.

    device: where the networks run, as "cuda". Any device reads the files of any other; files made on different ones
    may differ in a few bytes, because networks round differently there.

    Raises CodecError for an unknown name, missing weights, and weights that are not those of their card."""
    if name not in names():
        raise CodecError(f"no codec is called {name!r}; there are {', '.join(names())}")
    return dnnc.load(weights, device) if name == DNNC else scic.load(name, weights, device)


def framework_for(path: Path, wanted: str | None = None) -> str:
    """The framework that writes files of this suffix. Raises CodecError where none does, or not the wanted kind."""
    deep = path.suffix.lower() == DNNC_SUFFIX
    if wanted and (wanted == DNNC) != deep:
        rule = f"dnnc writes {DNNC_SUFFIX} files" if wanted == DNNC else f"{DNNC_SUFFIX} files are dnnc's"
        raise CodecError(f"{path.name} does not fit --framework {wanted}: {rule}")
    return DNNC if deep else codec_for(path, scic.FRAMEWORKS)


def framework_of(data: bytes) -> str:
    """The framework that decodes a file: "scic-avif" for any AVIF, "dnnc" for a .vcn. Raises CodecError for others."""
    return DNNC if dnnc.is_dnnc(data) else scic.framework_of(data)


def source_image(data: bytes, name: str, weights: str | Path = SHIPPED) -> np.ndarray:
    """The picture that `encode` starts from, uint8: of a file of ours the restored one, at the original's size.

    name: of the file, for what is said about it. weights: those of a run, where it has that file's; else those that
    ship. Raises CodecError."""
    try:
        framework = framework_of(data)
    except CodecError:  # a format without a decoder of ours, or no picture
        return load_image(data, name)
    if framework != DNNC and read_header(scic.FRAMEWORKS[framework], data) is None:
        return load_image(data, name)
    log.warning("%s is a file of vcodec: what is encoded is the restored picture", name)
    try:
        return load(framework, weights).decode(data)
    except CodecError:
        return load(framework).decode(data)


def describe(data: bytes, max_pixels: int | None = None) -> dict[str, Any]:
    """What a file says about itself, for `vcodec info`. max_pixels: as in `Codec.decode`. Raises CodecError for what
    neither framework reads."""
    with at_most(max_pixels):
        return dnnc.describe(data) if dnnc.is_dnnc(data) else scic.describe(data)

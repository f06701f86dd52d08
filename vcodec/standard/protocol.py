"""Standard codecs behind one protocol: pixels in, the bytes of an ordinary file out.

A codec is a black box without gradient, the `g` of the papers. Images are uint8, (H, W) or (H, W, 3);
quality is 1 to 100 and grows with fidelity. `step` is the one number the networks are told about it: how
coarsely it quantises luma, for JPEG the geometric mean of its steps. Book: chapter 2."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import numpy as np

from vcodec.errors import CodecError
from vcodec.images import open_image
from vcodec.standard.jpeg import Jpeg, TunedJpeg
from vcodec.standard.pillow import MODERN


class StandardCodec(Protocol):
    """What the rest of the code asks of a codec."""

    @property
    def name(self) -> str: ...

    @property
    def format(self) -> str:
        """As Pillow calls it."""

    @property
    def suffixes(self) -> tuple[str, ...]:
        """Of its files, the usual one first."""

    @property
    def settings(self) -> str:
        """Encoder and switches, for reports."""

    @property
    def feedback(self) -> Mapping[int, float]:
        """By scale, how far the encoder follows the error that its IDN leaves; empty where that does not pay."""

    def bit_price(self, quality: int) -> float:
        """The squared error, summed over the original's pixels, that a bit buys: for choosing between files."""

    def encode(self, image: np.ndarray, quality: int, comment: bytes = b"") -> bytes:
        """The bytes of a complete file; `comment` travels in the format's own metadata field."""

    def decode(self, data: bytes) -> np.ndarray:
        """The pixels, uint8. Raises CodecError on damaged data."""

    def comment(self, data: bytes) -> bytes:
        """The metadata field that `encode` wrote, empty where there is none."""

    def step(self, quality: int) -> float:
        """How coarsely it quantises, in levels of 0 to 255; falls with quality."""

    def step_of(self, data: bytes) -> float:
        """The same for any file of the format: read from its tables, or estimated."""


TUNED_JPEG = TunedJpeg()
FLAT_JPEG = Jpeg("jpeg-table", luma_table=TUNED_JPEG.luma_table, chroma_table=TUNED_JPEG.chroma_table)
CODECS: dict[str, StandardCodec] = {codec.name: codec for codec in (Jpeg(), FLAT_JPEG, TUNED_JPEG, *MODERN)}


def codec_of(data: bytes, candidates: Mapping[str, StandardCodec]) -> str:
    """The name among `candidates` of the codec of this file's format. Raises CodecError where there is none."""
    found = open_image(data, decode=False).format
    for name, codec in candidates.items():
        if codec.format == found:
            return name
    raise CodecError(f"a {found} file cannot be decoded; there are {', '.join(c.format for c in candidates.values())}")


def codec_for(path: Path, candidates: Mapping[str, StandardCodec]) -> str:
    """The name among `candidates` of the codec that writes files of this suffix. Raises CodecError where none does."""
    for name, codec in candidates.items():
        if path.suffix.lower() in codec.suffixes:
            return name
    suffixes = ", ".join(codec.suffixes[0] for codec in candidates.values())
    raise CodecError(f"{path.name} must end in one of {suffixes}: what is written is an ordinary file of its format")

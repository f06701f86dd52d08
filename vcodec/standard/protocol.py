"""Standard codecs behind one protocol: pixels in, the bytes of an ordinary file out.

A codec is a black box without gradient, the `g` of the papers. Images are uint8, (H, W) or (H, W, 3);
quality is 1 to 100 and grows with fidelity. `step` is the one number about it that the networks
know: how coarsely it quantises luma, for JPEG the geometric mean of its steps. `register` adds a codec from
outside the package. Book: chapter 2."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

import numpy as np

from vcodec.errors import CodecError
from vcodec.images import FORMATS, open_image
from vcodec.standard.jpeg import Jpeg, TunedJpeg
from vcodec.standard.pillow import MODERN


class StandardCodec(Protocol):
    """What the rest of the code asks of a codec. A class that names this one as its base inherits what has a body."""

    @property
    def name(self) -> str: ...

    @property
    def format(self) -> str:
        """As Pillow calls it; any other word for a format that Pillow does not know."""

    @property
    def suffixes(self) -> tuple[str, ...]:
        """Of its files, the usual one first."""

    @property
    def settings(self) -> str:
        """Encoder and switches, for reports."""
        return ""

    @property
    def feedback(self) -> Mapping[int, float]:
        """By scale, how far the encoder follows the error that its IDN leaves; empty where that does not pay."""
        return {}

    def bit_price(self, quality: int) -> float:
        """The squared error, summed over the original's pixels, that a bit buys: for choosing between files."""
        return 0.08 * self.step(quality) ** 2

    def encode(self, image: np.ndarray, quality: int, comment: bytes = b"") -> bytes:
        """The bytes of a complete file; `comment` travels in the format's own metadata field."""

    def decode(self, data: bytes) -> np.ndarray:
        """The pixels, uint8. Raises CodecError on damaged data."""

    def comment(self, data: bytes) -> bytes:
        """The metadata field that `encode` wrote, empty where there is none."""

    def comments(self, data: bytes) -> list[bytes]:
        """All fields of that kind, in the file's order: other programs may add theirs."""
        return [self.comment(data)]

    def step(self, quality: int) -> float:
        """How coarsely it quantises, in levels of 0 to 255; falls with quality."""

    def step_of(self, data: bytes) -> float:
        """The same for any file of the format: read from its stream, or estimated; 0 where nothing was quantised."""


TUNED_JPEG = TunedJpeg()
FLAT_JPEG = Jpeg("jpeg-table", luma_table=TUNED_JPEG.luma_table, chroma_table=TUNED_JPEG.chroma_table)
CODECS: dict[str, StandardCodec] = {codec.name: codec for codec in (Jpeg(), FLAT_JPEG, TUNED_JPEG, *MODERN)}
# The codec inside each framework of SCIC.
FRAMEWORKS: dict[str, StandardCodec] = {
    "scic-jpeg": TUNED_JPEG, "scic-jpeg2000": CODECS["jpeg2000"], "scic-webp": CODECS["webp-tuned"],
    "scic-avif": CODECS["avif-tuned"], "scic-heic": CODECS["heic-tuned"],
}  # fmt: skip
SHIPPED_NAMES = frozenset(CODECS) | frozenset(name.removeprefix("scic-") for name in FRAMEWORKS)
FILE_TESTS: dict[str, Callable[[bytes], bool]] = {}  # by codec name: whether these bytes are a file of its format


def register(codec: StandardCodec, is_file: Callable[[bytes], bool] | None = None) -> None:
    """Add a codec of your own: CODECS["NAME"] alone, and the framework "scic-NAME" with networks around it.

    Weights for it lie in a folder as scic-NAME-x1.safetensors and scic-NAME-x2.safetensors, for `vcodec.load`.
    is_file: tells a file of its format by the first bytes; needed where Pillow does not know the format. The same
    name again replaces the codec. Raises CodecError for a name or suffix that belongs to a codec of the package."""
    if codec.name in SHIPPED_NAMES:
        raise CodecError(f"the package has a codec called {codec.name!r}; choose another name")
    for other in CODECS.values():
        if other.name != codec.name and (shared := set(other.suffixes) & set(codec.suffixes)):
            raise CodecError(f"files that end in {min(shared)} belong to the codec {other.name!r}")
    CODECS[codec.name] = FRAMEWORKS[f"scic-{codec.name}"] = codec
    FORMATS.add(codec.format)
    FILE_TESTS.pop(codec.name, None)
    if is_file is not None:
        FILE_TESTS[codec.name] = is_file


def own_format(data: bytes, candidates: Mapping[str, StandardCodec]) -> str | None:
    """The name among `candidates` of a codec whose own test accepts these bytes."""
    tests = ((name, FILE_TESTS.get(codec.name)) for name, codec in candidates.items())
    return next((name for name, is_file in tests if is_file is not None and is_file(data)), None)


def codec_of(data: bytes, candidates: Mapping[str, StandardCodec]) -> str:
    """The name among `candidates` of the codec of this file's format. Raises CodecError where there is none."""
    if (name := own_format(data, candidates)) is not None:
        return name
    found = open_image(data, decode=False).format
    found = "JPEG" if found == "MPO" else found  # a JPEG with more pictures behind the first, as telephones write
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

"""JPEG 2000, WebP, AVIF and HEIC, as Pillow and pillow-heif write them, behind the protocol of `codecs`.

A comment of ours goes where the format keeps what a viewer may ignore. The step of a foreign file is read from its
stream where `quantisers` can; JPEG 2000 cuts off bit planes instead of choosing a step, so its step is an estimate
from the bits per pixel of the picture's own bytes.
Book: chapter 2."""

import io
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from PIL import Image
from pillow_heif import register_heif_opener

from vcodec.eight_bit import to_eight_bit
from vcodec.errors import CodecError
from vcodec.images import luma, open_image
from vcodec.limits import check_size
from vcodec.quality import check_quality
from vcodec.standard.quantisers import (
    LOSSLESS,
    av1_index,
    boxes,
    hevc_qp,
    jpeg2000_is_reversible,
    primary_item,
    vp8_index,
    webp_chunks,
)

register_heif_opener()


@dataclass(frozen=True)
class PillowCodec:
    """What the four have in common. `usual`: step at 1 bpp, and the power of bpp with which it falls, as a
    least-squares fit over photographs found them."""

    name: str
    extra: dict[str, Any] = field(default_factory=dict, hash=False)  # switches beside the quality
    settings: str = ""
    format: ClassVar[str]
    suffixes: ClassVar[tuple[str, ...]]
    usual: ClassVar[tuple[float, float]]
    max_side: ClassVar[int]
    feedback: ClassVar[Mapping[int, float]] = {}

    def encode(self, image: np.ndarray, quality: int, comment: bytes = b"") -> bytes:
        check_quality(quality)
        if max(image.shape[:2]) > self.max_side:
            raise CodecError(f"{self.format} holds at most {self.max_side} pixels a side, not {max(image.shape[:2])}")
        check_size(image.shape[1], image.shape[0], "the picture", self.format if image.ndim == 3 else "")  # as `decode`
        buffer = io.BytesIO()
        try:
            Image.fromarray(image).save(buffer, self.format, **self.options(int(quality)), **self.extra)
        except (OSError, ValueError, RuntimeError, SystemError) as error:
            raise CodecError(f"{self.format} cannot hold this picture: {error}") from None
        return self.with_comment(buffer.getvalue(), comment) if comment else buffer.getvalue()

    def decode(self, data: bytes) -> np.ndarray:
        image = self._open(data)
        array = to_eight_bit(image)
        return luma(array) if array.ndim == 3 and self.is_gray(data, array) else array

    def is_gray(self, data: bytes, array: np.ndarray) -> bool:
        return False

    def _open(self, data: bytes, decode: bool = True) -> Image.Image:
        image = open_image(data, decode)
        if image.format != self.format:
            raise CodecError(f"this is a {image.format} file, not {self.format}")
        return image

    def step_of(self, data: bytes) -> float:
        image = self._open(data, decode=False)
        try:
            step = self.read_step(data)
        except IndexError:  # the stream ends before its quantiser; what it holds is for the decoder to say
            step = None
        if step is None:
            at_one_bpp, power = self.usual
            step = at_one_bpp * (8 * self.picture_bytes(data) / (image.width * image.height)) ** -power
        return float(np.clip(step, self.step(100), self.step(1))) if step else LOSSLESS

    def read_step(self, data: bytes) -> float | None:
        """What the stream says: in the units of `step`, LOSSLESS, or None where that could not be read."""
        raise NotImplementedError

    def picture_bytes(self, data: bytes) -> int:
        """The file's bytes without metadata, at least 1."""
        return max(1, len(data))

    def comment(self, data: bytes) -> bytes:
        found = self.comments(data)
        return found[-1] if found else b""

    def comments(self, data: bytes) -> list[bytes]:
        raise NotImplementedError

    def options(self, quality: int) -> dict[str, Any]:
        return {"quality": quality}

    def step(self, quality: int) -> float:
        raise NotImplementedError

    def bit_price(self, quality: int) -> float:
        """About the slope of the rate-distortion curve where it runs with this step."""
        return 0.08 * self.step(quality) ** 2

    def with_comment(self, data: bytes, comment: bytes) -> bytes:
        raise NotImplementedError


class Jpeg2000(PillowCodec):
    """JPEG 2000 (OpenJPEG, 9/7 wavelet) in a JP2 file. Quality q asks for a PSNR of 16 + 3.4 sqrt(q) dB.

    The comment is a COM segment of the codestream (ITU-T T.800, A.9.2)."""

    format, suffixes, max_side = "JPEG2000", (".jp2",), 65535
    usual = (8.5, 0.68)
    feedback: ClassVar[Mapping[int, float]] = {1: 1.0}

    def options(self, quality: int) -> dict[str, Any]:
        return {"quality_mode": "dB", "quality_layers": [16 + 3.4 * math.sqrt(quality)], "irreversible": True}

    def encode(self, image: np.ndarray, quality: int, comment: bytes = b"") -> bytes:
        height, width = image.shape[:2]
        levels = min(6, int(math.log2(min(height, width))) + 1)  # a side of 1 cannot be halved
        picture = self if levels == 6 else Jpeg2000(self.name, self.extra | {"num_resolutions": levels})
        return PillowCodec.encode(picture, image, quality, comment)

    def step(self, quality: int) -> float:
        """Of a uniform quantiser with that squared error."""
        return math.sqrt(12) * 255 * 10 ** (-(16 + 3.4 * math.sqrt(quality)) / 20)

    def bit_price(self, quality: int) -> float:
        """Measured on photographs at 0.2 to 0.3 bpp: a bit per pixel more takes away 3.5 times the squared error."""
        return 3.5 * self.step(quality) ** 2 / 12

    def with_comment(self, data: bytes, comment: bytes) -> bytes:
        at = self._tile(data)
        changed = data[:at] + b"\xff\x64" + struct16(len(comment) + 4) + b"\0\0" + comment + data[at:]
        start = data.rindex(b"jp2c", 0, at) - 4  # the box's length, 0 where it reaches to the end of the file
        length = int.from_bytes(data[start : start + 4], "big")
        length += len(changed) - len(data) if length else 0
        return changed[:start] + length.to_bytes(4, "big") + changed[start + 4 :]

    def read_step(self, data: bytes) -> float | None:
        return LOSSLESS if jpeg2000_is_reversible(data) else None

    def picture_bytes(self, data: bytes) -> int:
        """Of the tiles: what stands behind the main header, and in the box of the codestream."""
        box = next((content for name, content in boxes(data) if name == b"jp2c"), data)
        return max(1, len(box) - max(0, self._tile(box)))

    def comments(self, data: bytes) -> list[bytes]:
        self._open(data, decode=False)
        found = [segment[2:] for marker, segment in self._segments(data) if marker == 0x64]
        return [comment for comment in found if not comment.startswith(b"Created by OpenJPEG")]

    @staticmethod
    def _segments(data: bytes) -> list[tuple[int, bytes]]:
        """Marker segments of the main header: (second byte of the marker, content)."""
        at, segments = data.find(b"\xff\x4f\xff\x51") + 2, []
        while at > 1 and at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != 0x90:
            length = int.from_bytes(data[at + 2 : at + 4], "big")
            segments.append((data[at + 1], data[at + 4 : at + 2 + length]))
            at += 2 + max(2, length)
        return segments

    def _tile(self, data: bytes) -> int:
        """Where the main header ends and the first tile begins."""
        return data.find(b"\xff\x4f\xff\x51") + 2 + sum(4 + len(content) for _, content in self._segments(data))


class WebP(PillowCodec):
    """Lossy WebP (libwebp). The comment is a RIFF chunk of our own behind the picture's: readers skip what they
    do not know (RFC 9649, 2.7.1.6: application-specific data)."""

    format, suffixes, max_side = "WEBP", (".webp",), 16383
    usual = (21.0, 0.9)
    feedback: ClassVar[Mapping[int, float]] = {1: 1.0}

    def step(self, quality: int) -> float:
        """VP8's quantiser for AC coefficients as libwebp chooses it, in VP8's own units."""
        share = quality / 100
        return self.step_at(127 * (1 - np.cbrt(share * 2 / 3 if share < 0.75 else 2 * share - 1)))

    def step_at(self, index: float) -> float:
        """VP8's table of AC quantisers (RFC 6386, 14.1) at a few places."""
        return float(np.interp(index, (0, 54, 80, 103, 127), (4, 58, 98, 169, 284)))

    def read_step(self, data: bytes) -> float | None:
        index = vp8_index(data)
        return None if index is None else self.step_at(index) if index >= 0 else LOSSLESS

    def is_gray(self, data: bytes, array: np.ndarray) -> bool:
        """WebP always has chroma; what came from a gray picture comes back gray, but a file without loss as it is."""
        lossless = any(name == b"VP8L" for name, _ in webp_chunks(data))
        spread = array.max(axis=2) - array.min(axis=2)
        return not lossless and bool((spread <= 1).all())  # 1: the rounding of YCbCr to RGB

    def with_comment(self, data: bytes, comment: bytes) -> bytes:
        chunk = b"vCdc" + len(comment).to_bytes(4, "little") + comment + b"\0" * (len(comment) % 2)
        whole = data[8:] + chunk
        return b"RIFF" + len(whole).to_bytes(4, "little") + whole

    def comments(self, data: bytes) -> list[bytes]:
        self._open(data, decode=False)
        return [content for name, content in webp_chunks(data) if name == b"vCdc"]


class IsoMedia(PillowCodec):
    """Files of boxes (ISO/IEC 14496-12). The comment lies in a `free` box at the end, which readers ignore."""

    def with_comment(self, data: bytes, comment: bytes) -> bytes:
        return data + (8 + len(comment)).to_bytes(4, "big") + b"free" + comment

    def comments(self, data: bytes) -> list[bytes]:
        self._open(data, decode=False)
        return [content for name, content in boxes(data) if name == b"free"]

    def picture_bytes(self, data: bytes) -> int:
        return max(1, len(primary_item(data)) or len(data))


class Avif(IsoMedia):
    """AVIF (libavif with libaom)."""

    format, suffixes, max_side = "AVIF", (".avif",), 32768  # more than that Pillow does not read
    usual = (4.5, 1.4)

    def options(self, quality: int) -> dict[str, Any]:
        return {"quality": quality, "max_threads": 1}

    def step(self, quality: int) -> float:
        """AV1's quantiser for AC coefficients, in levels."""
        return self.step_at(255 * (1 - quality / 100))

    def step_at(self, index: float) -> float:
        """AV1's table (AV1 specification, 7.12.2) at a few places, in levels."""
        places = (0, 100, 128, 160, 192, 224, 255), (4, 104, 155, 249, 444, 861, 1828)
        return float(np.exp(np.interp(index, places[0], np.log(places[1])))) / 8

    def read_step(self, data: bytes) -> float | None:
        index = av1_index(data)
        return None if index is None else self.step_at(index) if index else LOSSLESS


class Heic(IsoMedia):
    """HEIC: HEVC intra (x265 through libheif), the coding that BPG wraps."""

    format, suffixes, max_side = "HEIF", (".heic", ".heif"), 8192
    usual = (9.5, 1.05)

    def step(self, quality: int) -> float:
        """HEVC's rule: the step doubles every 6 QP; x265 is given (100 - quality) / 2."""
        return 2 ** (((100 - quality) / 2 - 4) / 6)

    def read_step(self, data: bytes) -> float | None:
        """x265 codes a picture of its own with a QP 3 below the number that it is given, from which `step` counts."""
        qp = hevc_qp(data)
        return None if qp is None else 2 ** ((qp + 3 - 4) / 6) if qp >= 0 else LOSSLESS


def struct16(number: int) -> bytes:
    return number.to_bytes(2, "big")


MODERN = (
    Jpeg2000("jpeg2000", settings="OpenJPEG, 9/7 wavelet, one tile, one layer, JP2"),
    WebP("webp", settings="libwebp, method 4"),
    WebP("webp-tuned", {"method": 6}, settings="libwebp, method 6"),
    Avif("avif", settings="libaom, speed 6"),
    Avif("avif-tuned", {"advanced": {"tune": "psnr"}}, settings="libaom, speed 6, tune=psnr"),
    Heic("heic", settings="x265, libheif's defaults"),
    Heic("heic-tuned", {"enc_params": {"tune": "psnr"}}, settings="x265, tune=psnr"),
)

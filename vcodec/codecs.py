"""Standard codecs behind one protocol: pixels in, the bytes of an ordinary file out.

A codec is a black box without gradient, the `g` of the papers. Images are uint8, (H, W) or (H, W, 3);
quality is 1 to 100 and grows with fidelity. `step` is the one number the networks are told about it:
the geometric mean of its luma quantisation steps, in levels of 0 to 255. Book: chapter 2."""

import io
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import torch
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile
from torch import Tensor

from vcodec.errors import CodecError
from vcodec.images import open_image, to_eight_bit, to_uint8

QUALITIES = range(1, 101)


class StandardCodec(Protocol):
    """What the rest of the code asks of a codec."""

    @property
    def name(self) -> str: ...

    @property
    def suffix(self) -> str: ...

    def encode(self, image: np.ndarray, quality: int, comment: bytes = b"") -> bytes:
        """The bytes of a complete file; `comment` travels in the format's own metadata field."""

    def decode(self, data: bytes) -> np.ndarray:
        """The pixels, uint8. Raises CodecError on damaged data."""

    def comment(self, data: bytes) -> bytes:
        """The metadata field that `encode` wrote, empty where there is none."""

    def step(self, quality: int) -> float:
        """Quantisation step that the networks are conditioned on, in levels of 0 to 255."""

    def step_of(self, data: bytes) -> float:
        """The same, read from a file."""


# ITU-T T.81 (1992), Annex K.1: the luma and chroma tables that libjpeg scales, in row order.
# fmt: off
ANNEX_K_LUMA = np.array([
    16, 11, 10, 16, 24, 40, 51, 61,      12, 12, 14, 19, 26, 58, 60, 55,
    14, 13, 16, 24, 40, 57, 69, 56,      14, 17, 22, 29, 51, 87, 80, 62,
    18, 22, 37, 56, 68, 109, 103, 77,    24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101,  72, 92, 95, 98, 112, 100, 103, 99]).reshape(8, 8)
ANNEX_K_CHROMA = np.full((8, 8), 99)
ANNEX_K_CHROMA[:4, :4] = [[17, 18, 24, 47], [18, 21, 26, 66], [24, 26, 56, 99], [47, 66, 99, 99]]
# fmt: on
# A plane that rises linearly from 1 to 3 over the frequencies, for PSNR instead of the eye: BD-rate about -7 %
# against Annex K before any network (`vcodec evaluate FOLDER --gray --curves jpeg,jpeg-tuned`). With 10 the
# files are about as large as Annex K's at the same quality.
TILTED_LUMA = 10 * (1 + np.add.outer(np.arange(8), np.arange(8)) / 7)


def scaled_table(base: np.ndarray, quality: int) -> np.ndarray:
    """A quantisation table for a quality of 1 to 100 by libjpeg's rule (jcparam.c); integers 1 to 255."""
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    return np.clip(np.floor((base * scale + 50) / 100), 1, 255).astype(int)


@dataclass(frozen=True)
class Jpeg:
    """Baseline JPEG by libjpeg-turbo (Pillow), Huffman tables optimised, colour at 4:2:0."""

    name: str = "jpeg"
    suffix: str = ".jpg"
    luma_table: tuple[float, ...] = tuple(ANNEX_K_LUMA.ravel().tolist())
    optimize: bool = True  # False is faster and leaves libjpeg's default Huffman tables: for training

    def tables(self, quality: int) -> list[list[int]]:
        """Luma and chroma tables, 64 integers each in row order."""
        luma_base = np.reshape(self.luma_table, (8, 8))
        return [scaled_table(base, quality).ravel().tolist() for base in (luma_base, ANNEX_K_CHROMA)]

    def encode(self, image: np.ndarray, quality: int, comment: bytes = b"") -> bytes:
        check_quality(quality)
        tables = self.tables(quality)[: 1 if image.ndim == 2 else 2]
        if max(image.shape[:2]) > 65500:
            raise CodecError(f"JPEG holds at most 65500 pixels a side, not {max(image.shape[:2])}")
        buffer = io.BytesIO()
        extra = {"comment": comment} if comment else {}
        Image.fromarray(image).save(buffer, "JPEG", qtables=tables, optimize=self.optimize, **extra)
        return buffer.getvalue()

    def decode(self, data: bytes) -> np.ndarray:
        return to_eight_bit(_open_jpeg(data))

    def comment(self, data: bytes) -> bytes:
        return bytes(_open_jpeg(data, decode=False).info.get("comment", b""))

    def step(self, quality: int) -> float:
        return geometric_mean(self.tables(quality)[0])

    def step_of(self, data: bytes) -> float:
        image = _open_jpeg(data, decode=False)
        luma_table = image.quantization.get(image.layer[0][3]) if image.layer else None
        if not luma_table or min(luma_table) < 1:
            raise CodecError("the quantisation table of this JPEG is damaged")
        return geometric_mean(luma_table)


def _open_jpeg(data: bytes, decode: bool = True) -> JpegImageFile:
    image = open_image(data, decode)
    if not isinstance(image, JpegImageFile):
        raise CodecError(f"this is a {image.format} file, not a JPEG")
    return image


TUNED_JPEG = Jpeg("jpeg-tuned", luma_table=tuple(TILTED_LUMA.ravel().tolist()))
CODECS: dict[str, StandardCodec] = {codec.name: codec for codec in (Jpeg(), TUNED_JPEG)}


def check_quality(quality: int) -> None:
    """Raises CodecError unless quality is a whole number from 1 to 100."""
    if isinstance(quality, bool) or not isinstance(quality, int | np.integer) or quality not in QUALITIES:
        raise CodecError(f"quality must be a whole number from 1 to 100, not {quality!r}")


def geometric_mean(steps: Iterable[float]) -> float:
    return float(np.exp(np.mean(np.log(list(steps)))))


def best_quality(encode: Callable[[int], bytes], max_bytes: float) -> tuple[int, bytes]:
    """The highest quality whose file keeps within `max_bytes`, and that file: 8 encodes at most.

    Raises CodecError that names the smallest possible size where even quality 1 is too large."""
    if not 0 < max_bytes < float("inf"):
        raise CodecError(f"a file cannot be kept within {max_bytes:g} bytes")
    low, data = 1, encode(1)
    if len(data) > max_bytes:
        raise CodecError(f"the smallest file takes {len(data)} bytes; {max_bytes:.0f} were asked for")
    high = 101
    while high - low > 1:
        middle = (low + high) // 2
        attempt = encode(middle)
        if len(attempt) <= max_bytes:
            low, data = middle, attempt
        else:
            high = middle
    return low, data


class BatchCodec:
    """A codec for training: a batch of gray patches through real files, in parallel threads.

    y (N, 1, H, W) in [0, 1], N qualities -> z of the same shape and the real bits of each patch, less the
    bits of the file's frame (headers, tables), which no network can change. No gradient."""

    def __init__(self, codec: StandardCodec, threads: int = 2):
        self.codec = codec
        self.pool = ThreadPoolExecutor(threads)

    @cached_property
    def frame_bytes(self) -> int:
        return len(self.codec.encode(np.full((8, 8), 128, np.uint8), 50)) - 1  # its one block takes a byte

    def __call__(self, y: Tensor, qualities: Iterable[int]) -> tuple[Tensor, Tensor]:
        pictures = to_uint8(y).cpu().numpy()[:, 0]
        coded = list(self.pool.map(self._one, pictures, qualities))
        z = torch.from_numpy(np.stack([decoded for decoded, _ in coded]))[:, None]
        bits = torch.tensor([8.0 * (size - self.frame_bytes) for _, size in coded])
        return z.to(y.device).float() / 255, bits.to(y.device)

    def _one(self, picture: np.ndarray, quality: int) -> tuple[np.ndarray, int]:
        data = self.codec.encode(picture, int(quality))
        return self.codec.decode(data), len(data)

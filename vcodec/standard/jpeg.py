"""JPEG: libjpeg's, and one whose tables and integers are chosen for squared error. Book: chapters 2 and 4."""

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import mozjpeg_lossless_optimization
import numpy as np
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from vcodec.eight_bit import to_eight_bit
from vcodec.errors import CodecError
from vcodec.images import open_image, rgb_to_ycbcr, to_float
from vcodec.quality import check_quality
from vcodec.standard.jpeg_bits import segments
from vcodec.standard.memory_file import memory_file
from vcodec.standard.trellis import quantise

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


def linear_table(rise: float) -> np.ndarray:
    """Steps (8, 8) that rise linearly over the frequencies, from 10 to 10 * (1 + rise): for PSNR, not for the eye."""
    return 10 * (1 + rise * np.add.outer(np.arange(8), np.arange(8)) / 14)


ROWS = 512  # of a colour picture, converted at a time to bound the memory
# What a bit must save, in units of the squared mean luma step: the slope of JPEG's own curve, found by trying.
BIT_PRICE = 0.08
# The price of a bit in the squared error of a chroma plane, as a share of that in luma's: the inverse of how much more
# an error of chroma harms. An error e of luma changes R, G and B of one pixel: 3 e^2. One of Cr changes four pixels at
# 4:2:0: 4 (1.402^2 + 0.714^2) e^2 = 9.9 e^2; one of Cb 4 (1.772^2 + 0.344^2) e^2 = 13 e^2. 3 / mean(9.9, 13) = 0.26.
CHROMA_WEIGHT = 0.26


def scaled_table(base: np.ndarray, quality: int) -> np.ndarray:
    """A quantisation table for a quality of 1 to 100 by libjpeg's rule (jcparam.c); integers 1 to 255."""
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    return np.clip(np.floor((base * scale + 50) / 100), 1, 255).astype(int)


def geometric_mean(steps: Iterable[float]) -> float:
    return float(np.exp(np.mean(np.log(list(steps)))))


@dataclass(frozen=True)
class Jpeg:
    """Baseline JPEG by libjpeg-turbo (Pillow), Huffman tables optimised, colour at 4:2:0."""

    name: str = "jpeg"
    luma_table: tuple[float, ...] = tuple(ANNEX_K_LUMA.ravel().tolist())
    chroma_table: tuple[float, ...] = tuple(ANNEX_K_CHROMA.ravel().tolist())
    optimize: bool = True  # False is faster and leaves libjpeg's default Huffman tables: for training
    suffixes: ClassVar[tuple[str, ...]] = (".jpg", ".jpeg", ".jpe", ".jfif")
    format: ClassVar[str] = "JPEG"
    feedback: ClassVar[Mapping[int, float]] = {}
    settings: ClassVar[str] = "libjpeg-turbo, optimised Huffman tables, 4:2:0"

    def tables(self, quality: int) -> list[list[int]]:
        """Luma and chroma tables, 64 integers each in row order."""
        bases = np.reshape([self.luma_table, self.chroma_table], (2, 8, 8))
        return [scaled_table(base, quality).ravel().tolist() for base in bases]

    def encode(self, image: np.ndarray, quality: int, comment: bytes = b"") -> bytes:
        check_quality(quality)
        if max(image.shape[:2]) > 65500:
            raise CodecError(f"JPEG holds at most 65500 pixels a side, not {max(image.shape[:2])}")
        return with_comment(self._encode(image, self.tables(quality)), comment)

    def _encode(self, image: np.ndarray, tables: list[list[int]]) -> bytes:
        buffer = io.BytesIO()
        qtables = tables[: 1 if image.ndim == 2 else 2]
        Image.fromarray(image).save(buffer, "JPEG", qtables=qtables, optimize=self.optimize)
        return buffer.getvalue()

    def decode(self, data: bytes) -> np.ndarray:
        return to_eight_bit(_open_jpeg(data))

    def comment(self, data: bytes) -> bytes:
        return bytes(_open_jpeg(data, decode=False).info.get("comment", b""))

    def comments(self, data: bytes) -> list[bytes]:
        _open_jpeg(data, decode=False)
        return [content for marker, content in segments(data) if marker == 0xFE]

    def step(self, quality: int) -> float:
        return geometric_mean(self.tables(quality)[0])

    def bit_price(self, quality: int) -> float:
        """About the slope of the rate-distortion curve where it runs with this step."""
        return BIT_PRICE * self.step(quality) ** 2

    def step_of(self, data: bytes) -> float:
        image = _open_jpeg(data, decode=False)
        luma_table = image.quantization.get(image.layer[0][3]) if image.layer else None
        if not luma_table or min(luma_table) < 1:
            raise CodecError("the quantisation table of this JPEG is damaged")
        return geometric_mean(luma_table)


@dataclass(frozen=True)
class TunedJpeg(Jpeg):
    """JPEG for squared error: a flatter table, and integers chosen by `trellis.quantise`.

    They are stored in one scan or, where that is shorter, in the progressive order that mozjpeg finds: at very low
    rates most blocks end at once, and only there can one symbol end many of them."""

    name: str = "jpeg-tuned"
    luma_table: tuple[float, ...] = tuple(linear_table(0.5).ravel().tolist())
    chroma_table: tuple[float, ...] = tuple((linear_table(0.5) / 2).ravel().tolist())
    price: float = BIT_PRICE  # 0 rounds to the nearest
    feedback: ClassVar[Mapping[int, float]] = {1: 1.05, 2: 1.1}
    settings: ClassVar[str] = (
        "flat table, trellis quantisation, optimised Huffman tables, baseline or progressive (mozjpeg), 4:2:0"
    )

    def _encode(self, image: np.ndarray, tables: list[list[int]]) -> bytes:
        import jpeglib  # writes given coefficients; slow to import

        planes = subsampled_ycbcr(image)
        qt = np.reshape(tables[: min(2, len(planes))], (-1, 8, 8)).astype(np.uint16)
        price = self.price * geometric_mean(tables[0]) ** 2
        numbers, prices = [0, 1, 1][: len(planes)], [price, CHROMA_WEIGHT * price, CHROMA_WEIGHT * price]
        coded = [quantise(p, qt[n], price) for p, n, price in zip(planes, numbers, prices, strict=False)]
        names = dict(zip(("Y", "Cb", "Cr"), (np.ascontiguousarray(c) for c in coded), strict=False))
        jpeg = jpeglib.from_dct(**names, qt=qt, quant_tbl_no=numbers)
        jpeg.height, jpeg.width = image.shape[:2]
        with memory_file() as path:
            jpeg.write_dct(str(path), flags=["+OPTIMIZE_CODING"])
            data = numbered_from_one(path.read_bytes(), len(planes))
        return min(mozjpeg_lossless_optimization.optimize(data), data, key=len)


def subsampled_ycbcr(image: np.ndarray) -> list[np.ndarray]:
    """Luma, and for colour both chroma planes at half size as 4:2:0 wants them; 0 to 255, not rounded."""
    if image.ndim == 2:
        return [image]
    strips = [subsampled_strip(image[top : top + ROWS]) for top in range(0, image.shape[0], ROWS)]
    return [np.concatenate(planes) for planes in zip(*strips, strict=True)]


def subsampled_strip(image: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same of some rows of a colour picture, an even number but in the last strip."""
    ycbcr = 255 * rgb_to_ycbcr(to_float(image))[0].permute(1, 2, 0).numpy() + [0, 0.5, 0.5]  # chroma around 128
    height, width = image.shape[:2]
    padded = np.pad(ycbcr, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    small = (padded[::2, ::2] + padded[1::2, ::2] + padded[::2, 1::2] + padded[1::2, 1::2]) / 4
    return ycbcr[..., 0], small[..., 1], small[..., 2]


def numbered_from_one(data: bytes, components: int) -> bytes:
    """jpeglib numbers the components from 0; JFIF wants 1, 2, 3, in the frame header and in the scan header."""
    changed = bytearray(data)
    frame, scan = data.index(b"\xff\xc0"), data.index(b"\xff\xda")
    for i in range(components):
        changed[frame + 10 + 3 * i] = changed[scan + 5 + 2 * i] = i + 1
    return bytes(changed)


def with_comment(data: bytes, comment: bytes) -> bytes:
    """The JPEG with a COM segment behind its first marker segment (JFIF's APP0), where libjpeg puts it."""
    if not comment:
        return data
    end = 4 + int.from_bytes(data[4:6], "big")
    return data[:end] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + data[end:]


def _open_jpeg(data: bytes, decode: bool = True) -> JpegImageFile:
    image = open_image(data, decode)
    if not isinstance(image, JpegImageFile):
        raise CodecError(f"this is a {image.format} file, not a JPEG")
    return image

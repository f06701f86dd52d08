"""Other encoders to measure against, each with its best switches for squared error: mozjpeg, jpegli, JPEG XL.

They come with other packages and are curves of `evaluate` alone: nothing of ours is built on them. mozjpeg is inside
jpeglib; the other two are optional, `pip install "vcodec[rivals]"`. Book: the page of results."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from types import ModuleType

import mozjpeg_lossless_optimization
import numpy as np
from PIL import Image

from vcodec.eight_bit import to_eight_bit
from vcodec.errors import CodecError
from vcodec.quality import check_quality
from vcodec.standard.jpeg import Jpeg, numbered_from_one
from vcodec.standard.memory_file import memory_file

MOZJPEG = "mozjpeg403"  # as jpeglib calls it; libjpeg 6b is what it begins with
FLAT = 1  # of mozjpeg's base tables: all steps alike, as `cjpeg -tune-psnr` has it


def optional(module: str, package: str) -> ModuleType:
    """A module of a package that may be missing. Raises CodecError that says how to get it."""
    try:
        return import_module(module)
    except ImportError:
        raise CodecError(
            f'{package} is not installed; get it with pip install "vcodec[rivals]", if there is a wheel for this system'
        ) from None


def stated(package: str, switches: str) -> str:
    """What is measured, for reports: package, version, switches."""
    try:
        return f"{package} {version(package)}, {switches}"
    except PackageNotFoundError:
        return f"{package}, {switches}"


@contextmanager
def library(name: str) -> Iterator[None]:
    """jpeglib uses this libjpeg inside the block, and afterwards the one from before."""
    import jpeglib  # slow to import

    before = jpeglib.version.get() or "6b"
    jpeglib.version.set(name)
    try:
        yield
    finally:
        jpeglib.version.set(before)


class JpegFiles:
    """What other JPEG encoders share: their files are read as any JPEG."""

    def decode(self, data: bytes) -> np.ndarray:
        return Jpeg().decode(data)


@dataclass(frozen=True)
class MozJpeg(JpegFiles):
    """The encoder of mozjpeg 4.0.3: its own trellis, flat table, progressive; colour at 4:2:0."""

    name: str = "mozjpeg"

    @property
    def settings(self) -> str:
        return stated("jpeglib", "mozjpeg 4.0.3: flat table (as -tune-psnr), trellis, progressive, 4:2:0")

    def encode(self, image: np.ndarray, quality: int) -> bytes:
        import jpeglib

        check_quality(quality)
        picture = jpeglib.from_spatial(image if image.ndim == 3 else image[..., None])
        if image.ndim == 3:
            picture.samp_factor = "4:2:0"
        with library(MOZJPEG), memory_file() as path:
            picture.write_spatial(str(path), qt=quality, base_quant_tbl_idx=FLAT, flags=["+FORCE_BASELINE"])
            return path.read_bytes()


@dataclass(frozen=True)
class Jpegli(JpegFiles):
    """jpegli as pyjpegli builds it: quality is its only switch, so that its choices for the eye stay.

    It takes colour alone. A gray picture goes in as R = G = B, and the luma of that file is stored without the chroma,
    losslessly: so it has jpegli's own tables, and pays for no empty chroma."""

    name: str = "jpegli"

    @property
    def settings(self) -> str:
        return stated("pyjpegli", "its defaults; of gray the luma alone; scans optimised by mozjpeg, without loss")

    def encode(self, image: np.ndarray, quality: int) -> bytes:
        check_quality(quality)
        pyjpegli = optional("pyjpegli", "pyjpegli")
        colour = np.repeat(image[..., None], 3, axis=2) if image.ndim == 2 else np.ascontiguousarray(image)
        data = pyjpegli.encode(colour, image.shape[1], image.shape[0], quality=int(quality))
        data = luma_alone(data, image.shape[:2]) if image.ndim == 2 else data
        return min(mozjpeg_lossless_optimization.optimize(data), data, key=len)


def luma_alone(data: bytes, shape: tuple[int, ...]) -> bytes:
    """The JPEG without its chroma, coefficients unchanged, as `jpegtran -grayscale` makes it. shape: height, width."""
    import jpeglib

    with memory_file(data) as path:
        colour = jpeglib.read_dct(str(path))
    gray = jpeglib.from_dct(Y=colour.Y, qt=colour.qt[colour.quant_tbl_no[0]][None], quant_tbl_no=[0])
    gray.height, gray.width = shape
    with memory_file() as path:
        gray.write_dct(str(path), flags=["+OPTIMIZE_CODING"])
        return numbered_from_one(path.read_bytes(), 1)


@dataclass(frozen=True)
class JpegXl:
    """JPEG XL (libjxl, VarDCT). Its quality of 1 is a distance of 24: below that it does not go.

    It codes for the eye: libjxl's switch that would leave that out is not reached from Python."""

    name: str = "jpegxl"
    effort: int = 9

    @property
    def settings(self) -> str:
        return stated("pillow-jxl-plugin", f"libjxl's VarDCT, effort {self.effort}, no container")

    def encode(self, image: np.ndarray, quality: int) -> bytes:
        check_quality(quality)
        optional("pillow_jxl", "pillow-jxl-plugin")  # Pillow learns the format by this
        buffer = io.BytesIO()
        options = {"quality": int(quality), "effort": self.effort, "num_threads": 1}
        Image.fromarray(image).save(buffer, "JXL", **options)
        return buffer.getvalue()

    def decode(self, data: bytes) -> np.ndarray:
        optional("pillow_jxl", "pillow-jxl-plugin")
        return to_eight_bit(Image.open(io.BytesIO(data), formats=["JXL"]))


RIVALS = {rival.name: rival for rival in (MozJpeg(), Jpegli(), JpegXl())}

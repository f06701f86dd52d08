"""Pictures in, pictures out: loading, saving, luma, and the photographs that need no download.

Outside the networks an image is a uint8 array, (H, W) gray or (H, W, 3) RGB. Inside it is a float
tensor (N, C, H, W) in [0, 1]. `to_float` and `to_uint8` are the only two doors between the worlds.
Luma is JFIF full-range BT.601, the Y of Pillow's `convert("YCbCr")`. Book: chapter 1."""

import contextlib
import io
import logging
import os
import secrets
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from vcodec.colour import to_srgb
from vcodec.eight_bit import ROWS, orientation, quiet_pillow, to_eight_bit, turn_upright
from vcodec.errors import CodecError
from vcodec.limits import at_most, check_size
from vcodec.png import png

log = logging.getLogger("vcodec")

# Pillow opens 44 formats, some through other programs; these are the ones that we have tried. `register` adds to them.
FORMATS = {"JPEG", "MPO", "PNG", "BMP", "GIF", "PPM", "TIFF", "JPEG2000", "WEBP", "AVIF", "HEIF"}
# How a picture is saved where the format has loss: what was restored must not be lost again.
FAITHFUL: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 98, "subsampling": "4:4:4"}, "WEBP": {"lossless": True},
    "AVIF": {"quality": 95, "subsampling": "4:4:4"}, "HEIF": {"quality": 95, "chroma": 444},
}  # fmt: skip

# Photographs inside scikit-image's wheel, all CC0 or public domain (see its data README).
EMBEDDED = ("astronaut", "camera", "chelsea", "coffee", "rocket", "brick", "grass", "gravel")

SUFFIXES = {
    ".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".tif", ".tiff", ".ppm", ".pgm", ".jp2", ".webp", ".avif",
    ".heic", ".heif",
}  # fmt: skip


def embedded(name: str) -> np.ndarray:
    """One of the photographs in `EMBEDDED`: uint8, (H, W) or (H, W, 3). Raises CodecError for another name."""
    if name not in EMBEDDED:
        raise CodecError(f"no embedded photograph is called {name!r}; there are {', '.join(EMBEDDED)}")
    import skimage.data  # slow to import, and only needed here

    return np.asarray(getattr(skimage.data, name)())


def open_image(source: str | os.PathLike | bytes, decode: bool = True, what: str = "the data") -> Image.Image:
    """A Pillow image from a path or from bytes, or a CodecError that says what is wrong. decode=False reads the
    header alone; `what` is the name of the bytes in that sentence."""
    what = what if isinstance(source, bytes) else str(source)
    data = source if isinstance(source, bytes) else read_file(source)
    if not data:
        raise CodecError(f"{what} is empty")
    try:
        Image.init()
        image = Image.open(io.BytesIO(data), formats=sorted(FORMATS & Image.OPEN.keys()))
        check_size(*image.size, what, costly_form(image))
        if decode:
            image.load()
    except CodecError:
        raise
    except UnidentifiedImageError:
        raise CodecError(f"{what} is not an image of a format that can be read") from None
    except Exception as error:  # Pillow's decoders raise whatever damaged data lead them to
        raise CodecError(f"{what} is not an image that can be read: {error}".replace("\n", " ")) from None
    return image


def costly_form(image: Image.Image) -> str:
    """The format of an opened colour picture, as `limits.COSTS` calls it; empty for a gray one."""
    if len(image.getbands()) == 1:
        return ""
    samplings = {layer[1:3] for layer in getattr(image, "layer", [])}  # of a JPEG: one where no plane is smaller
    if image.info.get("progressive") and len(samplings) == 1:
        return "progressive JPEG with full chroma"
    return image.format or ""


def read_file(path: str | os.PathLike) -> bytes:
    """The bytes of a file, or a CodecError."""
    try:
        if Path(path).exists() and not (Path(path).is_file() or Path(path).is_dir()):
            raise CodecError(f"cannot read {path}: it is not a plain file")  # a pipe or a device may never end
        return Path(path).read_bytes()
    except OSError as error:
        raise CodecError(f"cannot read {path}: {error.strerror}") from None


def to_array(image: Image.Image | np.ndarray) -> np.ndarray:
    """Any 8-bit picture as uint8 (H, W) or (H, W, 3); whatever is changed on the way is noted in the log.

    Alpha is composited on white, EXIF rotation applied, CMYK and palettes converted, 16-bit gray rounded
    to 8 bits, the colours of another profile brought to sRGB; of several frames the first is taken. Raises CodecError
    for floats, 32-bit integers, wrong shapes and empty arrays, and for more pixels than `limits` allows."""
    if isinstance(image, np.ndarray):
        height, width = _checked(image).shape[:2]
        check_size(width, height, "the image")
        return image
    check_size(*image.size, "the image")
    note_frames(image)
    return to_srgb(_checked(to_eight_bit(image, orientation(image))), image.info.get("icc_profile"))


def note_frames(image: Image.Image) -> None:
    """Say so where a picture is the first of several; those of an MPO are its helpers."""
    if image.format != "MPO" and (frames := getattr(image, "n_frames", 1)) > 1:
        log.warning("the first of %d frames was taken", frames)


def as_shown(array: np.ndarray, image: Image.Image) -> np.ndarray:
    """`array`, uint8 (H, W) or (H, W, 3), upright and in sRGB, as the metadata of `image` ask. May change it."""
    note_frames(image)
    return to_srgb(turn_upright(array, orientation(image)), image.info.get("icc_profile"))


def _checked(array: np.ndarray) -> np.ndarray:
    gray = array.ndim == 2
    if array.dtype != np.uint8 or not (gray or (array.ndim == 3 and array.shape[2] == 3)) or array.size == 0:
        raise CodecError(f"need a uint8 array (H, W) or (H, W, 3), not {array.dtype} {array.shape}")
    return array


@quiet_pillow()
def load_image(
    source: str | os.PathLike | bytes, what: str = "the data", max_pixels: int | None = None
) -> np.ndarray:  # fmt: skip
    """Read a picture: uint8, (H, W) or (H, W, 3). max_pixels: see `limits.at_most`. Raises CodecError where that is not
    possible; see `open_image`."""
    with at_most(max_pixels):
        return to_array(open_image(source, what=what))


def check_output(path: Path, source: Path | None = None) -> None:
    """Raises CodecError where `path` cannot be written, or is `source`, before work is put into its content."""
    try:
        if source is not None and path.exists() and source.exists() and path.samefile(source):
            raise CodecError(f"{path} is the input itself; it would be lost")
        if not path.resolve().parent.is_dir():
            raise CodecError(f"cannot write {path}: there is no folder {path.parent}")
        if path.exists() and not path.is_file():
            raise CodecError(f"cannot write {path}: it is not a plain file")
        if not os.access(path.resolve().parent, os.W_OK):
            raise CodecError(f"cannot write {path}: nothing may be written into its folder")
    except OSError as error:
        raise CodecError(f"cannot write {path}: {error.strerror}") from None


def write_file(path: str | os.PathLike, data: bytes | Iterable[bytes]) -> None:
    """Write `data`, whole or in pieces, so that `path` is complete or absent, also when the program is killed half-way.

    Of a link its target is written; an old file's mode is kept. Raises CodecError, also for what is no plain file."""
    path = Path(path)
    check_output(path)
    target = path.resolve()
    partial = target.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with open(partial, "wb") as file:
            file.writelines([data] if isinstance(data, bytes) else data)
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            partial.chmod(stat.S_IMODE(target.stat().st_mode))
        os.replace(partial, target)
    except OSError as error:
        raise CodecError(f"cannot write {path}: {error.strerror}") from None
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()


def save_image(path: str | os.PathLike, image: np.ndarray) -> None:
    """Save a uint8 picture in the format its suffix names, complete or not at all."""
    write_file(path, saved(path, image))


def saved(path: str | os.PathLike, image: np.ndarray, exif: bytes = b"") -> Iterable[bytes]:
    """The file of a uint8 picture in the format that the suffix of `path` names, in pieces. exif: from
    the TIFF header on, for the formats of `check_carries_exif`. Raises CodecError where it cannot hold the picture."""
    buffer, kind = io.BytesIO(), suffix_format(path)
    if kind == "PNG":
        return png(image, exif)
    options = FAITHFUL.get(kind, {}) | ({"exif": b"Exif\0\0" + exif} if exif else {})
    try:
        Image.fromarray(image).save(buffer, kind, **options)
    except (OSError, ValueError, RuntimeError, SystemError) as error:
        raise CodecError(f"cannot save {path}: {error}") from None
    return [buffer.getvalue()]


def check_carries_exif(path: str | os.PathLike) -> None:
    """Raises CodecError where `saved` cannot put metadata into a file of this name."""
    if (kind := suffix_format(path)) not in FAITHFUL.keys() | {"PNG"}:
        raise CodecError(f"{kind} files carry no metadata here; PNG, JPEG, WebP, AVIF and HEIC do")


def suffix_format(path: str | os.PathLike) -> str:
    """The format that a file name asks for: "PNG" for x.png. Raises CodecError where it asks for none."""
    path = Path(path)
    kind = Image.registered_extensions().get(path.suffix.lower())
    if kind not in Image.SAVE:
        raise CodecError(f"cannot tell an image format from the name {path.name!r}; try {path.stem}.png")
    return kind


def to_float(image: np.ndarray) -> Tensor:
    """uint8 (H, W) or (H, W, C) -> float32 (1, C, H, W) in [0, 1]."""
    planes = torch.from_numpy(np.array(image, copy=True)).float() / 255
    return planes[None, None] if planes.ndim == 2 else planes.permute(2, 0, 1)[None]


def to_uint8(x: Tensor) -> Tensor:
    """Float in [0, 1] -> uint8, clipped and rounded (truncation would cost 0.17 dB at 40 dB)."""
    return (x.detach().float() * 255).round().clamp(0, 255).to(torch.uint8)


def luma(image: np.ndarray) -> np.ndarray:
    """Full-range BT.601 luma of a picture, uint8 (H, W)."""
    if image.ndim == 2:
        return image
    strips = (image[top : top + ROWS] for top in range(0, len(image), ROWS))
    return np.concatenate([np.asarray(Image.fromarray(strip).convert("YCbCr"))[..., 0] for strip in strips])


def rgb_to_ycbcr(rgb: Tensor) -> Tensor:
    """(N, 3, H, W) in [0, 1] -> YCbCr of the same shape, chroma centred at 1/2: JFIF 1.02, not rounded."""
    r, g, b = rgb.unbind(1)
    y = 0.299 * r + 0.587 * g + 0.114 * b
    return torch.stack([y, (b - y) / 1.772 + 0.5, (r - y) / 1.402 + 0.5], 1)


def ycbcr_to_rgb(ycbcr: Tensor) -> Tensor:
    """The inverse of `rgb_to_ycbcr`; may leave [0, 1]."""
    y, cb, cr = ycbcr.unbind(1)
    r, b = y + 1.402 * (cr - 0.5), y + 1.772 * (cb - 0.5)
    return torch.stack([r, (y - 0.299 * r - 0.114 * b) / 0.587, b], 1)


def is_picture(path: Path) -> bool:
    """By its name; a hidden file is none, like those that macOS leaves beside each file on other disks."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def named_images(where: str | os.PathLike, max_pixels: int | None = None) -> dict[str, np.ndarray]:
    """All pictures of a folder by file name, or of "embedded". max_pixels: see `limits.at_most`.
    Raises CodecError where there are none."""
    if str(where) == "embedded":
        return {name: embedded(name) for name in EMBEDDED}
    folder = Path(where)
    if not folder.is_dir():
        raise CodecError(f"{folder} is not a folder of images (use 'embedded' for the built-in photographs)")
    return {path.name: load_image(path, max_pixels=max_pixels) for path in pictures_in(folder)}


def pictures_in(folder: Path) -> list[Path]:
    """The pictures of a folder, in order of their names; a note names what else is there. Raises CodecError where there
    are none."""
    shown = [path for path in sorted(folder.iterdir()) if not path.name.startswith(".")]
    found = [path for path in shown if is_picture(path)]
    if not found:
        raise CodecError(f"the folder {folder} holds no images")
    if skipped := [path.name for path in shown if path not in found]:
        log.warning("not pictures, and skipped: %s", ", ".join(skipped))
    return found

"""Whatever Pillow opens -> uint8, (H, W) or (H, W, 3), upright: in strips, because Pillow's own pictures and each
conversion of a whole one take four bytes a pixel."""

import contextlib
import logging
import warnings
from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image, ImageCms

from vcodec.colour import transform
from vcodec.errors import CodecError

log = logging.getLogger("vcodec")

ROWS = 256  # of a strip
EXIF_ORIENTATION = 0x0112  # EXIF 2.3, tag 274
Turn = Callable[[np.ndarray], np.ndarray]
TURNS: dict[int, Turn] = {  # by the value of that field, views of (H, W[, 3])
    1: lambda a: a, 2: lambda a: a[:, ::-1], 3: lambda a: a[::-1, ::-1], 4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1), 6: lambda a: np.rot90(a, -1), 7: lambda a: np.rot90(a, 2).swapaxes(0, 1),
    8: np.rot90,
}  # fmt: skip
UNDO = {6: 8, 8: 6}  # the others undo themselves
TRANSPARENT = ("LA", "RGBA", "PA", "La", "RGBa")


@contextlib.contextmanager
def quiet_pillow() -> Iterator[None]:
    """Silence Pillow about sizes within our limit and damaged fields that we do not use.

    Around the entry points for files from outside, not in `open_image`: filters are not thread-safe, and
    training opens files in threads."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        yield


def orientation(image: Image.Image) -> int:
    """How the EXIF field of a picture wants it shown, 1 to 8; 1 is as it is."""
    try:
        with quiet_pillow():
            found = image.getexif().get(EXIF_ORIENTATION, 1)
        return found if found in TURNS else 1
    except Exception:  # a damaged EXIF field asks for nothing
        return 1


def turn_upright(array: np.ndarray, turn: int) -> np.ndarray:
    """`array`, (H, W) or (H, W, 3), rotated and flipped as an `orientation` asks, with a note."""
    if turn == 1:
        return array
    log.warning("the EXIF rotation was applied")
    return np.ascontiguousarray(TURNS[turn](array))


def to_eight_bit(image: Image.Image, turn: int = 1) -> np.ndarray:
    """Any mode that Pillow reads -> uint8 (H, W) or (H, W, 3), turned by an `orientation`, with notes on what was
    changed; CMYK by its colour profile, where it has one. Raises CodecError for floats and 32-bit integers."""
    notes: dict[str, None] = {}
    if image.mode == "I" and image.format == "TIFF":
        raise CodecError("32-bit integers are not supported; save the picture as 8-bit gray or RGB")
    try:
        out = _in_strips(image, turn, notes)
    except OSError as error:  # a Pillow image is decoded when its pixels are first asked for
        raise CodecError(f"the image cannot be decoded: {error}") from None
    for note in notes:
        log.warning(note)
    if turn != 1:
        log.warning("the EXIF rotation was applied")
    return out


def _in_strips(image: Image.Image, turn: int, notes: dict[str, None]) -> np.ndarray:
    width, height = image.size
    profile = image.info.get("icc_profile") if image.mode == "CMYK" else None
    press = transform(profile, "CMYK") if profile else None
    colour = np.asarray(_gray_or_rgb(image.crop((0, 0, 1, 1)), {})).shape[2:]
    out = np.empty(((width, height) if turn > 4 else (height, width)) + colour, np.uint8)
    rows = TURNS[UNDO.get(turn, turn)](out)  # a view with the rows of the file
    for top in range(0, height, ROWS):
        strip = image.crop((0, top, width, min(top + ROWS, height)))
        changed = ImageCms.applyTransform(strip, press) if press else _gray_or_rgb(strip, notes)
        rows[top : top + ROWS] = np.asarray(changed)
    return out


def _gray_or_rgb(image: Image.Image, notes: dict[str, None]) -> Image.Image:
    """In mode L or RGB; what is said about it joins `notes`."""
    if image.mode in ("L", "RGB") and "transparency" not in image.info:
        return image
    if image.mode == "1":
        return image.convert("L")
    if image.mode.startswith("I"):
        notes["16-bit samples were rounded to 8 bits"] = None
        return Image.fromarray(np.clip(np.rint(np.asarray(image, np.float64) / 257), 0, 255).astype(np.uint8))
    if image.mode in TRANSPARENT or "transparency" in image.info:
        kind = "L" if image.mode in ("L", "LA", "La") else "RGB"
        image = image.convert("RGBA")
        if np.asarray(image.getchannel("A")).min() < 255:
            notes["transparency was composited on white"] = None
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
        return image.convert(kind)
    if image.mode in ("P", "CMYK", "YCbCr", "LAB", "HSV"):
        notes[f"the {image.mode} image was converted to RGB"] = None
        return image.convert("RGB")
    raise CodecError(f"images of mode {image.mode} are not supported; save the picture as 8-bit gray or RGB")

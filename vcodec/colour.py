"""Colour profiles: pictures of other colour spaces, as telephones, cameras and presses write them, become sRGB."""

import io
import logging

import numpy as np
from PIL import Image, ImageCms

log = logging.getLogger("vcodec")

SRGB = ImageCms.createProfile("sRGB")
ROWS = 256  # converted at once: Pillow's pictures take four bytes a pixel


def transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """From the colour space of an ICC profile to sRGB for pictures of Pillow's mode L, RGB or CMYK, with a note. None
    for a profile of other pictures, or of sRGB; for a damaged one, too, with a note."""
    try:
        theirs = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        name = ImageCms.getProfileDescription(theirs).strip()
        if theirs.profile.xcolor_space.strip() != {"L": "GRAY"}.get(mode, mode) or name.startswith("sRGB"):
            return None
        found = ImageCms.buildTransform(theirs, SRGB, mode, "RGB", ImageCms.Intent.RELATIVE_COLORIMETRIC)
    except (OSError, ValueError, ImageCms.PyCMSError):
        log.warning("the colour profile is damaged: the colours are taken for sRGB")
        return None
    log.warning("the colours were converted from %s to sRGB", name or "another colour space")
    return found


def to_srgb(array: np.ndarray, profile: bytes | None) -> np.ndarray:
    """A uint8 picture, (H, W) or (H, W, 3), in the colour space of an ICC profile -> in sRGB, in place, with a note.

    Pictures in sRGB, or without a profile of their kind, stay what they were. Colours that sRGB does not have become
    the nearest that it has. CMYK is none of these: see `eight_bit`."""
    if not profile or (found := transform(profile, "L" if array.ndim == 2 else "RGB")) is None:
        return array
    array = array if array.flags.writeable else array.copy()
    for top in range(0, len(array), ROWS):
        strip = np.asarray(ImageCms.applyTransform(Image.fromarray(array[top : top + ROWS]), found))
        array[top : top + ROWS] = strip if array.ndim == 3 else strip[..., 1]
    return array

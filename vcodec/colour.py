"""Colour profiles: pictures of other colour spaces, as telephones and cameras write them, become sRGB."""

import io
import logging

import numpy as np
from PIL import Image, ImageCms

log = logging.getLogger("vcodec")

SRGB = ImageCms.createProfile("sRGB")


def to_srgb(array: np.ndarray, profile: bytes | None) -> np.ndarray:
    """A uint8 picture (H, W, 3) in the colour space of an ICC profile -> in sRGB, with a note.

    Gray pictures and those in sRGB, or without a profile for RGB, are what they were. Colours that sRGB does not have
    become the nearest that it has."""
    if not profile or array.ndim == 2:
        return array
    try:
        theirs = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        name = ImageCms.getProfileDescription(theirs).strip()
        if theirs.profile.xcolor_space.strip() != "RGB" or name.startswith("sRGB"):
            return array
        converted = ImageCms.profileToProfile(
            Image.fromarray(array), theirs, SRGB, ImageCms.Intent.RELATIVE_COLORIMETRIC
        )
    except (OSError, ValueError, ImageCms.PyCMSError):
        log.warning("the colour profile is damaged: the colours are taken for sRGB")
        return array
    log.warning("the colours were converted from %s to sRGB", name or "another colour space")
    return np.asarray(converted)

"""A codec explorer of real files, for the tests of what Python hands to its page and of the page."""

import functools
import io

import numpy as np
import skimage.data
from conftest import jpeg
from PIL import Image
from skimage.metrics import structural_similarity

from vcodec.metrics import psnr
from vcodec.widgets import CodecExplorer, RdPicture

SIZE = 256


def resized(image: np.ndarray, size: int) -> np.ndarray:
    return np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BICUBIC))


def point(original: np.ndarray, method: str, resolution: str, quality: int) -> RdPicture:
    """A real JPEG of the picture or of its half; "SCIC" is smoothed a little, as a decoder network would."""
    file = jpeg(original if resolution == "full" else resized(original, SIZE // 2), quality=quality, optimize=True)
    picture = resized(np.asarray(Image.open(io.BytesIO(file))), SIZE)
    if method == "SCIC":
        small = resized(picture, SIZE * 3 // 4)
        picture = resized(small, SIZE)
    similarity = float(structural_similarity(original, picture, channel_axis=-1 if original.ndim == 3 else None))
    return RdPicture(method, resolution, quality, len(file), picture, psnr(original, picture), similarity, file)


@functools.cache
def chelsea() -> tuple[np.ndarray, list[RdPicture]]:
    """The cat, 256x256 RGB, and 21 points: JPEG at full, SCIC at both resolutions."""
    original = np.ascontiguousarray(skimage.data.chelsea()[20 : 20 + SIZE, 100 : 100 + SIZE])
    grids = {("JPEG", "full"): (3, 8, 14, 22, 35, 55, 80), ("SCIC", "full"): (8, 14, 22, 35, 55, 80)}
    grids |= {("SCIC", "half"): (4, 10, 20, 35, 50, 70, 85, 95)}
    return original, [point(original, *name, quality) for name, grid in grids.items() for quality in grid]


@functools.cache
def explore() -> CodecExplorer:
    return CodecExplorer(*chelsea())

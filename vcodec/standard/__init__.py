"""Standard codecs: the `g` of the papers, pixels in and the bytes of an ordinary file out."""

from vcodec.standard.jpeg import Jpeg, TunedJpeg
from vcodec.standard.protocol import (
    CODECS,
    FLAT_JPEG,
    FRAMEWORKS,
    TUNED_JPEG,
    StandardCodec,
    codec_for,
    codec_of,
    register,
)

__all__ = [
    "CODECS",
    "FLAT_JPEG",
    "FRAMEWORKS",
    "TUNED_JPEG",
    "Jpeg",
    "StandardCodec",
    "TunedJpeg",
    "codec_for",
    "codec_of",
    "register",
]

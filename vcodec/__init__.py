"""Learned image compression around real codecs: the package behind the book.

import vcodec
codec = vcodec.load("scic-jpeg")
data = codec.encode(image, quality=10)   # the bytes of an ordinary JPEG
image = codec.decode(data)               # uint8, the size of the original
"""

__version__ = "0.1.0"

from vcodec.errors import CodecError
from vcodec.scic import Scic, load

__all__ = ["CodecError", "Scic", "load"]

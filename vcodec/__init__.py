"""Learned image compression around real codecs: the package behind the book.

import vcodec
codec = vcodec.load("scic-jpeg")
data = codec.encode(image, quality=10)   # the bytes of an ordinary JPEG
image = codec.decode(data)               # uint8, the size of the original
"""

__version__ = "0.1.0"

from vcodec.dnnc import Dnnc
from vcodec.errors import CodecError
from vcodec.frameworks import load
from vcodec.scic import Scic

__all__ = ["CodecError", "Dnnc", "Scic", "load"]

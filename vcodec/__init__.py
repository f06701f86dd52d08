"""Learned image compression around real codecs: the package behind the book.

import vcodec
codec = vcodec.load("scic-jpeg")
data = codec.encode(image, quality=10)   # the bytes of an ordinary JPEG
image = codec.decode(data)               # uint8, the size of the original
"""

__version__ = "0.1.0"

from importlib import import_module
from typing import TYPE_CHECKING, Any

from vcodec.errors import CodecError

if TYPE_CHECKING:
    from vcodec.dnnc import Dnnc
    from vcodec.frameworks import Codec, load
    from vcodec.scic import Scic

__all__ = ["Codec", "CodecError", "Dnnc", "Scic", "load"]

WHERE = {
    "Codec": "vcodec.frameworks",
    "Dnnc": "vcodec.dnnc",
    "Scic": "vcodec.scic",
    "load": "vcodec.frameworks",
}


def __getattr__(name: str) -> Any:
    """The names above are imported when they are first used: PyTorch takes seconds (PEP 562)."""
    if name not in WHERE:
        raise AttributeError(f"module 'vcodec' has no attribute {name!r}")
    return getattr(import_module(WHERE[name]), name)

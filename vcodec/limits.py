"""How many pixels a picture may claim to have: what `max_pixels` says, wherever a file is opened or decoded.

A file of a few bytes can claim any size, and a decoder that believes it fills the memory."""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

from vcodec.errors import CodecError

MAX_PIXELS = 100_000_000  # a 100 megapixel image is 300 MB of RGB; larger ones are refused before decoding
_limit = ContextVar("max_pixels", default=MAX_PIXELS)


@contextlib.contextmanager
def at_most(max_pixels: int | None) -> Iterator[None]:
    """Inside, pictures of more pixels are refused. None: as outside, at first `MAX_PIXELS`. Raises CodecError."""
    if max_pixels is not None and not max_pixels >= 1:
        raise CodecError(f"max_pixels must be at least 1, not {max_pixels!r}")
    token = _limit.set(_limit.get() if max_pixels is None else max_pixels)
    try:
        yield
    finally:
        _limit.reset(token)


def limit() -> int:
    """How many pixels are allowed here."""
    return _limit.get()


def set_limit(max_pixels: int) -> None:
    """For a process that begins: it knows nothing of `at_most` in its parent."""
    _limit.set(max_pixels)


def check_size(width: int, height: int, what: str) -> None:
    """Raises CodecError for a picture of more pixels than are allowed here."""
    if width * height > (most := _limit.get()):
        raise CodecError(
            f"{what} has {width}x{height} pixels; the limit is {most / 1e6:g} megapixels (--max-pixels, max_pixels)"
        )

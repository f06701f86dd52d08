"""How many pixels a picture may claim to have: what `max_pixels` says, wherever a file is opened or decoded.

A file of a few bytes can claim any size, and a decoder that believes it fills the memory. With the limit that holds
where nothing is said, decoding takes about 1 GB, PyTorch included."""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

from vcodec.errors import CodecError

MAX_PIXELS = 100_000_000  # a 100 megapixel image is 300 MB of RGB; larger ones are refused before decoding
# What decoding takes beside 8 bytes a pixel, which suffice for PNG, TIFF, HEIC and most JPEGs: measured in colour, by
# tests/test_claims.py. Of formats that take more, fewer pixels are allowed.
COSTS = {"JPEG2000": 2.5, "WEBP": 2.2, "AVIF": 1.3, "progressive JPEG with full chroma": 1.3}
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


def check_size(width: int, height: int, what: str, form: str = "") -> None:
    """Raises CodecError for a picture of more pixels than are allowed here. form: that of a file to decode."""
    most = _limit.get() / COSTS.get(form, 1)
    if width * height > most:
        of_form = f" for {form}, which takes more memory than others," if form in COSTS else ""
        raise CodecError(
            f"{what} has {width}x{height} pixels; the limit{of_form} is {float(f'{most / 1e6:.3g}'):g} megapixels"
            " (--max-pixels, max_pixels)"
        )

"""Quality, 1 to 100, the one scale of all codecs: checked, and searched for a file that keeps a budget."""

from collections.abc import Callable

import numpy as np

from vcodec.errors import CodecError

QUALITIES = range(1, 101)


def check_quality(quality: int) -> None:
    """Raises CodecError unless quality is a whole number from 1 to 100."""
    if isinstance(quality, bool) or not isinstance(quality, int | np.integer) or quality not in QUALITIES:
        raise CodecError(f"quality must be a whole number from 1 to 100, not {quality!r}")


def best_quality(encode: Callable[[int], bytes], max_bytes: float) -> tuple[int, bytes]:
    """The highest quality whose file keeps within `max_bytes`, and that file: 8 encodes at most.

    Raises CodecError that names the smallest possible size where even quality 1 is too large."""
    if not 0 < max_bytes < float("inf"):
        raise CodecError(f"a file cannot be kept within {max_bytes:g} bytes")
    low, data = 1, encode(1)
    if len(data) > max_bytes:
        raise CodecError(f"the smallest file takes {len(data)} bytes; {max_bytes:.0f} were asked for")
    high = 101
    while high - low > 1:
        middle = (low + high) // 2
        attempt = encode(middle)
        if len(attempt) <= max_bytes:
            low, data = middle, attempt
        else:
            high = middle
    return low, data

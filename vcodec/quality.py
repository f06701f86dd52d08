"""Quality, 1 to 100, the one scale of all codecs: checked, and searched for a file of a wanted size or PSNR.

The searches know no codec: they are given a function from quality to bytes. Book: chapters 2 and 9."""

import math
from collections.abc import Callable

import numpy as np

from vcodec.errors import CodecError

QUALITIES = range(1, 101)
NONE, ALL = 0, 101  # beyond both ends: no quality is low enough, every one is
BYTES_SLOPE, PSNR_SLOPE = 0.9, 5.0  # how log(bytes) and dB grow with log(quality), about; for the first guesses


def check_quality(quality: int) -> None:
    """Raises CodecError unless quality is a whole number from 1 to 100."""
    if isinstance(quality, bool) or not isinstance(quality, int | np.integer) or quality not in QUALITIES:
        raise CodecError(f"quality must be a whole number from 1 to 100, not {quality!r}")


def bracket(
    value: Callable[[int], float], limit: float, slope: float, first: int = 16, most: int = 12
) -> tuple[int, int]:
    """Neighbours (low, high) with value(low) <= limit < value(high), for a value that rises with quality.

    0 and 101 stand for the missing neighbour at either end. Guesses lie on the line through what is known over
    log(quality), and in the middle once that line has missed to the same side three times: 3 to 6 calls, seldom
    more than 8. After `most` calls the two may lie further apart."""
    known: dict[int, float] = {}
    low, high, guess, misses = NONE, ALL, min(max(first, 1), 100), 0
    while high - low > 1 and len(known) < most:
        known[guess] = value(guess)
        below = known[guess] <= limit
        misses = max(misses, 0) + 1 if below else min(misses, 0) - 1
        low, high = (guess, high) if below else (low, guess)
        if abs(misses) > 2:
            guess = (low + high) // 2
        else:
            guess = min(max(_on_the_line(known, low, high, limit, slope), low + 1), high - 1)
    return low, high


def _on_the_line(known: dict[int, float], low: int, high: int, limit: float, slope: float) -> int:
    """Where the line through the two known neighbours meets the limit, rounded towards the unknown end."""
    if low > NONE and high < ALL:
        share = (limit - known[low]) / max(known[high] - known[low], 1e-9)
        return round(low * (high / low) ** share)
    near = low or high
    ordered = sorted(known, key=lambda q: abs(q - near))[:2]
    if len(ordered) == 2:
        slope = max(slope / 3, (known[ordered[1]] - known[near]) / math.log(ordered[1] / near))
    wanted = near * math.exp(min(1.1 * (limit - known[near]) / slope, 0.8))
    return math.floor(wanted) if high < ALL else math.ceil(wanted)


def check_budget(max_bytes: float) -> None:
    if not 0 < max_bytes < math.inf:
        raise CodecError(f"a file cannot be kept within {max_bytes:g} bytes")


def best_quality(
    encode: Callable[[int], bytes], max_bytes: float, first: int = 16, most: int = 12
) -> tuple[int, bytes]:
    """The highest quality whose file keeps within `max_bytes`, and that file: 3 to 6 encodes, `most` at most.

    Raises CodecError that names the smallest possible size where even quality 1 is too large."""
    check_budget(max_bytes)
    files: dict[int, bytes] = {}

    def log_size(quality: int) -> float:
        files[quality] = encode(quality)
        return math.log(len(files[quality]))

    low, _ = bracket(log_size, math.log(max_bytes), BYTES_SLOPE, first, most)
    if low == NONE:
        low, files[1] = 1, files.get(1) or encode(1)  # the calls may have been used up before it
        if len(files[1]) > max_bytes:
            raise CodecError(f"the smallest file takes {len(files[1])} bytes; {max_bytes:.0f} were asked for")
    return low, files[low]


def lowest_quality(
    encode: Callable[[int], bytes], psnr_of: Callable[[bytes], float], min_psnr: float, first: int = 16, most: int = 12
) -> tuple[int, bytes]:
    """The lowest quality whose file, decoded, has at least `min_psnr` dB, and that file: `most` encodes at most.

    Raises CodecError that names the highest possible PSNR where even quality 100 has less."""
    files: dict[int, bytes] = {}
    values: dict[int, float] = {}

    def decibels(quality: int) -> float:
        files[quality] = encode(quality)
        values[quality] = psnr_of(files[quality])
        return values[quality]

    _, high = bracket(decibels, math.nextafter(min_psnr, -math.inf), PSNR_SLOPE, first, most)
    if high == ALL:
        high, highest = 100, values[100] if 100 in values else decibels(100)
        if highest < min_psnr:
            raise CodecError(f"the highest PSNR is {highest:.2f} dB; {min_psnr:g} dB were asked for")
    return high, files[high]

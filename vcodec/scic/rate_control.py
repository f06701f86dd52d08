"""Rate control: the best file of at most so many bytes, or the smallest of at least so many dB, within 12 encodes.

Every encode of the codec counts, also those of the feedback passes. Sizes are searched first, because
they need no network behind the codec. Between two qualities there are files too: those of the higher one whose
input was softened a little. Book: chapter 9."""

import math
from collections.abc import Callable, Sequence

from vcodec.errors import CodecError
from vcodec.quality import best_quality, check_budget, lowest_quality
from vcodec.scic.candidates import Candidate, Files
from vcodec.scic.mixed import CLEAR, UNFITTED, Fit, guessed_lead, psnr_of

EACH = 6  # encodes for the search at one scale
FULL_ENOUGH = 0.97  # share of the allowed size above which a file is not made any larger
NEAR = 0.1  # dB above the wanted PSNR that are near enough
RISE = 4.0  # dB, about, that e times the bits are worth: for comparing files of different size


def within_bytes(
    files: Files, max_bytes: float, passes: int, scales: Sequence[int], fast: bool = False, fit: Fit = UNFITTED,
    first: int = 16,
) -> bytes:  # fmt: skip
    """The best file of at most `max_bytes`, of at least 0.9 of them where there is one.

    passes: 0 leaves it at the whole qualities. first: the quality that is tried first. Raises CodecError that names the
    smallest size."""
    check_budget(max_bytes)

    def search(scale: int, first: int, most: int) -> Candidate:
        return files.at(best_quality(lambda q: files.at(q, scale).data, max_bytes, first, most)[0], scale)

    found = search_scales(files, search, scales, fast, fit, first)
    if not found:
        smallest = min(len(files.at(1, scale).data) for scale in scales)
        raise CodecError(f"the smallest file takes {smallest} bytes; {max_bytes:.0f} were asked for")
    if len(found) > 1:
        values = [psnr_of(c, c.tried()[0]) + RISE * math.log(max_bytes / len(c.data)) for c in found]
        found = leaders(found, values)
    if not passes:
        return found[0].data
    tried = [trial for candidate in found for trial in refined_bytes(files, candidate, max_bytes, passes)]
    if max(len(trial.data) for trial in tried) < 0.9 * max_bytes:
        tried += [c.tried()[0] for s in scales for c in files.made(s) if 0.9 * max_bytes <= len(c.data) <= max_bytes]
    large = [trial for trial in tried if len(trial.data) >= 0.9 * max_bytes]
    return min(large or tried, key=lambda trial: trial.error).data


def search_scales(
    files: Files,
    search: Callable[[int, int, int], Candidate],
    scales: Sequence[int],
    fast: bool,
    fit: Fit,
    first: int,
) -> list[Candidate]:
    """What `search` finds at each scale; half resolution only where the guess from the full one leaves it open."""
    found: list[Candidate] = []
    guess, margin = 0.0, 0.0 if fast and fit is not UNFITTED else fit.margin
    for scale in scales:
        try:
            found.append(search(scale, first, min(EACH, files.left - 2) if len(scales) > 1 else 10))
        except CodecError:
            continue
        if scale == 1 and len(scales) > 1:
            guess = guessed_lead(files, found[0], fit)
            if guess < -margin:
                break
            first = files.quality_of_step(files.step(found[0]) / fit.finer)
    return found[1:] if len(found) > 1 and guess > margin else found


def leaders(found: list[Candidate], values: list[float]) -> list[Candidate]:
    """The best of them in dB first, and those that feedback may still carry past it."""
    ordered = sorted(zip(values, range(len(found)), strict=True), reverse=True)
    return [found[i] for value, i in ordered if value > ordered[0][0] - CLEAR]


def refined_bytes(files: Files, candidate: Candidate, max_bytes: float, passes: int) -> list:
    """Files of at most `max_bytes` around the highest quality that keeps within them."""
    tried = candidate.tried(min(passes, max(0, files.left)))
    tried = [trial for trial in tried if len(trial.data) <= max_bytes]
    largest = max(len(trial.data) for trial in tried)
    if candidate.quality < 100 and largest < FULL_ENOUGH * max_bytes and files.left > 1:
        quality, scale = candidate.quality + 1, candidate.scale
        start = math.log(len(files.at(quality, scale).data) / max_bytes)

        def size(soft: float) -> float:
            softer = files.at(quality, scale, soft)
            if len(softer.data) <= max_bytes:
                tried.append(softer.tried()[0])
            return math.log(len(softer.data) / max_bytes)

        fall_to(size, start, math.log(FULL_ENOUGH), 0, 2.5 * start, min(3, files.left))
    return tried


def with_psnr(
    files: Files, min_psnr: float, decibels: Callable[[bytes], float], passes: int, scales: Sequence[int],
    fast: bool = False, fit: Fit = UNFITTED, first: int = 16,
) -> bytes:  # fmt: skip
    """The smallest file whose picture has at least `min_psnr` dB; at most 0.1 dB more where there is one.

    decibels: of the picture decoded from a file. passes: 0 leaves it at the whole qualities. Raises CodecError
    that names the highest PSNR."""
    if not 0 < min_psnr < math.inf:
        raise CodecError(f"a PSNR of {min_psnr:g} dB cannot be asked for")
    known: dict[bytes, float] = {}

    def value(data: bytes) -> float:
        if data not in known:
            known[data] = decibels(data)
        return known[data]

    def search(scale: int, first: int, most: int) -> Candidate:
        found, _ = lowest_quality(lambda q: files.at(q, scale).data, value, min_psnr, first, most)
        return files.at(found, scale)

    found = search_scales(files, search, scales, fast, fit, first)
    if not found:
        highest = max(value(files.at(100, scale).data) for scale in scales)
        raise CodecError(f"the highest PSNR is {highest:.2f} dB; {min_psnr:g} dB were asked for")
    if len(found) > 1:
        found = leaders(found, [value(c.data) - RISE * math.log(len(c.data)) for c in found])
    if not passes:
        return found[0].data
    tried = [data for candidate in found for data in refined_psnr(files, candidate, min_psnr, value, passes)]
    near = [data for data in tried if value(data) <= min_psnr + NEAR]
    return min(near or tried, key=len)


def refined_psnr(
    files: Files, candidate: Candidate, min_psnr: float, value: Callable[[bytes], float], passes: int
) -> list[bytes]:
    """Files of at least `min_psnr` dB around the lowest quality that has them."""
    tried, quality, scale = [candidate.data], candidate.quality, candidate.scale
    if (
        candidate.has_feedback and quality > 1 and files.left > passes
    ):  # feedback may lift the next lower quality above it
        tried += [trial.data for trial in files.at(quality - 1, scale).tried(passes) if value(trial.data) >= min_psnr]
    start = value(candidate.data) - min_psnr
    if start > NEAR and min(map(value, tried)) > min_psnr + NEAR and files.left:

        def decibels(soft: float) -> float:
            softer = files.at(quality, scale, soft).data
            if value(softer) >= min_psnr:
                tried.append(softer)
            return value(softer) - min_psnr

        fall_to(decibels, start, 0, NEAR, 0.5 * start, min(5, files.left))
    return tried


def fall_to(measure: Callable[[float], float], start: float, low: float, high: float, first: float, tries: int) -> None:
    """Look for the softness at which a value that falls from `start` lies within [low, high]; `measure` remembers."""
    above, below, soft = (0.0, start), None, min(max(first, 0.02), 0.6)
    for _ in range(tries):
        found = measure(soft)
        if low <= found <= high:
            return
        if found > high:
            above = soft, found
        else:
            below = soft, found
        target = (low + high) / 2
        if below is None:
            soft = min(soft * min(max((start - target) / max(start - found, 1e-6), 1.3), 3), 1.0)
        else:
            share = (above[1] - target) / max(above[1] - below[1], 1e-6)
            soft = above[0] + min(max(share, 0.1), 0.9) * (below[0] - above[0])

"""Mixed resolution: the scale that carries a picture better at a rate, and the choice between the two scales.

At low rates structure takes most bits and a small picture carries it more cheaply; above a crossover the small one
cannot hold the detail. Zhao et al. 2018, arXiv:1802.01447. The two scales are compared at equal size, because at
equal quality they are different working points: half resolution is smaller and worse. Book: chapter 9."""

import math
from typing import NamedTuple

from vcodec.quality import ALL, BYTES_SLOPE, NONE, bracket
from vcodec.scic.candidates import ENCODES, Candidate, Files
from vcodec.scic.feedback import Trial

CLEAR = 0.35  # dB: a lead at equal size that no feedback turns round
TIE = 0.1  # dB: a lead that may be due to the step between two qualities
STEEPEST = 10.0  # dB for e times the bytes: no curve rises faster


class Fit(NamedTuple):
    """By how many dB half resolution leads at equal size, predicted from one file of full resolution:
    constant + per_detail * log2(detail / step^2) + per_rate * log2(bpp).

    margin: in dB. A prediction outside [-margin, margin] decides alone; inside, both scales are coded and compared.
    finer: step of full resolution over step of half resolution, for files of equal size."""

    constant: float
    per_detail: float
    per_rate: float
    margin: float
    finer: float

    def lead(self, detail: float, step: float, bpp: float) -> float:
        rates = math.log2(max(detail, 1e-3) / step**2), math.log2(bpp)
        return self.constant + self.per_detail * rates[0] + self.per_rate * rates[1]


UNFITTED = Fit(0, 0, 0, math.inf, 2.8)
FITS = {  # by benchmarks/fast_scale.py, on photographs that no network had seen
    "jpeg-tuned": Fit(-1.58, -0.287, 0.186, 0.588, 2.87),
    "jpeg2000": Fit(-0.101, 0.0238, -0.0119, 0.946, 1.44),  # half resolution hardly ever leads: always full
}


def guessed_lead(files: Files, full: Candidate, fit: Fit) -> float:
    return fit.lead(files.detail, files.step(full), 8 * len(full.data) / full.pixels)


def psnr_of(candidate: Candidate, trial: Trial) -> float:
    """Of luma, in dB, before it is rounded."""
    return 10 * math.log10(255**2 * candidate.pixels / max(trial.error, 1e-9))


def measured_lead(full: Candidate, half: Candidate, above: Candidate | None, passes: int) -> float:
    """By how many dB half resolution leads at the size of the full one, on the line through two of its files:
    `half`, which is no larger, and `above`, of the next quality, looked at only where it matters."""
    wide, small = full.best(passes), half.best(passes)
    lead = psnr_of(half, small) - psnr_of(full, wide)
    gap = math.log(len(wide.data) / len(small.data))
    if above is None or lead > CLEAR or lead + STEEPEST * gap < -CLEAR:
        return lead
    return psnr_at_size(half, above, len(wide.data), passes) - psnr_of(full, wide)


def psnr_at_size(low: Candidate, high: Candidate, size: int, passes: int) -> float:
    """dB at `size` bytes on the line through two files of neighbouring qualities, over log(bytes)."""
    first, second = low.best(passes), high.best(passes)
    width = math.log(len(second.data) / len(first.data))
    rise = (psnr_of(high, second) - psnr_of(low, first)) / width if width > 0 else 0.0
    return psnr_of(low, first) + max(rise, 0) * math.log(size / len(first.data))


def falls_short(files: Files, full: Candidate, half: Candidate, lead: float, passes: int) -> bool:
    """Whether half resolution, though it leads by a little at the size of `full`, lies further below the curve of
    full resolution at its own size."""
    if not 0 < lead < TIE or full.quality == 1:
        return False
    small = half.best(passes)
    return psnr_at_size(files.at(full.quality - 1, 1), full, len(small.data), passes) - psnr_of(half, small) > lead


def at_quality(files: Files, quality: int, passes: int, fast: bool, fit: Fit) -> bytes:
    """The better of full resolution at `quality` and half resolution in a file of the same size, never larger
    before feedback. fast: the guess decides, where there is one, and nothing is decoded for it."""
    full = files.at(quality, 1)
    guess, margin = guessed_lead(files, full, fit), 0 if fast and fit is not UNFITTED else fit.margin
    if guess < -margin:
        return full.file(passes)
    first = files.quality_of_step(files.step(full) / fit.finer)
    low, high = bracket(
        lambda q: math.log(len(files.at(q, 2).data)), math.log(len(full.data)), BYTES_SLOPE, first, ENCODES
    )
    if low == NONE:
        return full.file(passes)
    half, above = files.at(low, 2), files.at(high, 2) if high < ALL else None
    lead = guess
    if abs(guess) <= margin:
        lead = measured_lead(full, half, above, 0)
        if passes and abs(lead) < CLEAR:
            lead = measured_lead(full, half, above, passes)
        if falls_short(files, full, half, lead, passes):
            return full.file(passes)
    return (half if lead > 0 else full).file(passes)

"""Where half resolution stops winning, from rate-distortion points of both scales, and what mixing them is worth.

Curves are (K, 2) of (bpp, dB) for one picture; between points they run straight over log(bpp). Book: chapter 9."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from vcodec.metrics import BPP_RANGE, bd_rate, psnr_at_rate, upper_envelope


def by_scale(points: Sequence[dict], curve: str) -> dict[str, dict[int, np.ndarray]]:
    """{image: {scale: (K, 2)}} of one framework, from the points of an evaluation."""
    grouped: dict[str, dict[int, list]] = defaultdict(lambda: defaultdict(list))
    for point in points:
        if point["curve"] == curve and point["psnr"] is not None:
            grouped[point["image"]][point["scale"]].append((point["bpp"], point["psnr"]))
    return {i: {s: upper_envelope(p) for s, p in scales.items()} for i, scales in grouped.items()}


def crossovers(half: np.ndarray, full: np.ndarray) -> list[float]:
    """The rates in bpp, rising, at which the lead passes from one curve to the other."""
    leads = half_leads(half, full)
    found = []
    for (r0, lead0), (r1, lead1) in pairwise(leads):
        if (lead0 > 0) != (lead1 > 0):
            share = lead0 / (lead0 - lead1)  # both curves are straight between these two rates
            found.append(r0 * (r1 / r0) ** share)
    return found


def crossover(half: np.ndarray, full: np.ndarray) -> float | None:
    """The rate in bpp at which half resolution is overtaken for good: the last of `crossovers`.

    0 where it leads nowhere that both curves reach, infinity where it leads up to the end of that, None where they
    share no rate. Below the smallest file of full resolution there is nothing to compare."""
    leads = half_leads(half, full)
    if len(leads) < 2:
        return None
    if leads[-1][1] > 0:
        return math.inf
    return max(crossovers(half, full), default=0.0)


def half_leads(half: np.ndarray, full: np.ndarray) -> list[tuple[float, float]]:
    """(bpp, dB by which half resolution leads) at every rate of a point of either curve that both curves reach."""
    rates = np.unique(np.r_[half[:, 0], full[:, 0]]).tolist()
    pairs = [(rate, psnr_at_rate(half, rate), psnr_at_rate(full, rate)) for rate in rates]
    return [(rate, a - b) for rate, a, b in pairs if a is not None and b is not None]


def shortfall(test: np.ndarray, other: np.ndarray) -> float:
    """By how many dB the worst point of `test` lies below the curve `other`; 0 where none does."""
    values = [(psnr_at_rate(other, rate), value) for rate, value in test]
    return max([0.0, *(known - value for known, value in values if known is not None)])


def mixed_gain(scales: dict[int, np.ndarray]) -> dict[int, float | None]:
    """BD-rate in percent of the better of both scales at each rate, against each of them alone.

    All are read off at the same rates first: a smooth curve through the points of two would swing at the crossover."""
    mixed = np.array([(rate, max(v for v in reached if v is not None)) for rate, reached in on_grid(scales.values())])
    return {
        scale: bd_rate(np.array([(rate, v) for rate, (v,) in on_grid([curve])]), mixed)
        for scale, curve in scales.items()
    }


def on_grid(curves: Iterable[np.ndarray], count: int = 60) -> list[tuple[float, list[float | None]]]:
    """(rate, dB of each curve or None where it does not reach) at rates that at least one of them reaches."""
    curves = list(curves)
    rows = [(float(rate), [psnr_at_rate(c, rate) for c in curves]) for rate in np.geomspace(*BPP_RANGE, count)]
    return [(rate, reached) for rate, reached in rows if any(v is not None for v in reached)]


def crossover_table(points: Sequence[dict], curves: Sequence[str]) -> dict[str, dict[str, Any]]:
    """For each framework: crossover of every picture (see `crossover`) and their quartiles, and the mean BD-rate of
    the mixed curve against each scale, and that of every picture. `gain`: against the better single scale, better for
    all pictures together."""
    table: dict[str, dict[str, Any]] = {}
    for curve in curves:
        pictures = {i: s for i, s in by_scale(points, curve).items() if {1, 2} <= s.keys()}
        rates = {image: crossover(scales[2], scales[1]) for image, scales in pictures.items()}
        known = [rate for rate in rates.values() if rate is not None]
        gains = {image: mixed_gain(scales) for image, scales in pictures.items()}
        means = {scale: mean_of([gain[scale] for gain in gains.values()]) for scale in (1, 2)}
        table[curve] = {
            "crossover_bpp": {image: finite(rate) for image, rate in rates.items()},
            "quartiles_bpp": quartiles(known),
            "half_leads_nowhere": sum(rate == 0 for rate in known), "pictures": len(pictures),
            "against_full": means[1], "against_half": means[2],
            "gains": {"full": {i: gain[1] for i, gain in gains.items()}, "half": {i: g[2] for i, g in gains.items()}},
            "gain": max((m for m in means.values() if m is not None), default=None),
        }  # fmt: skip
    return table


def mean_of(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def quartiles(rates: Sequence[float]) -> list[float | None]:
    """Of the values themselves, none between two: the middle of a finite and an infinite one is no rate."""
    return [finite(q) for q in np.quantile(rates, (0.25, 0.5, 0.75), method="nearest")] if rates else []


def finite(rate: float | None) -> float | None:
    """JSON has no infinity: half resolution that leads as far as it goes is None there."""
    return None if rate is None or math.isinf(rate) else round(float(rate), 4)


def report(table: dict[str, dict[str, Any]]) -> str:
    """The table as text, a line for each framework."""
    lines = []
    for curve, row in table.items():
        low, middle, high = (f"{q:.3f}" if q is not None else "-" for q in row["quartiles_bpp"] or [None] * 3)
        gain = "no overlap" if row["gain"] is None else f"{row['gain']:+.1f} %"
        lines.append(f"{curve}: crossover {middle} bpp (middle half of the pictures: {low} to {high}); half resolution"
                     f" leads nowhere on {row['half_leads_nowhere']} of {row['pictures']}; mixed against the better"
                     f" single scale {gain}")  # fmt: skip
    return "\n".join(lines)

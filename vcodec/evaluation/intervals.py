"""How sure is a difference? Bootstrap intervals over pictures and runs. Book: chapter 11."""

import numpy as np


def interval(values: np.ndarray, control: np.ndarray, share: float = 0.95, draws: int = 10_000) -> tuple[float, float]:
    """Bootstrap interval of mean(values) - mean(control), paired over pictures.

    values, control: (runs, pictures) of the same pictures in the same order; the runs (seeds) of each may differ in
    number. Pictures are drawn once for both, runs for each of them. share: of the draws that lie in the interval.
    Percentile method (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13). Raises ValueError
    where the pictures differ in number."""
    if values.ndim != 2 or control.ndim != 2 or values.shape[1] != control.shape[1]:
        raise ValueError(f"values and control must be (runs, pictures), not {values.shape} and {control.shape}")
    random, pictures = np.random.default_rng(0), values.shape[1]
    drawn = random.integers(pictures, size=(draws, pictures))
    means = []
    for table in (values, control):
        runs = random.integers(len(table), size=(draws, len(table)))
        means.append(table[runs[:, :, None], drawn[:, None, :]].mean(axis=(1, 2)))
    low, high = np.quantile(means[0] - means[1], [(1 - share) / 2, (1 + share) / 2])
    return float(low), float(high)

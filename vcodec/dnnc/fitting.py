"""Where the entropy coder's integers come from: expected sizes by regression, tables by counting. Book: chapter 10.

Everything is learnt from symbols of photographs at many qualities, once, before anything is coded; what the coder
uses afterwards are whole numbers. The expected size m of a symbol s is a weighted sum with weights that are not
negative. They are chosen for the code length of a geometric law, whose variance is m (1 + m): least squares with
that in the denominator."""

from collections.abc import Callable
from functools import partial

import numpy as np
from tqdm import tqdm

from vcodec.dnnc import entropy
from vcodec.dnnc.contexts import MEAN_UNIT, Layout, Pass, Symbols, passes
from vcodec.dnnc.entropy import (
    ALPHABET,
    ANCHOR_GAP,
    ANCHORS,
    CLASSES,
    FRACTIONS,
    LEVELS,
    MODES,
    REACH,
    TOTAL,
    UNIT,
    VALUE_UNIT,
    Choice,
    ContextModel,
)
from vcodec.errors import CodecError

FEATURES = 40  # room for the features of every pass
FIRST_DEAD_ZONE = 0.35  # added before rounding down, until there are tables to weigh errors against bits
ROUNDS = 2


def fit(layout: Layout, wanted: np.ndarray, quality: np.ndarray, price: float, mode: str = "context") -> ContextModel:
    """Learn from real coefficients in units of the step, (planes, images, h, w), and the images' qualities (images,).

    price: as the encoder will use it.  mode: "static" knows plane and quality alone, "adaptive" also mean sizes of what
    was coded before, "context" every neighbour. Raises CodecError for another mode."""
    if mode not in MODES:
        raise CodecError(f"an entropy model is one of {', '.join(MODES)}, not {mode!r}")
    symbols = np.sign(wanted) * np.floor(np.abs(wanted) + FIRST_DEAD_ZONE)
    for _ in tqdm(range(ROUNDS), "fitting the entropy model", delay=1, leave=False):
        model = empty(layout)
        walk(model, symbols, partial(regress, model, quality, mode))
        model.tables = count_tables(model, symbols, quality)
        symbols = choose(model, wanted, quality, price)
    model.tables = count_tables(model, symbols, quality)
    return model


def empty(layout: Layout) -> ContextModel:
    rows, keys = layout.rows, CLASSES * LEVELS * FRACTIONS
    return ContextModel(
        layout, np.zeros((rows, FEATURES), np.int32), np.zeros((rows, ANCHORS), np.int32),
        np.zeros((rows, 8), np.int32), np.zeros((keys, ALPHABET), np.int32),
    )  # fmt: skip


def everything(layout: Layout) -> np.ndarray:
    return np.array([layout.side(group) ** 2 for group in range(layout.groups)])


def walk(model: ContextModel, values: np.ndarray, visit: Callable[[Pass, np.ndarray], None]) -> None:
    """Visit all passes of given symbols (planes, images, h, w): visit(pass, its symbols)."""
    framed = np.pad(values.astype(np.int64), ((0, 0), (0, 0), (1, 1), (1, 1))).reshape(len(values), -1)
    symbols = Symbols(model.layout, *values.shape[1:])
    for coding_pass in passes(symbols, everything(model.layout)):
        pass_values = framed[coding_pass.plane, coding_pass.positions]
        visit(coding_pass, pass_values)
        symbols.put(coding_pass, pass_values)


def choose(model: ContextModel, wanted: np.ndarray, quality: np.ndarray, price: float) -> np.ndarray:
    """The symbols that an encoder with this model would send, (planes, images, h, w)."""
    framed = np.pad(wanted, ((0, 0), (0, 0), (1, 1), (1, 1))).reshape(len(wanted), -1)
    symbols, bits = Symbols(model.layout, *wanted.shape[1:]), model.bits()

    def cheapest_residuals(coding_pass: Pass, choice: Choice) -> np.ndarray:
        target = choice.sign * (framed[coding_pass.plane, coding_pass.positions] - choice.centre)
        return entropy.cheapest(target, choice, bits, price)

    entropy.code(model, symbols, quality, everything(model.layout), cheapest_residuals)
    return symbols.inside().copy()


def regress(model: ContextModel, quality: np.ndarray, mode: str, coding_pass: Pass, values: np.ndarray) -> None:
    """Set the parameters of one pass."""
    centre: np.ndarray | int = 0
    if coding_pass.neighbours is not None and mode == "context" and coding_pass.neighbours.any():
        near = coding_pass.neighbours.astype(float)
        gram = near @ near.T
        gram += 1e-4 * np.trace(gram) * np.eye(len(gram))
        weights = np.rint(VALUE_UNIT * np.linalg.solve(gram, near @ values)).astype(np.int32)
        model.values[coding_pass.row, : len(near)] = weights
        centre = (weights @ coding_pass.neighbours + VALUE_UNIT // 2) // VALUE_UNIT
    seen = {"static": 0, "adaptive": 3 if coding_pass.total else 0, "context": len(coding_pass.features)}[mode]
    scale = np.ones(seen)
    scale[: 3 if coding_pass.total else 0] = 1 / MEAN_UNIT
    low, above = entropy.between_anchors(quality)
    tents = (
        np.eye(ANCHORS + 1)[:, low] * (1 - above / ANCHOR_GAP) + np.eye(ANCHORS + 1)[:, low + 1] * above / ANCHOR_GAP
    )
    columns = np.concatenate([scale[:, None] * coding_pass.features[:seen], tents[:ANCHORS, coding_pass.image]])
    weights = geometric_regression(columns, np.abs(values - centre).astype(float))
    model.weights[coding_pass.row, :seen] = np.rint(UNIT * scale * np.minimum(weights[:seen], 2))
    model.bias[coding_pass.row] = np.rint(UNIT * weights[seen:])


def geometric_regression(columns: np.ndarray, sizes: np.ndarray, rounds: int = 4) -> np.ndarray:
    """Weights >= 0 of the columns (K, n) for the mean of `sizes` (n,), by maximum likelihood."""
    floor = 0.002
    mean = np.full(len(sizes), sizes.mean() + floor)
    for _ in range(rounds):
        deviation = np.sqrt(mean * (1 + mean))  # of a geometric law
        scaled = columns / deviation
        gram = scaled @ scaled.T
        factor = np.linalg.cholesky(gram + (1e-5 * np.trace(gram) / len(gram) + 1e-9) * np.eye(len(gram)))
        from scipy.optimize import nnls  # slow to import, and only needed here

        weights = nnls(factor.T, np.linalg.solve(factor, scaled @ (sizes / deviation)))[0]
        mean = np.maximum(weights @ columns, floor)
    return weights


def count_tables(model: ContextModel, values: np.ndarray, quality: np.ndarray) -> np.ndarray:
    """Tables that spend the fewest bits on these symbols, (keys, ALPHABET); each sums to TOTAL, no entry is 0."""
    counts = np.zeros(model.tables.shape)

    def visit(coding_pass: Pass, pass_values: np.ndarray) -> None:
        choice = model.choose(coding_pass, quality)
        entry, _ = entropy.split(choice.sign * (pass_values - choice.centre), choice.shift)
        np.add.at(counts, (choice.key, entry), 1)
        if coding_pass.neighbours is None:  # plus and minus are as likely
            mirrored = np.where(entry == entropy.ESCAPE, entry, 2 * REACH - entry)
            np.add.at(counts, (choice.key, mirrored), 1)

    walk(model, values, visit)
    return np.stack(
        [integer_table(counted, expected) for counted, expected in zip(counts, expected_tables(), strict=True)]
    )


def expected_tables() -> np.ndarray:
    """What a table holds before anything was counted, (keys, ALPHABET): a two-sided geometric law."""
    mean = np.repeat(np.maximum(entropy.EXPECTED * 1.15 / (1 << entropy.SHIFTS), 1e-3), FRACTIONS)
    ratio = mean / (1 + np.sqrt(1 + mean**2))  # of a two-sided geometric law with this mean size
    tables = ratio[:, None] ** np.abs(np.arange(-REACH, REACH + 1))
    return np.tile(np.c_[tables / tables.sum(1, keepdims=True), 1e-4 + 0 * mean], (CLASSES, 1))


def integer_table(counts: np.ndarray, expected: np.ndarray, trust: float = 50.0) -> np.ndarray:
    """Frequencies of at least 1 that add up to TOTAL: the counts, and `trust` more that follow the expectation."""
    share = counts + trust * expected
    frequencies = np.maximum(1, np.floor(share / share.sum() * (TOTAL - ALPHABET))).astype(np.int64)
    frequencies[frequencies.argmax()] += TOTAL - frequencies.sum()
    return frequencies

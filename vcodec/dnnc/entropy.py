"""The entropy coder of the deep codec: integer tables chosen by integer contexts, and constriction's range coder.

A pass of symbols (`contexts`) is coded like this. What is known around a symbol gives its expected size, as a
weighted sum of whole numbers; that sum picks one of `LEVELS` tables of frequencies, which add up to 2**16. Where
values are predicted, the table also depends on how far the prediction lies from a whole number. Rare values leave
the tables by an escape, so that every number of 16 bits can be coded. A file decodes to the same symbols everywhere.
Book: chapters 5 and 10."""

from collections.abc import Callable
from dataclasses import dataclass

import constriction
import numpy as np

from vcodec.dnnc.contexts import Layout, Pass, Symbols, passes
from vcodec.errors import CodecError

TOTAL = 1 << 16  # the frequencies of a table add up to this
REACH = 15  # a table holds the values from -REACH to REACH, and the escape
ESCAPE, ALPHABET = 2 * REACH + 1, 2 * REACH + 2
UNIT = 1 << 13  # expected sizes are counted in 1/8192
VALUE_UNIT = 1 << 10  # predicted values in 1/1024
THRESHOLDS = np.floor(UNIT * 0.003 * 2 ** (np.arange(1, 38) / 2.5)).astype(np.int32)
LEVELS = len(THRESHOLDS) + 1
EXPECTED = np.r_[0.003, THRESHOLDS / UNIT]  # the size from which a level begins
SHIFTS = np.maximum(0, np.ceil(np.log2(EXPECTED / 3))).astype(np.int64)  # low bits that are sent as they are
FRACTIONS = 3  # a prediction lies below 1/6, below 1/3 or further from the nearest whole number
CLASSES = 5  # tables for predicted planes, low, middle and high frequencies of luma, and chroma
ANCHORS, ANCHOR_GAP = 12, 9  # qualities 1, 10, ... 100 have a size that is expected where nothing is known around
MODES = ("static", "adaptive", "context")
SLACK = 128  # bits: a stream is shorter than its symbols' ideal code lengths by less than two words, 64

stream, model = constriction.stream, constriction.stream.model


def between_anchors(quality: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The anchor at or below each quality, and how far above it that lies, 0 to 8."""
    return np.divmod(np.asarray(quality) - 1, ANCHOR_GAP)


@dataclass
class Choice:
    """What a pass is coded with: a table for each symbol, and what to subtract from it."""

    key: np.ndarray  # (n,), index of a table
    shift: np.ndarray  # (n,), low bits
    centre: np.ndarray | int  # (n,), predicted value
    sign: np.ndarray | int  # (n,), -1 where the prediction lies below its whole number: tables are mirrored there


@dataclass
class ContextModel:
    """Integer parameters of the contexts, and the tables. Made by `fitting.fit`, kept in the weight file.

    weights (rows, K): of each feature, for the expected size in 1/8192.  bias (rows, ANCHORS): added to that, at some
    qualities.  values (rows, 8): of the neighbours, for the predicted value in 1/1024.  All int32.
    tables (keys, ALPHABET)."""

    layout: Layout
    weights: np.ndarray
    bias: np.ndarray
    values: np.ndarray
    tables: np.ndarray

    def choose(self, coding_pass: Pass, quality: np.ndarray) -> Choice:
        """quality: of each image, (images,)."""
        low, above = between_anchors(quality)
        ends = self.bias[coding_pass.row, low], self.bias[coding_pass.row, np.minimum(low + 1, ANCHORS - 1)]
        bias = (ends[0] * (ANCHOR_GAP - above) + ends[1] * above) // ANCHOR_GAP
        size = np.einsum("k,kn->n", self.weights[coding_pass.row, : len(coding_pass.features)], coding_pass.features)
        level = np.searchsorted(THRESHOLDS, size + bias.astype(np.int32)[coding_pass.image], side="right")
        key = (class_of(coding_pass) * LEVELS + level) * FRACTIONS
        if coding_pass.neighbours is None:
            return Choice(key, SHIFTS[level], 0, 1)
        value = self.values[coding_pass.row, : len(coding_pass.neighbours)] @ coding_pass.neighbours
        centre = (value + VALUE_UNIT // 2) // VALUE_UNIT
        rest = value - centre * VALUE_UNIT
        fraction = np.minimum(np.abs(rest) * 2 * FRACTIONS // VALUE_UNIT, FRACTIONS - 1)
        return Choice(key + fraction, SHIFTS[level], centre, np.where(rest < 0, -1, 1))

    def bits(self) -> np.ndarray:
        """Ideal code length of every entry of the tables, (keys, ALPHABET). No decoded symbol depends on it."""
        return -np.log2(self.tables / TOTAL)


def class_of(coding_pass: Pass) -> int:
    if not coding_pass.total:
        return 0
    return CLASSES - 1 if coding_pass.group else 1 + (coding_pass.total > 4) + (coding_pass.total > 11)


def split(residual: np.ndarray, shift: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Entries of a table, and what an escape must add: residuals without their low bits."""
    high = residual >> shift
    return np.where(np.abs(high) <= REACH, high + REACH, ESCAPE), high


def escape_bits(high: np.ndarray) -> np.ndarray:
    """Bits of the numbers behind an escape: 5 for the length, then the number itself (Elias and Golomb's idea)."""
    return 5 + np.frexp(zigzag(high))[1].astype(np.int64)


def zigzag(high: np.ndarray) -> np.ndarray:
    """Whole numbers beyond REACH -> 1, 2, 3, ...: magnitude and sign in one number."""
    return 2 * (np.abs(high) - REACH) - (high > 0)


def unzigzag(number: np.ndarray) -> np.ndarray:
    return np.where(number % 2, 1, -1) * ((number + 1) // 2 + REACH)


class Tables:
    """Tables as the range coder wants them, each made when it is first used."""

    def __init__(self, frequencies: np.ndarray):
        self.frequencies, self.made = frequencies, [None] * len(frequencies)

    def __getitem__(self, key: int):
        if self.made[key] is None:  # frequencies / 2**16 are exact as floats, and so is what the coder makes of them
            self.made[key] = model.Categorical(self.frequencies[key] / TOTAL, perfect=False)
        return self.made[key]


def grouped(key: np.ndarray) -> list[tuple[int, np.ndarray]]:
    """(key, where it stands) for each key that occurs, in rising order."""
    order = np.argsort(key.astype(np.int16), kind="stable")
    counts = np.bincount(key)
    found = np.flatnonzero(counts)
    ends = np.cumsum(counts[found])
    return [(int(k), order[end - n : end]) for k, n, end in zip(found, counts[found], ends, strict=True)]


class Encoder:
    """Symbols into a stream of 32-bit words."""

    def __init__(self, tables: Tables):
        self.tables, self.coder = tables, stream.queue.RangeEncoder()

    def put(self, choice: Choice, residual: np.ndarray) -> None:
        """Residuals of one pass, mirrored where the choice says so."""
        entry, high = split(residual, choice.shift)
        entry = entry.astype(np.int32)
        for key, where in grouped(choice.key):
            self.coder.encode(entry[where], self.tables[key])
        self._numbers(zigzag(high[entry == ESCAPE]))
        low = residual & ((1 << choice.shift) - 1)
        for shift, where in grouped(choice.shift) if choice.shift.any() else ():
            if shift:
                self.coder.encode(low[where].astype(np.int32), model.Uniform(1 << shift))

    def _numbers(self, numbers: np.ndarray) -> None:
        length = np.frexp(numbers)[1].astype(np.int32)
        if len(numbers):
            self.coder.encode(length, model.Uniform(32))
        for number, bits in zip(numbers.tolist(), length.tolist(), strict=True):
            for part in range(0, bits, 15):
                self.coder.encode(number >> part & 0x7FFF, model.Uniform(1 << min(15, bits - part)))

    def finish(self) -> bytes:
        return self.coder.get_compressed().astype("<u4").tobytes()


class Decoder:
    """The same symbols out of the stream. Raises CodecError where no symbols could have made it, and where the stream
    ends before the symbols do: the range coder itself would go on with zeros."""

    def __init__(self, tables: Tables, data: bytes):
        if len(data) % 4:
            raise CodecError("the coded data is cut off")
        self.bits, self.left = -np.log2(tables.frequencies / TOTAL), 8 * len(data) + SLACK
        self.tables, self.coder = tables, stream.queue.RangeDecoder(np.frombuffer(data, "<u4").astype(np.uint32))

    def get(self, choice: Choice) -> np.ndarray:
        try:
            return self._get(choice)
        except AssertionError:  # constriction's word for a stream that it cannot have written
            raise CodecError("the coded data is damaged") from None

    def _get(self, choice: Choice) -> np.ndarray:
        entry = np.empty(len(choice.key), np.int64)
        for key, where in grouped(choice.key):
            entry[where] = self.coder.decode(self.tables[key], len(where))
        self.left -= self.bits[choice.key, entry].sum() + choice.shift.sum()
        if self.left < 0:
            raise CodecError("the coded data ends too early")
        high = entry - REACH
        escaped = np.flatnonzero(entry == ESCAPE)
        high[escaped] = unzigzag(self._numbers(len(escaped)))
        residual = high << choice.shift
        for shift, where in grouped(choice.shift) if choice.shift.any() else ():
            if shift:
                residual[where] += self.coder.decode(model.Uniform(1 << shift), len(where))
        return residual

    def _numbers(self, count: int) -> np.ndarray:
        lengths = self.coder.decode(model.Uniform(32), count).tolist() if count else []
        numbers = np.zeros(count, np.int64)
        for i, bits in enumerate(lengths):
            for part in range(0, bits, 15):
                size = 1 << 15 if bits - part > 15 else 1 << bits - part
                numbers[i] += int(self.coder.decode(model.Uniform(size))) << part
        return numbers


def code(
    contexts: ContextModel, symbols: Symbols, quality: np.ndarray, used: np.ndarray,
    residuals_of: Callable[[Pass, Choice], np.ndarray],
) -> None:  # fmt: skip
    """Visit all passes; `residuals_of` gives the residuals of each: it encodes, decodes, or only counts."""
    for coding_pass in passes(symbols, used):
        choice = contexts.choose(coding_pass, quality)
        symbols.put(coding_pass, choice.centre + choice.sign * residuals_of(coding_pass, choice))


def encode(contexts: ContextModel, wanted: np.ndarray, quality: int, price: float = 0.0) -> tuple[bytes, np.ndarray]:
    """Real coefficients in units of the step, (planes, h, w) -> the stream, and the symbols it holds, int16.

    price: squared error, in steps, that a bit must save; the encoder weighs each value against the one nearer to
    its prediction (0: rounds to the nearest)."""
    planes, height, width = wanted.shape
    symbols = Symbols(contexts.layout, 1, height, width)
    framed = np.pad(wanted, ((0, 0), (1, 1), (1, 1))).reshape(planes, -1)
    used = planes_used(contexts.layout, wanted)
    coder, bits = Encoder(Tables(contexts.tables)), contexts.bits()

    def encode_pass(coding_pass: Pass, choice: Choice) -> np.ndarray:
        target = choice.sign * (framed[coding_pass.plane, coding_pass.positions] - choice.centre)
        residual = cheapest(target, choice, bits, price) if price else np.rint(target).astype(np.int64)
        coder.put(choice, residual)
        return residual

    code(contexts, symbols, np.array([quality]), used, encode_pass)
    return used.astype("<u2").tobytes() + coder.finish(), symbols.inside()[:, 0]


def decode(contexts: ContextModel, data: bytes, quality: int, height: int, width: int) -> np.ndarray:
    """The symbols in a stream, int16 (planes, h, w). Raises CodecError on damaged data."""
    layout, begin = contexts.layout, 2 * contexts.layout.groups
    if len(data) < begin:
        raise CodecError("the coded data is cut off")
    used = np.frombuffer(data[:begin], "<u2").astype(int)
    if any(u > layout.side(group) ** 2 for group, u in enumerate(used)):
        raise CodecError("the coded data is damaged")
    if used.sum() * height * width * contexts.bits().min() > 8 * (len(data) - begin) + SLACK:
        raise CodecError(f"the file claims more symbols than its {len(data)} bytes of coded data can hold")
    coder = Decoder(Tables(contexts.tables), data[begin:])
    symbols = Symbols(contexts.layout, 1, height, width)
    code(contexts, symbols, np.array([quality]), used, lambda coding_pass, choice: coder.get(choice))
    return symbols.inside()[:, 0]


def planes_used(layout: Layout, wanted: np.ndarray) -> np.ndarray:
    """How many planes of each group, in coding order, hold anything but zeros, (groups,)."""
    busy = np.abs(wanted).reshape(len(wanted), -1).max(1) > 0.5
    return np.array([1 + max(np.flatnonzero(busy[layout.order(g)]), default=-1) for g in range(layout.groups)])


def cheapest(target: np.ndarray, choice: Choice, bits: np.ndarray, price: float) -> np.ndarray:
    """For each real number the whole number of least (squared error + price * bits): the nearest or the one below."""
    chosen = np.rint(target).astype(np.int64)
    alive = np.flatnonzero(chosen)
    target, key, shift = target[alive], choice.key[alive], choice.shift[alive]
    near = chosen[alive]
    below = near - np.sign(near)
    costs = [(target - r) ** 2 + price * code_length(r, key, shift, bits) for r in (near, below)]
    chosen[alive] = np.where(costs[1] < costs[0], below, near)
    return chosen


def code_length(residual: np.ndarray, key: np.ndarray, shift: np.ndarray, bits: np.ndarray) -> np.ndarray:
    """Ideal bits of each residual, coded with the tables `key` and `shift` low bits."""
    entry, high = split(residual, shift)
    length = bits[key, entry] + shift
    escaped = np.flatnonzero(entry == ESCAPE)
    length[escaped] += escape_bits(high[escaped])
    return length

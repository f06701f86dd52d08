"""The arithmetic coder, step by step: each symbol narrows an interval, and whatever bits are certain are sent.

All is exact: probabilities are counts over a total, intervals are rationals (here `Fraction`, on the page BigInt).
Rissanen and Langdon 1979, https://doi.org/10.1147/rd.232.0149. Book: chapter 5."""

import math
from collections.abc import Sequence
from fractions import Fraction
from itertools import accumulate
from typing import Any

import numpy as np
import traitlets

from vcodec.errors import CodecError
from vcodec.widgets.figure import Figure, script, side_by_side, style

LONGEST = 20  # symbols of a message
COUNTS = range(1, 100)  # a symbol of count 0 would have an interval without width, which no bits can say
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7")  # of the symbols, from the palette of vcodec.evaluation.figures


def interval(message: str, alphabet: Sequence[str], counts: Sequence[int]) -> tuple[Fraction, Fraction]:
    """Low and high end of the message's interval, 0 <= low < high <= 1; the high end is not part of it."""
    starts, total = [0, *accumulate(counts)], sum(counts)
    low, width = Fraction(0), Fraction(1)
    for i in map(list(alphabet).index, message):
        low, width = low + width * Fraction(starts[i], total), width * Fraction(counts[i], total)
    return low, low + width


def settled_bits(low: Fraction, high: Fraction) -> str:
    """The bits with which every number of the interval begins: they can be sent before the message is complete."""
    bits = ""
    while high <= Fraction(1, 2) or low >= Fraction(1, 2):
        bit = int(low >= Fraction(1, 2))
        low, high, bits = 2 * low - bit, 2 * high - bit, bits + str(bit)
    return bits


def final_bits(low: Fraction, high: Fraction) -> str:
    """The fewest bits that say a number of the interval whatever follows them."""
    length = 0
    while (math.ceil(low * 2**length) + 1) > high * 2**length:
        length += 1
    return f"{math.ceil(low * 2**length):0{length}b}" if length else ""


def decode(bits: str, alphabet: Sequence[str], counts: Sequence[int], length: int, finished: bool = True) -> str:
    """Up to `length` symbols. finished: no more bits will come, so the number is known; else only the symbols that
    are certain whatever bits follow."""
    low = Fraction(int(bits or "0", 2), 2 ** len(bits))
    high = low if finished else low + Fraction(1, 2 ** len(bits))
    starts, total, symbols = [0, *accumulate(counts)], sum(counts), ""
    while len(symbols) < length:
        i = next(i for i, end in enumerate(starts[1:]) if low * total < end)
        if high * total > starts[i + 1]:
            break
        low, high = ((end * total - starts[i]) / counts[i] for end in (low, high))
        symbols += alphabet[i]
    return symbols


class ArithmeticCoderExplorer(Figure):
    """A short message, one symbol after the other; change a probability in the decoder and watch it die.

    State that a kernel can read and set: message (1 to 20 symbols of the alphabet), counts and decoder_counts
    (of each symbol, 1 to 99: its probability is its count over their sum), position (symbols coded so far).
    alphabet: 2 to 4 different characters. The decoder is told how many symbols there are.
    Raises CodecError for what does not fit."""

    _esm = script("arithmetic_coder")
    _css = style("arithmetic_coder")

    alphabet = traitlets.List(traitlets.Unicode(), minlen=2, maxlen=4).tag(sync=True)
    colours = traitlets.List(traitlets.Unicode()).tag(sync=True)
    longest = traitlets.Int(LONGEST).tag(sync=True)
    counts = traitlets.List(traitlets.Int()).tag(sync=True)
    decoder_counts = traitlets.List(traitlets.Int()).tag(sync=True)
    message = traitlets.Unicode().tag(sync=True)
    position = traitlets.Int(0, min=0).tag(sync=True)

    def __init__(
        self, message: str = "ABACADAB", counts: Sequence[int] = (4, 2, 1, 1), alphabet: str = "", **state: Any
    ):
        symbols = list(alphabet or "ABCD"[: len(counts)])
        if not 2 <= len(symbols) == len(set(symbols)) == len(counts) <= 4:
            raise CodecError(f"need 2 to 4 different symbols and a count for each, not {symbols} and {list(counts)}")
        start = {"alphabet": symbols, "counts": list(counts), "decoder_counts": list(counts), "message": message}
        super().__init__(colours=list(COLOURS[: len(symbols)]), **{**start, **state})

    @traitlets.validate("message", "counts", "decoder_counts")
    def _fits(self, proposal: Any) -> Any:
        name, value = proposal.trait.name, proposal.value
        if name == "message" and not (1 <= len(value) <= LONGEST and set(value) <= set(self.alphabet)):
            raise CodecError(f"a message is 1 to {LONGEST} of the symbols {''.join(self.alphabet)}, not {value!r}")
        if name != "message" and len(value) != len(self.alphabet):
            raise CodecError(f"{name} needs {len(self.alphabet)} numbers, not {value}")
        if name != "message" and not set(value) <= set(COUNTS):
            raise CodecError(f"a count is a whole number from {COUNTS[0]} to {COUNTS[-1]}, not as in {value}")
        return value

    def sent(self) -> str:
        """The bits that have left the encoder after `position` symbols; with the last symbol the end is added."""
        bits = final_bits if self.position >= len(self.message) else settled_bits
        return bits(*interval(self.message[: self.position], self.alphabet, self.counts))

    def received(self) -> str:
        """What the decoder makes of them with its own counts."""
        finished = self.position >= len(self.message)
        return decode(self.sent(), self.alphabet, self.decoder_counts, len(self.message), finished)

    def information(self) -> float:
        """Bits that the symbols so far are worth: the sum of -log2 of their probabilities."""
        known = dict(zip(self.alphabet, self.counts, strict=True))
        return sum(math.log2(sum(self.counts) / known[symbol]) for symbol in self.message[: self.position])

    def __repr__(self) -> str:
        low, high = interval(self.message[: self.position], self.alphabet, self.counts)
        odds = ", ".join(f"{s} {c}" for s, c in zip(self.alphabet, self.counts, strict=True))
        return (
            f"ArithmeticCoderExplorer({self.message!r}, counts {odds}: {self.position} of {len(self.message)} symbols,"
            f" [{low}, {high}), {self.information():.2f} bits of information, sent {self.sent()!r},"
            f" decoded {self.received()!r})"
        )

    def poster(self) -> np.ndarray:
        """The intervals of the whole message from top to bottom, each stretched over the width."""
        width, starts = 480, np.cumsum([0, *self.counts]) / sum(self.counts)
        rows = []
        for symbol in self.message:
            row = np.full((18, width, 3), 255, np.uint8)
            for i, colour in enumerate(self.colours):
                left, right = (round(width * share) for share in starts[i : i + 2])
                rgb = np.array([int(colour[k : k + 2], 16) for k in (1, 3, 5)])
                paler = 0 if self.alphabet[i] == symbol else 0.7
                row[2:, left : right - 1] = rgb + paler * (255 - rgb)
            rows.append(row)
        whole = interval(self.message, self.alphabet, self.counts)
        return side_by_side(
            [np.concatenate(rows)],
            f"{self.message}: each row is the chosen part of the row above\n"
            f"interval [{float(whole[0]):.6f}, {float(whole[1]):.6f}), code {final_bits(*whole)}",
        )

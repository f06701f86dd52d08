"""The arithmetic coder's exact functions: what is sent is enough, not a bit too much, and decodes to the message."""

import itertools
import math
import random
from fractions import Fraction

import pytest

from vcodec.errors import CodecError
from vcodec.widgets import ArithmeticCoderExplorer
from vcodec.widgets.arithmetic_coder import decode, final_bits, interval, settled_bits


def messages(count: int):
    """Random messages with random counts of 2 to 4 symbols."""
    dice = random.Random(0)
    for _ in range(count):
        counts = [dice.randint(1, 99) for _ in range(dice.randint(2, 4))]
        alphabet = "ABCD"[: len(counts)]
        yield "".join(dice.choices(alphabet, counts, k=dice.randint(1, 20))), alphabet, counts


def test_an_interval_worked_out_by_hand():
    assert interval("BA", "ABC", (2, 1, 1)) == (Fraction(1, 2), Fraction(5, 8))
    assert settled_bits(Fraction(1, 2), Fraction(5, 8)) == final_bits(Fraction(1, 2), Fraction(5, 8)) == "100"


def test_messages_come_back_and_cost_less_than_two_bits_more_than_they_are_worth():
    for message, alphabet, counts in messages(200):
        low, high = interval(message, alphabet, counts)
        bits = final_bits(low, high)
        assert decode(bits, alphabet, counts, len(message)) == message
        assert len(bits) < 2 - math.log2(high - low)


def test_no_shorter_bits_would_do():
    for message, alphabet, counts in itertools.islice(messages(200), 20):
        low, high = interval(message, alphabet, counts)
        length = len(final_bits(low, high)) - 1
        number = math.ceil(low * 2**length) if length >= 0 else 0
        assert length < 0 or Fraction(number + 1, 2**length) > high


def test_settled_bits_only_grow_and_begin_the_final_ones():
    for message, alphabet, counts in messages(50):
        sent = [settled_bits(*interval(message[:n], alphabet, counts)) for n in range(len(message) + 1)]
        whole = final_bits(*interval(message, alphabet, counts))
        assert all(later.startswith(earlier) for earlier, later in itertools.pairwise([*sent, whole]))


def test_before_the_end_the_decoder_knows_only_what_is_certain():
    for message, alphabet, counts in messages(50):
        for n in range(len(message)):
            known = decode(
                settled_bits(*interval(message[:n], alphabet, counts)), alphabet, counts, len(message), False
            )
            assert message[:n].startswith(known)


def test_one_wrong_probability_kills_the_decoder():
    figure = ArithmeticCoderExplorer(position=8, decoder_counts=[3, 3, 1, 1])
    assert figure.received() != figure.message
    figure.decoder_counts = figure.counts
    assert figure.received() == figure.message == "ABACADAB"


def test_repr_has_the_exact_interval():
    text = repr(ArithmeticCoderExplorer("AB", (1, 3), position=2))
    assert "[1/16, 1/4)" in text and "2.42 bits" in text and "'001'" in text


@pytest.mark.parametrize(
    "bad",
    [
        {"message": ""}, {"message": "A" * 21}, {"message": "AX"}, {"counts": (1,)}, {"counts": (1, 2, 3, 4, 5)},
        {"counts": (1, 2), "alphabet": "AA"}, {"decoder_counts": [1, 2]},
    ],
    ids=str,
)  # fmt: skip
def test_what_does_not_fit_is_refused(bad):
    with pytest.raises(CodecError):
        ArithmeticCoderExplorer(**bad)


def test_poster_has_a_row_for_each_symbol():
    assert ArithmeticCoderExplorer("ABAC").poster().shape[0] == 4 * 18 + 34

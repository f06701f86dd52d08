"""The readable arithmetic coder: exact, short, and never wrong about where its stream ends."""

import math
from itertools import accumulate
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from vcodec.dnnc import arithmetic
from vcodec.dnnc.arithmetic import Decoder, Encoder
from vcodec.errors import CodecError

quick = settings(deadline=None, max_examples=60)
Message = list[tuple[int, list[int]]]  # symbols with their tables


def encode(message: Message) -> bytes:
    encoder = Encoder()
    for symbol, table in message:
        encoder.encode(symbol, table)
    return encoder.finish()


def decode(data: bytes, message: Message) -> tuple[list[int], int]:
    """The symbols that `data` holds under the tables of `message`, and how many bytes were read."""
    decoder = Decoder(data)
    return [decoder.decode(table) for _, table in message], decoder.position


def ideal_bits(message: Message) -> float:
    return sum(math.log2(table[-1]) - math.log2(table[symbol + 1] - table[symbol]) for symbol, table in message)


@st.composite
def messages(draw, size: int = 40) -> Message:
    """A new table for every symbol, some frequencies zero, some symbols certain, totals up to 2**24."""
    message = []
    for _ in range(draw(st.integers(0, size))):
        frequencies = draw(st.lists(st.one_of(st.integers(0, 3), st.integers(0, 1 << 20)), min_size=1, max_size=15))
        frequencies[draw(st.integers(0, len(frequencies) - 1))] += 1
        possible = [symbol for symbol, frequency in enumerate(frequencies) if frequency]
        message.append((draw(st.sampled_from(possible)), [0, *accumulate(frequencies)]))
    return message


def test_bytes_of_a_message_worked_out_by_hand():
    """1, 0, 2 with probabilities 1/2, 1/4, 1/4: [1/2, 3/4), [1/2, 5/8), [19/32, 5/8). Of the bytes 0x98 to 0x9f,
    the first covers [19/32, 153/256), all within."""
    table = [0, 2, 3, 4]
    assert encode([(1, table), (0, table), (2, table)]) == bytes([0x98])


def test_bytes_of_a_longer_message():
    """The stream is a format: files of today must decode tomorrow."""
    table = [0, *accumulate([60, 25, 10, 4, 1])]
    message = [(i * i % 7 % 5, table) for i in range(40)]
    assert encode(message).hex() == "8289f35a9687035cbe340faa36c811e27f48"


@quick
@given(messages())
@example([])
@example([(0, [0, 1])] * 3)
@example([(0, [0, 1, 1 << 24])] * 3)
@example([(1, [0, 1, 1 << 24])] * 3)
def test_round_trip_costs_what_the_probabilities_ask_for(message):
    data = encode(message)
    assert decode(data, message) == ([symbol for symbol, _ in message], len(data))
    assert len(data) <= ideal_bits(message) / 8 * 1.001 + 2


@quick
@given(messages(), st.data())
def test_every_truncated_stream_is_noticed(message, data):
    stream = encode(message)
    if stream:
        with pytest.raises(CodecError, match="ends too early"):
            decode(stream[: data.draw(st.integers(0, len(stream) - 1))], message)


@quick
@given(messages(), st.binary(max_size=12))
def test_the_decoder_ends_where_the_stream_ends(message, following):
    stream = encode(message)
    assert decode(stream + following, message) == ([symbol for symbol, _ in message], len(stream))


@quick
@given(messages(), st.binary(max_size=60))
def test_any_bytes_decode_to_possible_symbols_or_to_an_error(message, data):
    try:
        symbols, position = decode(data, message)
    except CodecError:
        return
    again = [(symbol, table) for symbol, (_, table) in zip(symbols, message, strict=True)]
    assert all(table[symbol] < table[symbol + 1] for symbol, table in again)
    assert len(encode(again)) <= position  # the encoder's choice among the streams of a message is the shortest


@settings(deadline=None, max_examples=5)
@given(st.integers(0, 2**32), st.sampled_from([0.5, 0.9, 0.999, 1 - 2**-20]))
def test_long_messages_are_within_a_thousandth_of_the_ideal(seed, probability):
    """Also where a symbol costs a millionth of a bit: the width is far finer than the frequencies."""
    frequent = round(probability * (1 << 24))
    rare = max(1, round(3000 * (1 - probability)))
    message = [(int((i + seed) % 3000 < rare), [0, frequent, 1 << 24]) for i in range(3000)]
    data = encode(message)
    assert abs(len(data) - ideal_bits(message) / 8) <= ideal_bits(message) / 8000 + 2
    assert decode(data, message)[0] == [symbol for symbol, _ in message]


def test_a_carry_runs_through_many_bytes():
    """Middle thirds close in on 1/2 = 0.0111... = 0.1000... from both sides; then an upper third decides."""
    thirds, encoder = [0, 1, 2, 3], Encoder()
    for _ in range(30):
        encoder.encode(1, thirds)
    assert encoder.low.to_bytes(encoder.length)[:5] == b"\x7f\xff\xff\xff\xff"
    encoder.encode(2, thirds)
    assert encoder.finish()[:5] == b"\x80\x00\x00\x00\x00"
    assert decode(encoder.finish(), [(1, thirds)] * 30 + [(2, thirds)])[0] == [1] * 30 + [2]


@pytest.mark.parametrize("symbol", [-1, 1, 3, 99])
def test_a_symbol_without_frequency_is_refused(symbol):
    with pytest.raises(CodecError, match=f"symbol {symbol} has no frequency"):
        Encoder().encode(symbol, [0, 2, 2, 5])


def test_it_is_as_short_as_the_book_says():
    assert len(Path(arithmetic.__file__).read_text(encoding="utf-8").splitlines()) <= 60

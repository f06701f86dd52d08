"""Does the coder of the deep codec lose nothing, spend what its tables promise, and know only what it may know?"""

import contextlib
import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vcodec.dnnc import entropy, fitting
from vcodec.dnnc.contexts import LARGEST_SYMBOL, Layout, Symbols, passes
from vcodec.dnnc.entropy import ALPHABET, LEVELS, REACH, TOTAL
from vcodec.errors import CodecError

FIXED = (6782, "282e42194adb6ca8")  # bytes, and the first half of their SHA-256
LAYOUTS = [Layout(4), Layout(6), Layout(4, "feature")]
LAYOUT = pytest.mark.parametrize("layout", LAYOUTS, ids=["gray", "colour", "feature"])


def random_symbols(layout: Layout, height: int, width: int, seed: int = 0) -> np.ndarray:
    """Numbers that are small in most planes and large in the first, like those of photographs."""
    random = np.random.default_rng(seed)
    scale = 8 / (1 + np.arange(layout.planes)) if layout.space == "dct" else np.full(layout.planes, 3)
    return np.rint(random.laplace(size=(layout.planes, height, width)) * scale[:, None, None])


@pytest.fixture(scope="module", params=range(3), ids=["gray", "colour", "feature"])
def fitted(request) -> entropy.ContextModel:
    layout = LAYOUTS[request.param]
    wanted = np.stack([random_symbols(layout, 6, 7, seed) for seed in range(6)], 1)
    return fitting.fit(layout, wanted, np.array([1, 20, 40, 60, 80, 100]), price=0.1)


@LAYOUT
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (5, 7), (17, 33)])
def test_every_symbol_is_visited_once(layout, size):
    symbols = Symbols(layout, 2, *size)
    count = np.zeros(symbols.signed.shape, int)
    for spot in passes(symbols, fitting.everything(layout)):
        count[spot.plane].reshape(-1)[spot.positions] += 1
        symbols.put(spot, np.zeros(len(spot.positions), int))
    assert (count[:, :, 1:-1, 1:-1] == 1).all() and count.sum() == 2 * layout.planes * size[0] * size[1]


@LAYOUT
def test_a_context_depends_on_nothing_that_is_not_decoded_yet(layout):
    """Two sets of symbols that agree up to some pass: every context up to that pass must agree too."""
    one = random_symbols(layout, 9, 10)[:, None].astype(int)
    for last in (3, 20, 11 * 2):
        states = Symbols(layout, 1, 9, 10), Symbols(layout, 1, 9, 10)
        runs = [passes(state, fitting.everything(layout)) for state in states]
        framed = np.pad(one, ((0, 0), (0, 0), (1, 1), (1, 1))).reshape(layout.planes, -1)
        for number, (a, b) in enumerate(zip(*runs, strict=True)):
            if number > last:
                break
            assert np.array_equal(a.features, b.features) and np.array_equal(a.positions, b.positions)
            assert (a.neighbours is None) == (b.neighbours is None)
            assert a.neighbours is None or np.array_equal(a.neighbours, b.neighbours)
            for state, spot, change in ((states[0], a, 0), (states[1], b, 5 * (number == last))):
                state.put(spot, framed[spot.plane, spot.positions] + change)


@pytest.mark.slow
def test_symbols_come_back_and_the_stream_is_as_long_as_the_tables_say(fitted):
    layout = fitted.layout
    for quality, seed in ((3, 7), (50, 8), (97, 9)):
        wanted = random_symbols(layout, 20, 23, seed)
        data, sent = entropy.encode(fitted, wanted, quality)
        assert np.array_equal(sent, wanted)
        assert np.array_equal(entropy.decode(fitted, data, quality, 20, 23), wanted)
        framed = np.pad(wanted, ((0, 0), (1, 1), (1, 1))).reshape(layout.planes, -1).astype(int)
        ideal, table = [], fitted.bits()

        def count(spot, choice, framed=framed, ideal=ideal, table=table):
            residual = choice.sign * (framed[spot.plane, spot.positions] - choice.centre)
            ideal.append(entropy.code_length(residual, choice.key, choice.shift, table).sum())
            return residual

        used = entropy.planes_used(layout, wanted)
        entropy.code(fitted, Symbols(layout, 1, 20, 23), np.array([quality]), used, count)
        header = 16 * layout.groups
        assert sum(ideal) + header - 1 < 8 * len(data) < 1.001 * sum(ideal) + header + 64


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(-LARGEST_SYMBOL, LARGEST_SYMBOL), min_size=4, max_size=4), st.integers(1, 100))
def test_every_number_of_16_bits_can_be_coded(values, quality):
    model = uniform()
    wanted = np.array(values, float).reshape(4, 1, 1)
    data, _ = entropy.encode(model, wanted, quality)
    assert np.array_equal(entropy.decode(model, data, quality, 1, 1), wanted)


def uniform() -> entropy.ContextModel:
    """Of feature space, with tables in which all values are as likely."""
    model = fitting.empty(Layout(4, "feature"))
    model.tables = np.full(model.tables.shape, TOTAL // ALPHABET, np.int32)
    return model


@pytest.mark.parametrize("value", [LARGEST_SYMBOL + 1, -LARGEST_SYMBOL - 1, 1 << 24])
def test_a_larger_symbol_is_refused_at_both_ends(value, monkeypatch):
    wanted = np.full((4, 1, 1), value, float)
    with pytest.raises(CodecError, match="larger than 32767"):
        entropy.encode(uniform(), wanted, 50)
    with monkeypatch.context() as patch:
        patch.setattr(Symbols, "put", lambda *_: None)
        data, _ = entropy.encode(uniform(), wanted, 50)
    with pytest.raises(CodecError, match="larger than 32767"):
        entropy.decode(uniform(), data, 50, 1, 1)


def test_the_bytes_of_a_fixed_message_never_change():
    """Files of earlier versions must stay readable: this digest may change only together with the file's version."""
    model = fitting.empty(Layout(4))
    model.bias[:] = np.arange(model.bias.size).reshape(model.bias.shape) % 5000
    model.weights[:] = 700
    model.values[:] = 256
    for key, table in enumerate(model.tables):  # whole numbers from the start: no machine rounds them otherwise
        share = np.append(2 ** np.maximum(0, 14 - np.abs(np.arange(-REACH, REACH + 1)) * 20 // (key % 41 + 2)), 1)
        table[:] = 1 + share * (TOTAL - ALPHABET) // share.sum()
        table[REACH] += TOTAL - table.sum()
    wanted = (np.arange(256 * 6 * 5).reshape(256, 6, 5) * 7919 % 13 - 6) // (1 + np.arange(256)[:, None, None] // 8)
    data, _ = entropy.encode(model, wanted.astype(float), 33)
    assert np.array_equal(entropy.decode(model, data, 33, 6, 5), wanted)
    assert (len(data), hashlib.sha256(data).hexdigest()[:16]) == FIXED


def test_escapes_and_their_way_back():
    high = np.array([16, -16, 17, -17, 400, -100000])
    assert np.array_equal(entropy.unzigzag(entropy.zigzag(high)), high)
    assert entropy.zigzag(high)[:4].tolist() == [1, 2, 3, 4]
    entry, rest = entropy.split(np.array([-REACH, REACH, REACH + 1, 70]), np.array([0, 0, 0, 2]))
    assert entry.tolist() == [0, 2 * REACH, entropy.ESCAPE, entropy.ESCAPE] and rest.tolist() == [-15, 15, 16, 17]


def test_tables_are_whole_numbers_that_add_up_and_exclude_nothing(fitted):
    assert fitted.tables.dtype.kind == "i" and (fitted.tables.sum(1) == TOTAL).all() and fitted.tables.min() >= 1
    for part in (fitted.weights, fitted.bias, fitted.values):
        assert part.dtype == np.int32


def test_sums_of_contexts_fit_into_32_bits():
    """The largest weights, the largest neighbours and the largest bias together."""
    features, largest = fitting.FEATURES, 2 * entropy.UNIT
    assert features * largest * 1023 < 2**31


def test_an_encoder_with_a_price_sends_fewer_bits_and_never_moves_by_more_than_one(fitted):
    wanted = random_symbols(fitted.layout, 20, 20) + 0.4
    plain, nearest = entropy.encode(fitted, wanted, 40)
    cheap, sent = entropy.encode(fitted, wanted, 40, price=0.15)
    assert len(cheap) < len(plain) and np.abs(sent - nearest).max() == 1
    assert ((sent - wanted) ** 2).sum() >= ((nearest - wanted) ** 2).sum()


@pytest.mark.slow
def test_better_knowledge_means_fewer_bytes():
    """Neighbours that are loud or quiet together: a model that listens to them must win."""
    random = np.random.default_rng(0)
    layout = Layout(4)
    loud = np.exp(random.normal(size=(1, 5, 8, 8)) * 1.5) / (1 + np.arange(256))[:, None, None, None] ** 0.8
    wanted = random.laplace(size=(256, 5, 8, 8)) * loud
    quality = np.full(5, 50)
    sizes = {}
    for mode in entropy.MODES:
        model = fitting.fit(layout, wanted, quality, 0.0, mode)
        sizes[mode] = sum(len(entropy.encode(model, wanted[:, i], 50)[0]) for i in range(5))
    assert sizes["context"] < 0.9 * sizes["static"]
    assert sizes["context"] < sizes["adaptive"] < 1.02 * sizes["static"]


def test_an_unknown_mode_is_named():
    with pytest.raises(CodecError, match="static, adaptive, context, not 'magic'"):
        fitting.fit(Layout(4), np.zeros((256, 1, 2, 2)), np.array([50]), 0.1, "magic")


@pytest.mark.slow
def test_damaged_streams_end_in_one_sentence_or_in_symbols(fitted):
    data, _ = entropy.encode(fitted, random_symbols(fitted.layout, 6, 6), 50)
    random = np.random.default_rng(1)
    for _ in range(40):
        changed = bytearray(data)
        changed[random.integers(len(data))] ^= 1 << random.integers(8)
        for broken in (bytes(changed), data[: random.integers(len(data))], random.bytes(50)):
            with contextlib.suppress(CodecError):
                assert entropy.decode(fitted, broken, 50, 6, 6).shape == (fitted.layout.planes, 6, 6)


def test_levels_and_shifts_cover_all_sizes():
    assert len(entropy.SHIFTS) == len(entropy.EXPECTED) == LEVELS and (np.diff(entropy.SHIFTS) >= 0).all()
    assert entropy.EXPECTED[-1] / 2.0 ** entropy.SHIFTS[-1] < REACH

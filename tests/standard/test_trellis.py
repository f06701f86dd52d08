"""Is the path through each block really the cheapest, and is it plain rounding where bits cost nothing?"""

import itertools

import numpy as np
import pytest
from scipy.fft import dctn

from vcodec.dct import block_dct
from vcodec.images import luma
from vcodec.standard.trellis import END_OF_BLOCK, SIXTEEN_ZEROS, ZIGZAG, quantise, shortest_path, symbol_bits

STEPS = np.linspace(10, 20, 64)


def symbols(block: np.ndarray) -> list[int]:
    """Of the 63 AC integers in scan order, as ITU-T T.81, F.1.2.2 tells it; 16 * run + size."""
    found, run = [], 0
    for integer in block[1:]:
        if integer == 0:
            run += 1
            continue
        found += run // 16 * [SIXTEEN_ZEROS] + [16 * (run % 16) + int(abs(integer)).bit_length()]
        run = 0
    return found + [END_OF_BLOCK] * (run > 0)


def cost(block: np.ndarray, scan: np.ndarray, price: float, bits: np.ndarray) -> float:
    spent = sum(bits[s] + s % 16 for s in symbols(block))
    return ((scan - block * STEPS)[1:] ** 2).sum() + price * spent


def test_the_scan_is_the_one_of_the_standard():
    assert sorted(ZIGZAG) == list(range(64)) and list(ZIGZAG[:10]) == [0, 1, 8, 16, 9, 2, 3, 10, 17, 24]
    assert list(ZIGZAG[-4:]) == [47, 55, 62, 63]


def test_the_transform_is_that_of_scipy_for_every_block(photo):
    plane = luma(photo)[:21, :27]
    coefficients = block_dct(plane)
    assert coefficients.shape == (3, 4, 8, 8)
    padded = np.pad(plane.astype(float), ((0, 3), (0, 5)), mode="edge") - 128
    for row, column in itertools.product(range(3), range(4)):
        block = padded[8 * row : 8 * row + 8, 8 * column : 8 * column + 8]
        assert np.allclose(coefficients[row, column], dctn(block, norm="ortho"))


def test_a_price_of_0_is_plain_rounding(photo):
    table = np.arange(8, 72).reshape(8, 8)
    assert np.array_equal(quantise(luma(photo), table, 0), np.rint(block_dct(luma(photo)) / table))


@pytest.mark.parametrize("price", [0.0, 5.0, 40.0, 150.0, 1e6])
def test_no_other_choice_is_cheaper(price):
    """Each of up to six coefficients kept, lowered by one or dropped: all 729 ways tried."""
    random = np.random.default_rng(0)
    bits = random.uniform(1, 16, 256)
    scan = random.uniform(-4, 4, (40, 64))  # rounds to nothing, and yet its error counts
    for row, block in enumerate(scan):
        places = random.choice(np.arange(1, 64), row % 7, replace=False)
        if row % 5 == 0:
            places[-1:] = 63  # no end of block follows
        block[places] = random.choice([-1, 1], len(places)) * random.uniform(0.5, 3, len(places)) * STEPS[places]
    found = shortest_path(scan, STEPS, price, bits)
    nearest = np.rint(np.abs(scan) / STEPS).astype(int)
    nearest[:, 0] = 0
    lowered = 0
    for block, integers, chosen in zip(scan, nearest, found, strict=True):
        alive = np.flatnonzero(integers)
        ways = itertools.product(*({integers[j], integers[j] - 1, 0} for j in alive))
        best = np.inf
        for way in ways:
            candidate = np.zeros(64, int)
            candidate[alive] = np.sign(block[alive]) * way
            best = min(best, cost(candidate, block, price, bits))
        assert chosen[0] == 0 and cost(chosen, block, price, bits) == pytest.approx(best, rel=1e-9)
        assert (chosen * block >= 0).all()
        lowered += np.abs(chosen).sum() < integers.sum()
    assert lowered == 0 if price == 0 else lowered > 0
    assert price < 1e6 or not found[:, 1:].any()


def test_symbols_are_counted_as_the_standard_writes_them():
    random = np.random.default_rng(1)
    stored = np.where(random.random((300, 64)) < 0.06, random.integers(-40, 41, (300, 64)), 0)
    stored[:5, 1:] = 0
    stored[5:9, 63] = 1
    counts = np.full(256, 0.3)
    for symbol in itertools.chain.from_iterable(map(symbols, stored)):
        counts[symbol] += 1
    assert counts[SIXTEEN_ZEROS] > 20 and np.allclose(
        symbol_bits(stored), np.clip(-np.log2(counts / counts.sum()), 1, 16)
    )


def test_a_higher_price_stores_less_and_the_mean_of_a_block_is_never_touched(photo):
    plane, table = luma(photo), np.full((8, 8), 12)
    chosen = [quantise(plane, table, price) for price in (0, 5, 20, 100, 1e7)]
    sizes = [np.abs(integers[..., 1:]).sum() for integers in chosen]
    assert sorted(sizes, reverse=True) == sizes and len(set(sizes)) == 5
    assert all(np.array_equal(integers[..., 0, 0], chosen[0][..., 0, 0]) for integers in chosen)
    assert np.count_nonzero(chosen[-1]) == np.count_nonzero(chosen[-1][..., 0, 0])

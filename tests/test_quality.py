"""Is quality a whole number from 1 to 100 everywhere, and does the search find the best one within a budget?"""

import numpy as np
import pytest

from vcodec.errors import CodecError
from vcodec.images import embedded
from vcodec.metrics import psnr
from vcodec.quality import ALL, NONE, QUALITIES, best_quality, bracket, check_quality, lowest_quality
from vcodec.standard import CODECS

JPEG = CODECS["jpeg"]


@pytest.mark.parametrize("quality", [0, 101, -1, 2.5, 10.0, True, "10", None, np.float64(3)])
def test_qualities_that_are_none_are_refused_by_every_codec(quality):
    encoders = [lambda q, codec=codec: codec.encode(np.zeros((8, 8), np.uint8), q) for codec in CODECS.values()]
    for use in (check_quality, *encoders):
        with pytest.raises(CodecError, match="whole number from 1 to 100"):
            use(quality)
    check_quality(np.int64(10))


@pytest.mark.parametrize(
    ("name", "codec"),
    [("chelsea", JPEG), ("coffee", JPEG), ("camera", JPEG), ("camera", CODECS["jpeg2000"])],
    ids=lambda value: getattr(value, "name", value),
)
def test_the_best_quality_is_really_the_best(name, codec):
    image = embedded(name)[100:196, 150:246]
    sizes = {q: len(codec.encode(image, q)) for q in QUALITIES}
    for budget in (min(sizes.values()), 900, 1500, 2500.5, 6000, max(sizes.values()) + 1):
        asked = []
        quality, data = best_quality(lambda q, asked=asked: asked.append(q) or codec.encode(image, q), budget)
        assert quality == max(q for q, size in sizes.items() if size <= budget)
        assert data == codec.encode(image, quality) and len(asked) <= 10 and len(set(asked)) == len(asked)


def test_a_budget_that_no_file_keeps_is_refused_with_the_smallest_size(photo):
    smallest = len(JPEG.encode(photo, 1))
    with pytest.raises(CodecError, match=str(smallest)):
        best_quality(lambda q: JPEG.encode(photo, q), smallest - 1)


def test_the_lowest_quality_that_is_good_enough_is_really_the_lowest():
    image = embedded("coffee")[100:196, 150:246]
    values = {q: psnr(JPEG.decode(JPEG.encode(image, q)), image) for q in QUALITIES}

    def decibels(data: bytes) -> float:
        return psnr(JPEG.decode(data), image)

    for wanted in (20, 27, 31.5, values[40]):
        quality, data = lowest_quality(lambda q: JPEG.encode(image, q), decibels, wanted)
        assert quality == min(q for q, value in values.items() if value >= wanted)
        assert data == JPEG.encode(image, quality)
    with pytest.raises(CodecError, match=f"highest PSNR is {values[100]:.2f} dB; 70 dB"):
        lowest_quality(lambda q: JPEG.encode(image, q), decibels, 70)


@pytest.mark.parametrize(
    "rises", [lambda q: 0.9 * np.log(q), lambda q: q / 7, lambda q: (q // 4) ** 2, lambda q: q > 73]
)
def test_neighbours_are_found_on_every_rising_curve_in_few_calls(rises):
    """Straight, steep at one end, in steps, or flat but for one step: never twice the same, and few on average."""
    calls = []
    for limit in np.linspace(rises(1) - 0.5, rises(100) + 0.5, 40):
        asked = []
        low, high = bracket(lambda q, asked=asked: asked.append(q) or rises(q), limit, 0.9, most=100)
        assert high == low + 1 and (low == NONE or rises(low) <= limit) and (high == ALL or rises(high) > limit)
        assert len(set(asked)) == len(asked)
        calls.append(len(asked))
        short = bracket(rises, limit, 0.9, most=3)
        assert short[0] <= low < high <= short[1]  # stopped early: wider, never wrong
    assert np.mean(calls) < 8 and max(calls) <= 14


@pytest.mark.parametrize("budget", [0, -1, float("inf"), float("nan")])
def test_a_budget_that_is_none_is_refused_before_anything_is_encoded(budget):
    with pytest.raises(CodecError, match="cannot be kept"):
        best_quality(lambda q: pytest.fail("encoded"), budget)

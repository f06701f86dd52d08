"""Is quality a whole number from 1 to 100 everywhere, and does the search find the best one within a budget?"""

import numpy as np
import pytest

from vcodec.codecs import CODECS
from vcodec.errors import CodecError
from vcodec.images import embedded
from vcodec.quality import QUALITIES, best_quality, check_quality

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
        assert data == codec.encode(image, quality) and len(asked) <= 8


def test_a_budget_that_no_file_keeps_is_refused_with_the_smallest_size(photo):
    smallest = len(JPEG.encode(photo, 1))
    with pytest.raises(CodecError, match=str(smallest)):
        best_quality(lambda q: JPEG.encode(photo, q), smallest - 1)


@pytest.mark.parametrize("budget", [0, -1, float("inf"), float("nan")])
def test_a_budget_that_is_none_is_refused_before_anything_is_encoded(budget):
    with pytest.raises(CodecError, match="cannot be kept"):
        best_quality(lambda q: pytest.fail("encoded"), budget)

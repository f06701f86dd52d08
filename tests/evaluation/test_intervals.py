"""Does the interval hold the true difference as often as it says, and does pairing over pictures help?"""

import numpy as np
import pytest

from vcodec.evaluation import interval


def tables(random: np.random.Generator, difference: float, runs: int = 3, pictures: int = 20):
    """Values and control: pictures differ by 10, a picture's difference by 1, a run by 0.2."""
    control = random.normal(0, 10, pictures)
    values = control + random.normal(difference, 1, pictures)
    return (row + random.normal(0, 0.2, (runs, 1)) for row in (values, control))


def test_it_holds_the_true_difference_about_as_often_as_it_says():
    random = np.random.default_rng(1)
    held = []
    for _ in range(200):
        low, high = interval(*tables(random, -2.0), draws=400)
        held.append(low < -2.0 < high)
    assert 0.88 <= np.mean(held) <= 1.0


def test_pictures_are_paired_so_a_small_difference_shows_among_unlike_pictures():
    values, control = tables(np.random.default_rng(2), -2.0)
    low, high = interval(values, control)
    assert low < high < 0
    unpaired = interval(values, control[:, ::-1])
    assert unpaired[1] - unpaired[0] > 3 * (high - low)


def test_runs_may_differ_in_number_but_pictures_may_not():
    assert interval(np.ones((3, 4)), np.zeros((1, 4))) == (1.0, 1.0)
    with pytest.raises(ValueError, match=r"\(1, 5\)"):
        interval(np.ones((1, 4)), np.ones((1, 5)))

"""The quantiser explorer's formulas: what a reader would doubt of rounding and of its stand-ins."""

import numpy as np
import pytest

from vcodec.errors import CodecError
from vcodec.widgets import QuantiserExplorer
from vcodec.widgets.quantiser import rounded, soft_gradient, soft_rounded

X = np.linspace(-4, 4, 4001)


def test_rounding_goes_to_the_nearest_and_the_dead_zone_only_towards_zero():
    assert np.abs(rounded(X, 0.7) - X).max() <= 0.35 + 1e-12
    assert rounded(np.array([-1.5, -0.5, 0.5, 1.5]), 1).tolist() == [-2, -1, 1, 2]  # halves away from zero
    assert (np.abs(rounded(X, 0.7, 0.3)) <= np.abs(rounded(X, 0.7))).all()
    assert rounded(np.array([0.69, 0.71]), 1, 0.2).tolist() == [0, 1]  # the zero bin is 1.4 steps wide


def test_a_uniform_signal_has_an_error_of_a_twelfth_of_the_squared_step():
    assert np.mean((rounded(X, 0.5) - X) ** 2) == pytest.approx(0.5**2 / 12, rel=0.01)


def test_soft_rounding_lies_between_the_identity_and_rounding():
    x = X[np.abs(np.abs(X / 0.5) % 1 - 0.5) > 0.02]  # not where rounding jumps
    assert np.abs(soft_rounded(x, 0.5, 0.01) - x).max() < 1e-4
    assert np.abs(soft_rounded(x, 0.5, 500) - rounded(x, 0.5)).max() < 1e-4


@pytest.mark.parametrize("sharpness", [1, 6, 20])
def test_the_soft_gradient_is_the_derivative(sharpness):
    x, h = X + 0.00037, 1e-6  # beside the places where the pieces meet
    numeric = (soft_rounded(x + h, 0.5, sharpness) - soft_rounded(x - h, 0.5, sharpness)) / (2 * h)
    assert soft_gradient(x, 0.5, sharpness) == pytest.approx(numeric, abs=1e-4)


def test_the_true_gradient_is_zero_and_the_stand_ins_let_one_through():
    means = {
        name: QuantiserExplorer(stand_in=name).gradient().mean() for name in ("rounding", "straight-through", "noise")
    }
    assert means == {"rounding": 0, "straight-through": 1, "noise": 1}


def test_noise_is_within_half_a_step_and_as_strong_as_rounding():
    figure = QuantiserExplorer(stand_in="noise", step=2)
    assert np.abs(figure.forward() - figure.x).max() <= 1
    assert figure.errors()["stand-in"] == pytest.approx(2**2 / 12, rel=0.2)


def test_repr_has_the_numbers():
    assert "step^2/12 0.3333" in repr(QuantiserExplorer(step=2)) and "dead zone 0.2" in repr(
        QuantiserExplorer(dead_zone=0.2)
    )


@pytest.mark.parametrize("bad", [[0.0] * 127, [5.0] * 128, [float("nan")] * 128], ids=["length", "range", "nan"])
def test_a_signal_that_does_not_fit_is_refused(bad):
    with pytest.raises(CodecError, match="128 values"):
        QuantiserExplorer(bad)

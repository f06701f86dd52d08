"""The quantiser explorer's formulas: what a reader would doubt of rounding and of its stand-ins."""

import numpy as np
import pytest
from figure_page import box, fixed, fixture_for, needs_chromium, readout, set_state, slide, state
from playwright.sync_api import expect

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


# The page, by mouse, keys and touch: what it shows is what Python computes.


def explore_quantiser() -> QuantiserExplorer:
    return QuantiserExplorer()


quantiser_page = fixture_for(explore_quantiser)


def quantiser_numbers(figure: QuantiserExplorer) -> dict[str, str]:
    errors, truth = figure.errors(), rounded(figure.x, figure.step, figure.dead_zone)
    return {
        "mean squared error of rounding": fixed(errors["rounding"], 4),
        f"mean squared error of {figure.stand_in}": fixed(errors["stand-in"], 4),
        "step² / 12": fixed(errors["step^2/12"], 4),
        "rounding, against step² / 12": f"{fixed(errors['rounding'] / errors['step^2/12'], 2)} times",
        "mean gradient of the stand-in": fixed(float(figure.gradient().mean()), 2),
        "samples that become 0": f"{np.count_nonzero(truth == 0)} of 128",
    }


@needs_chromium
class TestQuantiserExplorer:
    def test_numbers_are_pythons(self, quantiser_page):
        for stand_in, signal, step, dead_zone in [
            ("rounding", "sine", 1.3, 0.0), ("straight-through", "ramp", 0.7, 0.25), ("noise", "sine", 3.9, 0.5),
            ("soft rounding", "ramp", 1.1, 0.1),
        ]:  # fmt: skip
            setting = {"stand_in": stand_in, "signal": signal, "step": step, "dead_zone": dead_zone, "sharpness": 9.0}
            set_state(quantiser_page, **setting)
            assert readout(quantiser_page) == quantiser_numbers(QuantiserExplorer(**setting))

    def test_mouse_draws_a_signal(self, quantiser_page):
        place = box(quantiser_page, ".vcx-signal[tabindex]")
        at = lambda n, value: (  # noqa: E731
            place["x"] + (26 + 328 * n / 127) / 360 * place["width"],
            place["y"] + (170 - 162 * (value + 4) / 8) / 190 * place["height"],
        )
        quantiser_page.mouse.move(*at(20, -2))
        quantiser_page.mouse.down()
        quantiser_page.mouse.move(*at(100, 2), steps=3)
        quantiser_page.mouse.up()
        drawn = state(quantiser_page, "drawn")
        assert state(quantiser_page, "signal") == "drawn"
        assert drawn[20:101] == pytest.approx(np.linspace(-2, 2, 81), abs=0.1)
        assert readout(quantiser_page) == quantiser_numbers(QuantiserExplorer(drawn, signal="drawn"))

    def test_keys_draw_and_move_the_sliders(self, quantiser_page):
        quantiser_page.locator(".vcx-signal[tabindex]").focus()
        quantiser_page.keyboard.press("ArrowRight")
        quantiser_page.keyboard.press("ArrowUp")
        assert state(quantiser_page, "signal") == "drawn"
        slide(quantiser_page, "Step", "ArrowRight", 2)
        slide(quantiser_page, "Dead zone", "End")
        assert state(quantiser_page, "step") == pytest.approx(1.2) and state(quantiser_page, "dead_zone") == 0.5

    @pytest.mark.telephone
    def test_a_tap_chooses_a_stand_in(self, quantiser_page):
        expect(quantiser_page.get_by_role("slider", name="Sharpness")).to_be_disabled()
        quantiser_page.locator(".vcx-pill", has_text="soft rounding").tap()
        expect(quantiser_page.get_by_role("slider", name="Sharpness")).to_be_enabled()

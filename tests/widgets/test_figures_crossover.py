"""The crossover explorer's numbers: where the curves cross, and what half resolution cannot carry."""

import functools
import io
import math

import numpy as np
import pytest
from figure_page import fixed, fixture_for, needs_chromium, readout, set_state, slide, state, stored
from PIL import Image
from playwright.sync_api import expect

from vcodec.errors import CodecError
from vcodec.images import embedded
from vcodec.metrics import psnr, ssim
from vcodec.scic.crossover import crossovers
from vcodec.widgets import CrossoverExplorer, RdPicture
from vcodec.widgets.crossover import energy_above_half

CROP = embedded("camera")[60:188, 180:308]


def point(resolution: str, quality: int) -> RdPicture:
    """A real JPEG of the crop, or of its half with bicubic enlargement behind it."""
    size = 128 if resolution == "full" else 64
    buffer = io.BytesIO()
    Image.fromarray(CROP).resize((size, size), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=quality)
    decoded = Image.open(buffer).resize((128, 128), Image.Resampling.BICUBIC)
    picture = np.asarray(decoded)
    num_bytes = len(buffer.getvalue()) - 330  # without headers, which weigh more than such a small picture
    return RdPicture("JPEG", resolution, quality, num_bytes, picture, psnr(picture, CROP), ssim(picture, CROP))


@functools.cache
def points() -> list[RdPicture]:
    return [point("full", q) for q in (3, 8, 15, 30, 60)] + [point("half", q) for q in (8, 20, 45, 75, 92)]


@functools.cache
def explore_crossover() -> CrossoverExplorer:
    return CrossoverExplorer(CROP, points())


def test_lines_cross_where_they_must():
    full = np.array([(0.1, 20.0), (1.0, 40.0)])
    half = np.array([(0.1, 25.0), (1.0, 30.0)])
    assert crossovers(half, full) == [pytest.approx(10 ** (-1 + 1 / 3))]  # 5 dB behind, 15 dB more per decade
    assert crossovers(half + [0, 20], full) == []


def test_real_curves_cross_once_and_the_gap_changes_its_sign_there():
    figure = explore_crossover()
    (bpp,) = figure.crossings
    assert figure.gap(bpp) == pytest.approx(0, abs=1e-9)
    assert figure.gap(bpp / 1.2) < 0 < figure.gap(bpp * 1.2)
    assert figure.gap(1e-3) is None and figure.gap(1e3) is None


def test_energy_of_a_wave_lies_where_its_frequency_says():
    n = np.arange(64) + 0.5

    def wave(k):
        return np.rint(128 + 100 * np.cos(np.pi * k * n / 64)).astype(np.uint8) * np.ones((64, 1), np.uint8)

    assert energy_above_half(wave(20))[0] < 0.001 and energy_above_half(wave(50))[0] > 0.999
    share, ceiling = energy_above_half(wave(50).T.copy())
    assert share > 0.999 and ceiling == pytest.approx(10 * math.log10(255**2 / 5000), abs=0.1)  # variance 100^2 / 2
    assert energy_above_half(np.full((8, 8), 7, np.uint8)) == (0, math.inf)


def test_state_is_small_and_says_what_it_is():
    figure = explore_crossover()
    assert len(str(stored(figure))) < 500_000
    assert f"{figure.crossings[0]:.3f} bpp" in repr(figure) and "% of the energy" in repr(figure)
    assert figure.target_bpp == figure.crossings[0]
    assert figure.poster().shape[0] == 128 + 18


def test_curves_that_do_not_fit_are_refused():
    own = points()
    falling = RdPicture("JPEG", "full", 99, 9999, CROP, 1.0, 0.1)
    other = RdPicture("WebP", "full", 99, 9999, CROP, 60.0, 0.1)
    for bad in (own[:5], own[5:], [*own, falling], [*own, other], []):
        with pytest.raises(CodecError):
            CrossoverExplorer(CROP, bad)


# The page, by mouse, keys and touch: what it shows is what Python computes.


crossover_page = fixture_for(explore_crossover)


@needs_chromium
class TestCrossoverExplorer:
    def test_every_rate_shows_the_nearest_points_and_pythons_gap(self, crossover_page):
        figure = explore_crossover()
        for bpp in (0.12, 0.2, 0.35, 0.6, 1.0):
            set_state(crossover_page, target_bpp=bpp)
            pair = [figure.nearest(resolution, bpp) for resolution in ("full", "half")]
            for column, point in enumerate(pair, start=1):
                shown = readout(crossover_page, column)
                assert shown["shown: rate"] == f"{fixed(figure.bpp(point), 3)} bpp"
                assert shown["shown: PSNR"] == f"{fixed(point.psnr, 2)} dB"
                caption = crossover_page.locator("figcaption").nth(column - 1)
                expect(caption).to_contain_text(f"{shown['shown: PSNR']} at {shown['shown: rate']}")
            gap = figure.gap(bpp)
            if gap is not None:
                assert readout(crossover_page, 1 if gap > 0 else 2)["ahead"] == f"{fixed(abs(gap), 2)} dB"
                winner = "full" if gap > 0 else "half"
                expect(crossover_page.get_by_role("status")).to_contain_text(f"{winner} resolution leads by")
                expect(crossover_page.get_by_role("status")).to_contain_text(f"{fixed(100 * figure.share, 1)} %")

    @pytest.mark.telephone
    def test_the_button_goes_to_the_crossover(self, crossover_page):
        slide(crossover_page, "Bitrate", "Home")
        crossover_page.get_by_role("button", name="go to the crossover").tap()
        assert state(crossover_page, "target_bpp") == explore_crossover().crossings[0]
        expect(crossover_page.get_by_role("status")).to_contain_text("The curves cross here")

    def test_errors_are_blended_from_the_right_pictures(self, crossover_page):
        crossover_page.locator(".vcx-pill", has_text="errors").click()
        expect(crossover_page.locator(".vcx-error")).to_have_count(2)
        mode = crossover_page.locator(".vcx-crop img").nth(1).evaluate("(e) => getComputedStyle(e).mixBlendMode")
        assert mode == "difference"

    def test_keys_walk_over_points_and_crossover(self, crossover_page):
        figure = explore_crossover()
        points = [point for own in figure.points.values() for point in own]
        rates = sorted({*map(figure.bpp, points), *figure.crossings})
        slide(crossover_page, "Bitrate", "Home")
        assert state(crossover_page, "target_bpp") == rates[0]
        slide(crossover_page, "Bitrate", "ArrowRight", 2)
        assert state(crossover_page, "target_bpp") == rates[2]

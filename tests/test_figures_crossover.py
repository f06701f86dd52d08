"""The crossover explorer's numbers: where the curves cross, and what half resolution cannot carry."""

import functools
import io
import math

import numpy as np
import pytest
from figure_page import stored
from PIL import Image

from vcodec.errors import CodecError
from vcodec.images import embedded
from vcodec.metrics import psnr, ssim
from vcodec.widgets import CrossoverExplorer, RdPicture
from vcodec.widgets.crossover import crossovers, energy_above_half

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
    assert crossovers(full, half) == [pytest.approx(10 ** (-1 + 1 / 3))]  # 5 dB behind, 15 dB more per decade
    assert crossovers(full, half + [0, 20]) == []


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

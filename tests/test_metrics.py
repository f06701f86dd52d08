"""Are the numbers right? Each against a hand calculation or another library."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import convolve1d
from skimage.metrics import structural_similarity

from vcodec.errors import CodecError
from vcodec.images import embedded, luma
from vcodec.metrics import bd_rate, bits_per_pixel, ms_ssim, psnr, psnr_at_rate, psnr_y, ssim, upper_envelope

RANDOM = np.random.default_rng(0)


@pytest.fixture(scope="module")
def pair() -> tuple[np.ndarray, np.ndarray]:
    """A picture of 192x176 and one with noise of about 30 dB."""
    clean = embedded("camera")[100:292, 150:326]
    noisy = np.clip(clean + RANDOM.normal(0, 8, clean.shape), 0, 255).astype(np.uint8)
    return clean, noisy


def test_bpp_counts_all_bytes_over_the_pixels_given():
    assert bits_per_pixel(bytes(100), np.zeros((10, 20, 3), np.uint8)) == 800 / 200


def test_psnr_by_hand():
    a = np.full((10, 10), 100, np.uint8)
    assert psnr(a, a) == math.inf
    assert psnr(a, a + 1) == psnr(a + 1, a) == pytest.approx(20 * math.log10(255))  # 48.13 dB: off by one everywhere
    b = a.copy()
    b[3, 4] = 80  # squared error 400 in one of 100 pixels, and no wrapping of unsigned differences
    assert psnr(a, b) == pytest.approx(10 * math.log10(255**2 / 4))


def test_psnr_of_colour_is_over_all_samples_and_psnr_y_over_luma():
    a = RANDOM.integers(20, 200, (16, 16, 3), np.uint8)
    b = a + np.array([0, 0, 6], np.uint8)
    assert psnr(a, b) == pytest.approx(10 * math.log10(255**2 / (36 / 3)))
    assert psnr_y(a, b) == psnr(luma(a), luma(b))
    assert psnr_y(a, b) == pytest.approx(20 * math.log10(255 / (6 * 0.114)), abs=2)  # blue hardly counts in luma


def test_pictures_of_different_size_are_not_compared():
    for measure in (psnr, ssim, ms_ssim):
        with pytest.raises(CodecError, match="different size"):
            measure(np.zeros((16, 16), np.uint8), np.zeros((16, 17), np.uint8))


def test_ssim_equals_that_of_scikit_image(pair, photo):
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}
    assert ssim(*pair) == pytest.approx(structural_similarity(*pair, **options), abs=1e-4)  # single precision
    colours = photo, np.roll(photo, 1, axis=1)
    assert ssim(*colours) == pytest.approx(structural_similarity(*colours, channel_axis=2, **options), abs=1e-4)
    assert ssim(photo, photo) == pytest.approx(1, abs=1e-6)


def plain_ms_ssim(a: np.ndarray, b: np.ndarray) -> float:
    """Wang, Simoncelli, Bovik 2003, line by line: contrast and structure at five scales, luminance at the last."""
    window = np.exp(-((np.arange(11) - 5) ** 2) / (2 * 1.5**2))

    def blur(x):
        return convolve1d(convolve1d(x, window / window.sum(), 0), window / window.sum(), 1)[5:-5, 5:-5]

    a, b, result = a.astype(float), b.astype(float), 1.0
    for weight in (0.0448, 0.2856, 0.3001, 0.2363, 0.1333):
        mean_a, mean_b = blur(a), blur(b)
        both = blur(a * b) - mean_a * mean_b
        power = blur(a * a) - mean_a**2 + blur(b * b) - mean_b**2
        c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
        structure = (2 * both + c2) / (power + c2)
        whole = structure * (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
        result *= np.mean(whole if weight == 0.1333 else structure) ** weight
        a, b = (x.reshape(x.shape[0] // 2, 2, x.shape[1] // 2, 2).mean((1, 3)) if min(x.shape) > 11 else x
                for x in (a, b))  # fmt: skip
    return result


def test_ms_ssim_equals_the_paper_line_by_line(pair):
    assert ms_ssim(*pair) == pytest.approx(plain_ms_ssim(*pair), abs=1e-4)


def test_similarity_of_pictures_too_small_for_it_is_none():
    def at(side):
        return np.zeros((side, 200), np.uint8), np.zeros((side, 200), np.uint8)

    assert ssim(*at(10)) is None and ssim(*at(11)) == pytest.approx(1)
    assert ms_ssim(*at(160)) is None and ms_ssim(*at(161)) == pytest.approx(1)


# Curves of (bpp, dB).

RATES = np.geomspace(0.04, 0.8, 14)
CURVE = np.column_stack([RATES, 34 + 5 * np.log2(RATES / 0.2) - 0.3 * np.log2(RATES / 0.2) ** 2])


@pytest.mark.parametrize("percent", [-30, -10, 0, 10, 50])
def test_bd_rate_of_a_curve_moved_in_rate_is_the_move(percent):
    moved = CURVE * [1 + percent / 100, 1]
    assert bd_rate(CURVE, moved) == pytest.approx(percent, abs=0.1)  # the two curves have other knots
    assert bd_rate(CURVE, RANDOM.permutation(moved)) == bd_rate(CURVE, moved)


def test_bd_rate_looks_at_no_point_outside_its_range():
    silly = [[0.01, 39], [0.7, 10], [0.9, 60]]
    assert bd_rate(CURVE, np.vstack([CURVE[2:-3], silly[1:]])) == pytest.approx(0, abs=0.1)
    assert bd_rate(CURVE, CURVE[:, :], (0.1, 0.3)) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    "other",
    [CURVE[5:8], CURVE + [0, 40], CURVE + [1, 0], CURVE[:0], CURVE * [1, 0]],
    ids=["3 points", "no overlap in dB", "none in the range", "empty", "flat"],
)
def test_bd_rate_of_curves_that_cannot_be_compared_is_none(other):
    assert bd_rate(CURVE, other) is None and bd_rate(other, CURVE) is None


def test_quality_at_a_rate_lies_on_the_curve_and_ends_with_it():
    assert psnr_at_rate(CURVE, float(RATES[4])) == pytest.approx(CURVE[4, 1])
    assert psnr_at_rate(CURVE, math.sqrt(RATES[4] * RATES[5])) == pytest.approx((CURVE[4, 1] + CURVE[5, 1]) / 2)
    assert psnr_at_rate(CURVE[:1], 0.04) is None
    assert psnr_at_rate(CURVE, 0.03) is None and psnr_at_rate(CURVE, 0.9) is None


number = st.floats(0.01, 100).map(lambda v: round(v, 1))  # coarse, so that ties happen


@settings(deadline=None, derandomize=True)
@given(st.lists(st.tuples(number, number), max_size=20))
def test_the_envelope_holds_exactly_the_points_that_no_other_beats(points):
    envelope = upper_envelope(points)
    unbeaten = {(r, d) for r, d in points if not any(r2 <= r and d2 >= d and (r2, d2) != (r, d) for r2, d2 in points)}
    assert envelope.shape == (len(unbeaten), 2) and set(map(tuple, envelope)) == unbeaten
    assert (np.diff(envelope, axis=0) > 0).all()
    assert np.array_equal(upper_envelope(envelope), envelope)

"""Is the better scale chosen, at equal size, and does every promise hold within 12 encodes?"""

import math
from itertools import pairwise

import numpy as np
import pytest

from vcodec.errors import CodecError
from vcodec.evaluation.figures import plot_crossover, plot_crossovers
from vcodec.images import embedded, luma
from vcodec.metrics import bits_per_pixel, psnr
from vcodec.networks import NetworkPair
from vcodec.quality import bracket
from vcodec.scic import FRAMEWORKS, Scic, load, rate_control
from vcodec.scic.candidates import ENCODES, softened
from vcodec.scic.crossover import crossover, crossover_table, mixed_gain, report, shortfall
from vcodec.scic.mixed import FITS
from vcodec.standard import CODECS, TUNED_JPEG

CROPS = {"astronaut": (40, 150), "chelsea": (60, 140), "coffee": (100, 150)}


def crop(name: str, size: int = 128) -> np.ndarray:
    top, left = CROPS[name]
    return luma(embedded(name))[top : top + size, left : left + size].copy()


@pytest.fixture(scope="module")
def shipped() -> Scic:
    return load("scic-jpeg")


class Counting:
    """A standard codec that counts its encodes."""

    def __init__(self, codec):
        self._codec, self.encodes = codec, 0

    def __getattr__(self, name):
        return getattr(self._codec, name)

    def encode(self, *arguments):
        self.encodes += 1
        return self._codec.encode(*arguments)


def counted(codec: Scic) -> Scic:
    return Scic(Counting(codec.codec), codec.networks)


# The choice between scales.


def point(codec: Scic, image: np.ndarray, passes: int, quality: int, scale: int) -> tuple[float, float]:
    data = codec.encode(image, quality, scale, passes=passes)
    return bits_per_pixel(data, image), psnr(codec.decode(data), image)


@pytest.mark.parametrize("passes", [0, 2])
@pytest.mark.parametrize("name", CROPS)
@pytest.mark.slow
def test_auto_is_the_upper_envelope(name, passes, shipped):
    """Never more than 0.02 dB below the curve of either scale, drawn through its two qualities around that rate."""
    image, chosen = crop(name), set()
    for quality in (2, 7) if passes else (1, 4, 16, 32):
        data = shipped.encode(image, quality, passes=passes)
        rate, value = bits_per_pixel(data, image), psnr(shipped.decode(data), image)
        header = shipped.header(data)
        chosen.add(header.scale)
        other = 3 - header.scale

        def log_size(q: int, other: int = other) -> float:
            return math.log(len(shipped.encode(image, q, other, passes=0)))

        low, high = bracket(log_size, math.log(len(data)), 0.9)
        around = np.array(sorted(point(shipped, image, passes, q, other) for q in (low, high) if 1 <= q <= 100))
        if len(around) == 2 and around[0, 0] <= rate <= around[1, 0]:
            assert shortfall(np.array([(rate, value)]), around) <= 0.02, (quality, header)
        elif low >= 1:  # the other scale cannot be as large
            assert value > around[0, 1] - 0.02
    assert chosen == {1, 2} or passes


def test_a_quality_stands_for_the_size_of_full_resolution(shipped):
    """Never larger before feedback, close to it, and growing with the quality."""
    image, sizes = crop("astronaut"), []
    for quality in range(1, 26, 4):
        full = len(shipped.encode(image, quality, 1, passes=0))
        sizes.append(len(shipped.encode(image, quality, passes=0)))
        assert 0.8 * full < sizes[-1] <= full
    assert all(after >= before for before, after in pairwise(sizes))


@pytest.mark.slow
def test_one_scale_leaves_no_choice(photo, half_only, weights):
    half = load("scic-jpeg", half_only)
    for codec, scale in ((half, 2), (Scic(TUNED_JPEG, {1: load("scic-jpeg", weights).pair(1)}), 1)):
        for way in ("auto", "fast"):
            assert codec.encode(photo, 20, way) == codec.encode(photo, 20, scale)


def test_the_fast_mode_looks_at_one_file_and_restores_only_what_it_returns(shipped, monkeypatch):
    image = crop("astronaut")
    assert TUNED_JPEG.name in FITS
    auto = {q: shipped.header(shipped.encode(image, q, passes=0)).scale for q in (1, 40)}
    restored, restore = [], NetworkPair.restore
    monkeypatch.setattr(NetworkPair, "restore", lambda *args: restored.append(args[0].idn) or restore(*args))
    codec = counted(shipped)
    for quality, most in ((1, 12), (40, 1)):
        codec.codec.encodes = 0
        data = codec.encode(image, quality, "fast", passes=0)
        assert shipped.header(data).scale == auto[quality] == (2 if quality == 1 else 1)
        assert codec.codec.encodes <= most and len([idn for idn in restored if idn]) == 1
        restored.clear()


@pytest.mark.parametrize("scale", ["slow", 3, 0, None, "1"])
def test_a_scale_that_is_none_is_refused(scale, photo, untrained):
    with pytest.raises(CodecError, match="scale must be"):
        untrained.encode(photo[:16, :16], quality=9, scale=scale)


# Promises.


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_a_number_of_bytes_is_kept_and_used(name):
    image = crop("coffee", 128)
    codec = counted(load(name))
    smallest = len(codec.encode(image, 1, passes=0))
    for budget in (1.15 * smallest, 3 * smallest):
        codec.codec.encodes = 0
        data = codec.encode(image, max_bytes=budget)
        assert 0.9 * budget <= len(data) <= budget and codec.codec.encodes <= ENCODES
    assert codec.decode(data).shape == image.shape


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_a_psnr_is_reached_and_not_overshot(name):
    image = crop("chelsea", 128)
    codec = counted(load(name))
    data = codec.encode(image, min_psnr=33)
    assert codec.codec.encodes <= ENCODES
    assert 33 <= psnr(codec.decode(data), image) <= 33.1 + (0.3 if name in ("scic-jpeg2000", "scic-heic") else 0)


def test_promises_hold_for_colour_and_for_every_scale(photo, shipped):
    image = photo[:64, :64]
    for scale in (1, 2, "auto", "fast"):
        data = shipped.encode(image, max_bytes=600, scale=scale)
        assert 540 <= len(data) <= 600 and scale in (shipped.header(data).scale, "auto", "fast")
    assert 27 <= psnr(shipped.decode(shipped.encode(image, min_psnr=27)), image) < 27.2
    assert 0.9 <= bits_per_pixel(shipped.encode(image, bpp=1.0), image) <= 1.0


@pytest.mark.slow
def test_auto_keeps_a_promise_at_least_as_well_as_either_scale(shipped):
    image = crop("astronaut", 128)
    for budget in (500, 1500):
        values = {
            s: psnr(shipped.decode(shipped.encode(image, max_bytes=budget, scale=s)), image) for s in (1, 2, "auto")
        }
        assert values["auto"] > max(values[1], values[2]) - 0.15, (budget, values)  # at most a quality's step apart


def test_what_cannot_be_kept_is_refused_with_what_can(shipped):
    image = crop("chelsea", 64)
    smallest = min(len(shipped.encode(image, 1, scale, passes=0)) for scale in (1, 2))
    with pytest.raises(CodecError, match=f"smallest file takes {smallest} bytes; 40 were"):
        shipped.encode(image, max_bytes=40)
    highest = max(psnr(shipped.decode(shipped.encode(image, 100, scale, passes=0)), image) for scale in (1, 2))
    with pytest.raises(CodecError, match=f"highest PSNR is {highest:.2f} dB; 80 dB"):
        shipped.encode(image, min_psnr=80)
    for wrong in (0, -3, float("nan"), float("inf")):
        with pytest.raises(CodecError, match="cannot be"):
            shipped.encode(image, min_psnr=wrong)


def test_softening_lies_between_the_picture_and_its_blur(photo):
    assert np.array_equal(softened(photo, 0.0), photo)
    square, kernel = photo[4:7, 4:7].astype(float), np.outer([1, 2, 1], [1, 2, 1])[..., None] / 16
    assert np.array_equal(softened(photo, 1.0)[5, 5], np.rint((square * kernel).sum((0, 1))))
    assert np.array_equal(softened(np.full((3, 4), 7, np.uint8), 0.5), np.full((3, 4), 7))  # edges are repeated
    sizes = [len(CODECS["jpeg"].encode(softened(photo, amount), 50)) for amount in (0, 0.3, 0.6)]
    assert sizes == sorted(sizes, reverse=True) and sizes[0] > 1.1 * sizes[-1]


def test_falling_to_a_band_finds_it():
    for power in (0.5, 1, 2):
        asked = []

        def measure(soft, asked=asked, power=power):
            asked.append(soft)
            return 0.3 - soft**power

        rate_control.fall_to(measure, 0.3, 0.0, 0.1, 0.15, 5)
        assert 0 <= 0.3 - asked[-1] ** power <= 0.1 and len(asked) <= 5


# Crossover.

RATES = np.geomspace(0.04, 0.8, 12)
FULL = np.stack([RATES, 34 + 5 * np.log2(RATES / 0.2)], 1)
HALF = np.stack([RATES, 34 + 2 * np.log2(RATES / 0.2)], 1)  # meets FULL at 0.2 bpp


def test_the_crossover_is_where_the_curves_cross():
    assert crossover(HALF, FULL) == pytest.approx(0.2, rel=1e-6)
    assert crossover(HALF[::2], FULL[1::3]) == pytest.approx(0.2, rel=1e-6)  # other rates, the same lines
    assert crossover(HALF - [0, 9], FULL) == 0 and crossover(HALF + [0, 9], FULL) == math.inf
    assert crossover(HALF[:3], FULL[5:]) is None


def as_points(curve: str, image: str, scales: dict[int, np.ndarray]) -> list[dict]:
    return [{"curve": curve, "image": image, "scale": s, "bpp": r, "psnr": v} for s, c in scales.items() for r, v in c]


def test_mixing_gains_against_both_and_costs_nothing_where_one_always_leads():
    gain = mixed_gain({1: FULL, 2: HALF})
    assert gain[1] < -5 and gain[2] < -5
    assert mixed_gain({1: FULL, 2: HALF - [0, 9]})[1] == pytest.approx(0, abs=1e-6)
    points = as_points("a", "1", {1: FULL, 2: HALF}) + as_points("a", "2", {1: FULL, 2: HALF - [0, 9]})
    points += as_points("a", "3", {1: FULL, 2: HALF + [0, 9]}) + as_points("a", "4", {1: FULL})
    row = crossover_table(points, ["a"])["a"]
    assert row["crossover_bpp"] == {"1": 0.2, "2": 0.0, "3": None} and row["half_leads_nowhere"] == 1
    assert row["quartiles_bpp"][1] == 0.2 and "crossover 0.200 bpp" in report({"a": row})


def test_the_figures_show_the_crossover():
    axes = plot_crossover(HALF, FULL)
    assert "0.20 bpp" in [text.get_text() for text in axes.texts] and len(axes.patches) == 1
    assert not plot_crossover(HALF - [0, 9], FULL).patches
    axes = plot_crossovers({"JPEG": {"a": 0.2, "b": 0.3, "c": None}, "AVIF": {"a": 0.0}})
    assert [len(dots.get_offsets()) for dots in axes.collections] == [2, 1]

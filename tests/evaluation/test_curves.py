"""Is a results file complete and honest: whole files, the original's pixels, the picture a decoder writes?"""

import json
from itertools import pairwise

import numpy as np
import pytest

from vcodec.errors import CodecError
from vcodec.evaluation import bd_rates, by_curve, evaluate, psnr_at, report
from vcodec.evaluation.curves import GRID, AtScale, build_curve
from vcodec.images import embedded, luma
from vcodec.metrics import bd_rate, psnr, psnr_at_rate, psnr_y, ssim
from vcodec.scic import load, plain
from vcodec.standard import CODECS, TunedJpeg

CURVES = ["jpeg", "bicubic-jpeg", "scic-jpeg"]
POINT = {
    "curve", "image", "quality", "scale", "bytes", "width", "height", "bpp", "psnr", "ssim", "ms_ssim", "encode_s",
    "decode_s",
}  # fmt: skip


@pytest.fixture(scope="module")
def pictures() -> dict[str, np.ndarray]:
    return {"cat": embedded("chelsea")[60:131, 140:231], "man": embedded("camera")[100:161, 200:262]}


@pytest.fixture(scope="module", params=[False, True], ids=["colour", "gray"])
def results(request, pictures, weights):
    return evaluate(pictures, CURVES, request.param, (5, 30, 80), (0.5,), weights)


@pytest.mark.slow
def test_the_file_has_the_shape_that_figures_are_drawn_from(results, pictures):
    again = json.loads(json.dumps(results))
    assert again == results and {"settings", "points", "bd_rate"} <= set(again)
    assert all(POINT <= set(point) for point in again["points"])
    assert len(again["points"]) == len(pictures) * 3 * (1 + 1 + 2)  # scic-jpeg at both scales
    assert set(again["bd_rate"]) == set(CURVES) and set(again["bd_rate"]["jpeg"]) == set(CURVES[1:])
    assert {"gray", "qualities", "bpp_range", "pillow", "torch", "vcodec"} <= set(again["settings"])
    stated = {name: CODECS[name].settings for name in ("jpeg", "jpeg-tuned")}
    assert again["settings"]["codecs"] == stated  # the encoder of every curve
    assert again["settings"]["frameworks"] == {"scic-jpeg": "jpeg-tuned"}


@pytest.mark.slow
def test_every_point_can_be_repeated_by_hand(results, pictures, weights):
    codec, gray = load("scic-jpeg", weights), results["settings"]["gray"]
    for point in results["points"]:
        original = pictures[point["image"]]
        original = luma(original) if gray else original
        if point["curve"] == "jpeg":
            data = CODECS["jpeg"].encode(original, point["quality"])
            decoded = CODECS["jpeg"].decode(data)
        else:
            road = codec if point["curve"] == "scic-jpeg" else plain()
            data = road.encode(original, quality=point["quality"], scale=point["scale"])
            decoded = road.decode(data)
        assert point["bytes"] == len(data) and (point["height"], point["width"]) == original.shape[:2]
        assert point["bpp"] == 8 * len(data) / (original.shape[0] * original.shape[1])
        assert point["psnr"] == psnr(decoded, original) and point["ssim"] == ssim(decoded, original)
        assert point["ms_ssim"] is None  # these pictures are too small for five scales
        assert point["encode_s"] > 0 and point["decode_s"] > 0
        assert ("psnr_y" in point) == (original.ndim == 3)
        assert original.ndim == 2 or point["psnr_y"] == psnr_y(decoded, original)


def test_step_0_gains_nothing_over_bicubic_with_the_same_tables(pictures, weights, monkeypatch):
    """Honest by construction: untrained networks draw the curve of the plain codec, but for what feedback finds."""
    monkeypatch.setattr(TunedJpeg, "feedback", {})
    ours = evaluate(pictures, ["scic-jpeg-x2"], True, (5, 30), weights=weights)["points"]
    plain_road = AtScale(plain(CODECS["jpeg-tuned"]), 2)
    for point in ours:
        data = plain_road.encode(luma(pictures[point["image"]]), point["quality"])
        assert point["bytes"] == len(data)
        assert point["psnr"] == psnr(plain_road.decode(data), luma(pictures[point["image"]]))


RATES = np.geomspace(0.05, 0.6, 8)


def fake(curve: str, image: str, factor: float, rates=RATES, scale: int = 1) -> list[dict]:
    facts = {"curve": curve, "image": image, "scale": scale}
    return [facts | {"bpp": rate * factor, "psnr": 35 + 6 * np.log2(rate)} for rate in rates]


def test_bd_rates_are_means_over_images_and_both_scales_count():
    points = [*fake("a", "1", 1), *fake("a", "2", 1), *fake("b", "1", 0.9), *fake("b", "2", 0.7)]
    table = bd_rates(points, ["a", "b"])
    assert table["a"]["b"] == pytest.approx(-20, abs=0.2) and table["b"]["a"] > 20
    assert table["a"]["b"] == np.mean([bd_rate(by_curve(points)["a"][i], by_curve(points)["b"][i]) for i in "12"])
    pooled = [*points, *fake("b", "1", 5, scale=2)]  # a worse scale costs nothing: the better one counts
    assert bd_rates(pooled, ["a", "b"]) == table
    short = [*fake("a", "1", 1), *fake("c", "1", 1, RATES[:2])]
    assert bd_rates(short, ["a", "c"]) == {"a": {"c": None}, "c": {"a": None}}


def test_points_of_the_worse_scale_do_not_make_the_better_one_a_staircase():
    """Each costs almost as much as the next point of the better scale and is hardly higher than the one before."""
    rates = np.geomspace(0.06, 0.5, 7)
    better = [{"curve": "a", "image": "1", "scale": 1, "bpp": r, "psnr": 40 + 6 * np.log(r)} for r in rates]
    worse = [q | {"scale": 2, "bpp": 0.97 * q["bpp"], "psnr": p["psnr"] + 0.05} for p, q in pairwise(better)]
    ahead = [{"curve": "a", "image": "1", "scale": 2, "bpp": 0.055, "psnr": 22.9}]
    anchor = [p | {"curve": "plain", "bpp": 1.1 * p["bpp"]} for p in better]
    alone, both = (bd_rates([*anchor, *p], ["plain", "a"])["plain"]["a"] for p in (better, [*better, *worse]))
    assert both == alone == pytest.approx(-100 / 11)
    assert len(by_curve([*better, *worse, *ahead])["a"]["1"]) == len(better) + 1  # what leads somewhere stays


def test_psnr_at_a_rate_is_a_mean_over_images_that_every_curve_reaches():
    points = [*fake("a", "1", 1), *fake("a", "2", 1), *fake("b", "1", 0.9), *fake("b", "2", 1, RATES[-2:])]
    table = psnr_at(points, [0.2])["0.2"]
    assert table["images"] == 1 and table["psnr"]["a"] == psnr_at_rate(by_curve(points)["a"]["1"], 0.2)
    assert psnr_at(points, [9.0])["9"] == {"psnr": {"a": None, "b": None}, "images": 0}


def test_the_report_says_every_number(results):
    text = report(results)
    assert all(f"BD-rate against {anchor}" in text for anchor in CURVES) and "PSNR at 0.5 bpp, " in text


def test_curves_by_name(weights):
    assert [s for s, _ in build_curve("scic-jpeg", weights)] == [1, 2]
    assert [s for s, _ in build_curve("scic-jpeg-x2", weights)] == [2]
    assert [s for s, _ in build_curve("scic-jpeg-auto-once", weights)] == [None]  # the file says it
    assert [s for s, _ in build_curve("bicubic-jpeg-tuned")] == [2] and build_curve("jpeg") == [(1, CODECS["jpeg"])]
    for name in ("", "tiff", "bicubic-", "bicubic-scic-jpeg", "scic-jpeg-x3"):
        with pytest.raises(CodecError, match="scic-jpeg-x1"):
            build_curve(name, weights)


def test_the_encoders_own_choice_can_be_a_curve(pictures, weights):
    """Its points say the scale that the file holds."""
    image, codec = luma(pictures["man"]), load("scic-jpeg", weights)
    results = evaluate({"man": image}, ["scic-jpeg-auto", "scic-jpeg-fast-once"], qualities=(1, 30), weights=weights)
    for point in results["points"]:
        way, passes = ("auto", 2) if "auto" in point["curve"] else ("fast", 0)
        data = codec.encode(image, point["quality"], way, passes=passes)
        assert point["bytes"] == len(data) and point["scale"] == codec.header(data).scale
    assert results["settings"]["frameworks"] == {"scic-jpeg": "jpeg-tuned"}


def test_every_codec_and_framework_can_be_a_curve(pictures, weights):
    names = ["jpeg-tuned", "jpeg2000", "webp", "avif-tuned", "heic", "bicubic-avif", "scic-webp", "scic-jpeg2000-x2"]
    results = evaluate({"man": luma(pictures["man"])}, names, qualities=(40,), weights=weights)
    assert [point["curve"] for point in results["points"]] == [*names[:7], "scic-webp", "scic-jpeg2000-x2"]
    assert all(point["psnr"] > 20 for point in results["points"])
    stated = results["settings"]["codecs"]
    assert {"jpeg-tuned", "jpeg2000", "webp", "avif", "avif-tuned", "heic"} <= set(stated) and "tune=psnr" in str(
        stated
    )
    assert results["settings"]["frameworks"] == {"scic-webp": "webp-tuned", "scic-jpeg2000": "jpeg2000"}


def test_a_gray_photograph_saved_in_colour_can_be_measured_with_every_codec(pictures):
    """Scans are often stored as RGB: the decoder's picture has the shape of the original all the same."""
    scan = {"scan": np.repeat(luma(pictures["man"])[..., None], 3, axis=2)}
    for point in evaluate(scan, ["jpeg", "jpeg2000", "webp", "avif", "heic"], qualities=(60,))["points"]:
        assert point["psnr"] > 25


def test_a_curve_whose_weights_are_missing_is_refused_not_left_out(half_only):
    with pytest.raises(CodecError, match=r"scale 1|no weights"):
        build_curve("scic-jpeg-x1", half_only)


def test_a_lossless_point_keeps_the_file_readable():
    """A flat picture has no error at all: JSON knows no infinity, and browsers refuse it."""
    flat = {"flat": np.full((16, 16), 128, np.uint8)}
    results = evaluate(flat, ["jpeg", "bicubic-jpeg"], qualities=GRID, at=(9,))
    json.loads(json.dumps(results), parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert results["bd_rate"]["jpeg"]["bicubic-jpeg"] is None and report(results)

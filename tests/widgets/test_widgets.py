"""The codec explorer: what Python hands to the page."""

import base64
import dataclasses
import io
import json
import math

import numpy as np
import pytest
import skimage.data
from explorer import SIZE, chelsea, explore, point
from figure_page import stored
from PIL import Image

from vcodec.errors import CodecError
from vcodec.metrics import psnr
from vcodec.widgets import CodecExplorer, RdPicture


def test_state_fits_in_a_notebook():
    assert len(json.dumps(stored(explore()))) < 500_000


def test_state_fits_for_a_texture_without_files():
    original = np.ascontiguousarray(skimage.data.grass()[:SIZE, :SIZE])
    points = [dataclasses.replace(point(original, "DNNC", "full", q), file=None) for q in range(5, 95, 5)]
    assert len(json.dumps(stored(CodecExplorer(original, points)))) < 500_000


def test_too_many_large_pictures_are_refused():
    noise = np.random.default_rng(0).integers(0, 256, (512, 512, 3), np.uint8)
    points = [RdPicture("JPEG", "full", q, 100, noise, 9.0, 0.1) for q in range(4)]
    with pytest.raises(CodecError, match="more than 330 kB"):
        CodecExplorer(noise, points)


def test_repr_has_the_numbers_and_no_address():
    text = repr(explore())
    assert text == repr(CodecExplorer(*chelsea()))
    assert text.startswith("CodecExplorer(256x256, 21 pictures: JPEG full 0.1")
    assert "SCIC half" in text and "dB" in text and "0x" not in text


def test_pictures_decode_to_the_size_of_the_original():
    original, _ = chelsea()
    explorer = explore()
    decoded = [np.asarray(Image.open(io.BytesIO(data)).convert("RGB")) for data in explorer.pictures]
    assert {picture.shape for picture in decoded} == {original.shape}
    for true, picture in zip([original, *(p.picture for p in explorer.points)], decoded, strict=True):
        assert psnr(true, picture) > 30  # re-coded for display at worst


def test_files_that_show_the_picture_travel_untouched():
    explorer = explore()
    for p, data in zip(explorer.points, explorer.pictures[1:], strict=True):
        assert (data == p.file) == (p.method == "JPEG")  # what SCIC decodes is not what its file shows


def test_poster_and_text_stand_in_for_the_figure():
    data, _ = explore()._repr_mimebundle_()
    poster = Image.open(io.BytesIO(base64.b64decode(data["image/png"])))
    assert poster.size == (SIZE, SIZE + 18)
    assert data["text/plain"] == repr(explore())
    assert "application/vnd.jupyter.widget-view+json" in data


@pytest.mark.parametrize(
    "change",
    [
        {"method": ""},
        {"method": "original"},
        {"resolution": "quarter"},
        {"num_bytes": 0},
        {"num_bytes": 5},
        {"picture": np.zeros((SIZE, SIZE), np.uint8)},
        {"picture": np.zeros((SIZE, SIZE, 3), np.float32)},
        {"psnr": math.inf},
        {"ssim": 1.5},
    ],
    ids=str,
)
def test_a_bad_point_is_refused(change):
    original, points = chelsea()
    with pytest.raises(CodecError):
        CodecExplorer(original, [*points, dataclasses.replace(points[0], **change)])


def test_no_points_and_a_float_original_are_refused():
    original, points = chelsea()
    for bad in [(original, []), (original / 255, points)]:
        with pytest.raises(CodecError):
            CodecExplorer(*bad)


def test_unknown_choices_are_refused():
    explorer = CodecExplorer(*chelsea(), compare="SCIC half")
    for name, value in [("method", "Jpeg"), ("resolution", "quarter"), ("compare", "JPEG half")]:
        with pytest.raises(CodecError, match=f"{name} is one of"):
            setattr(explorer, name, value)


def test_still_shows_the_comparison_that_was_chosen():
    original, points = chelsea()
    explorer = CodecExplorer(original, points, method="JPEG", compare="SCIC half", target_bpp=0.5)
    half, still = SIZE // 2, explorer.poster()
    left = [p for p in points if (p.method, p.resolution) == ("SCIC", "half")]
    right = [p for p in points if p.method == "JPEG"]
    for candidates, columns in ((left, np.s_[:half]), (right, np.s_[half:SIZE])):
        rates = [abs(np.log(explorer.bpp(p) / 0.5)) for p in candidates]
        assert np.array_equal(still[:SIZE, columns], candidates[int(np.argmin(rates))].picture[:, columns])


def test_gray_pictures_and_black_curves_work():
    original = np.ascontiguousarray(skimage.data.camera()[100 : 100 + SIZE, 150 : 150 + SIZE])
    explorer = CodecExplorer(original, [point(original, "DNNC", "full", 20)])
    assert explorer.colours == {"DNNC": "currentColor"}
    assert explorer.poster().shape == (SIZE + 18, SIZE, 3)

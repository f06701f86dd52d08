"""Restoring never makes a file worse than any viewer shows it, whoever made it (DESIGN, law 8)."""

import io

import numpy as np
import pytest
from conftest import jpeg, shaken
from PIL import Image

from benchmarks.foreign import FORMATS, changes, pictures, saved
from vcodec.images import luma
from vcodec.metrics import psnr
from vcodec.networks import NetworkPair, build_networks
from vcodec.scic import FRAMEWORKS, Scic, large, load
from vcodec.scic.foreign import share

MODERN = [form for form in FORMATS if form != "JPEG"]


@pytest.mark.parametrize("form", FORMATS)
def test_six_kinds_of_picture_lose_at_most_a_tenth_of_a_decibel(form):
    """At 96 x 96, some qualities and without loss; benchmarks/foreign.py measures the whole matrix."""
    for _, kind, quality, _, before, after in changes([form], [30, 95, None], metadata=(True,), size=96):
        assert after >= before - 0.1, (kind, quality)


@pytest.mark.parametrize("form", FORMATS)
def test_a_photograph_gains_all_the_same(form):
    codec, image = load(FORMATS[form]), pictures()["photo"]
    data = saved(image, form, 10 if form != "JPEG2000" else 30, metadata=True)
    assert psnr(codec.decode(data), image) > psnr(codec.codec.decode(data), image) + 0.02


@pytest.mark.parametrize("form", MODERN)
def test_a_lossless_file_comes_back_as_any_viewer_shows_it(form, photo, caplog):
    codec, image = load(FORMATS[form]), photo[:64, :64]
    data = saved(image, form, None, metadata=False)
    assert codec.codec.step_of(data) == 0
    assert np.array_equal(codec.decode(data), np.asarray(Image.open(io.BytesIO(data)).convert("RGB")))
    assert "left as it is" in caplog.text


@pytest.mark.parametrize("form", MODERN)
def test_metadata_does_not_count_as_picture(form, photo):
    bare, told = (FRAMEWORKS[FORMATS[form]].step_of(saved(photo, form, 50, metadata)) for metadata in (False, True))
    assert bare == told


@pytest.mark.parametrize("form", ["WEBP", "AVIF", "HEIF"])
def test_the_step_is_read_from_the_stream_and_not_guessed_from_the_kind_of_picture(form):
    """libwebp adapts its quantiser to the picture, by less than a factor of 2; the others do not."""
    codec = FRAMEWORKS[FORMATS[form]]
    for quality in (10, 50, 75):
        steps = [codec.step_of(saved(image, form, quality, metadata=True)) for image in pictures(96).values()]
        assert max(steps) / min(steps) < (2 if form == "WEBP" else 1.001)


@pytest.mark.parametrize("form", ["WEBP", "AVIF", "HEIF"])
def test_the_step_that_is_read_is_the_one_that_our_own_encoder_was_given(form, photo):
    codec = FRAMEWORKS[FORMATS[form]]
    for quality in (10, 50, 75):
        assert codec.step_of(codec.encode(photo, quality)) == pytest.approx(codec.step(quality), rel=0.15)


def test_tables_beyond_the_trained_range_16_bit_ones_too_do_no_harm(photo):
    codec = load("scic-jpeg")
    for image in (photo, pictures(96)["text"]):
        for step in (256, 900, 3000):
            data = jpeg(image, qtables=[[step] * 64] * 2)
            assert psnr(codec.decode(data), image) > psnr(codec.codec.decode(data), image) - 0.1


def test_networks_that_only_harm_are_left_out(photo):
    harmful = NetworkPair(1, None, shaken(build_networks("tiny", 1)[1]), b"harm")
    codec = Scic(FRAMEWORKS["scic-jpeg"], {1: harmful})
    data = jpeg(photo, quality=30)
    assert share(codec.codec, harmful, luma(photo), 20.0) == 0
    assert np.array_equal(codec.decode(data), codec.codec.decode(data))


@pytest.mark.parametrize("scale", [1, 2])
@pytest.mark.parametrize("form", FORMATS)
def test_a_file_of_ours_whose_picture_the_networks_harm_says_that_they_are_left_out(form, scale, photo):
    """Graphics, and photographs at very fine steps, are such files; random networks make one of any picture."""
    harmful = NetworkPair(scale, None, shaken(build_networks("tiny", scale)[1]), b"harm")
    codec, bare = (Scic(FRAMEWORKS[FORMATS[form]], {scale: pair}) for pair in (harmful, NetworkPair(scale)))
    for target in ({"quality": 30, "passes": 0}, {"bpp": 4.0}, {"min_psnr": 20}):
        data = codec.encode(photo[:32, :33], **target)
        assert codec.header(data).network_id == bytes(2)
        assert psnr(codec.decode(data), photo[:32, :33]) > 20
        assert np.array_equal(codec.decode(data), bare.decode(data))


def test_files_of_ours_are_never_shown_worse_than_by_a_viewer_and_still_gain():
    codec, found = load("scic-jpeg"), {}
    for kind, image in pictures(64).items():
        for quality in (30, 92):
            data = codec.encode(luma(image), quality, scale=1)
            found[kind, quality] = psnr(codec.decode(data), luma(image)) - psnr(codec.codec.decode(data), luma(image))
    assert min(found.values()) >= 0 and found["text", 92] == 0 and found["photo", 30] > 0.3


def test_large_pictures_are_judged_by_their_crops(monkeypatch):
    monkeypatch.setattr(large, "LARGE", 144 * 144)
    monkeypatch.setattr(large, "SIDE", 48)
    codec, image = load("scic-jpeg"), luma(pictures(160)["text"])
    for effort in (0, 2):
        for target in ({"quality": 92}, {"bpp": 6.0}):
            data = codec.encode(image, scale=1, effort=effort, **target)
            assert codec.header(data).network_id == bytes(2)
            assert psnr(codec.decode(data), image) > 45

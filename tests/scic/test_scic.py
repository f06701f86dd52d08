"""Is a SCIC file what it claims: an ordinary file, self-describing, and harmless in every damaged form?"""

import io
from itertools import pairwise

import numpy as np
import pytest
import torch
from conftest import SCALES, jpeg
from PIL import Image

from vcodec.errors import CodecError
from vcodec.images import luma
from vcodec.metrics import bits_per_pixel, psnr
from vcodec.networks import NetworkPair, double
from vcodec.scic import Scic, describe, load, plain
from vcodec.scic.candidates import RestoredPlanes
from vcodec.scic.header import HEADER
from vcodec.scic.planes import on_planes
from vcodec.standard import CODECS, TUNED_JPEG

JPEG = CODECS["jpeg"]
RANDOM = np.random.default_rng(0)


@SCALES
@pytest.mark.parametrize("gray", [True, False], ids=["gray", "colour"])
@pytest.mark.parametrize("size", [(1, 1), (1, 7), (7, 1), (2, 2), (17, 33), (64, 64)])
def test_every_size_comes_back(size, gray, scale, lively):
    image = RANDOM.integers(0, 256, size if gray else (*size, 3), np.uint8)
    data = lively.encode(image, quality=30, scale=scale)
    restored = lively.decode(data)
    assert restored.shape == image.shape and restored.dtype == np.uint8
    assert Image.open(io.BytesIO(data)).size == tuple(-(-s // scale) for s in size[::-1])
    facts = describe(data)
    assert (facts["original_height"], facts["original_width"], facts["scale"]) == (*size, scale)
    assert facts["bytes"] == len(data) and facts["bpp"] == pytest.approx(bits_per_pixel(data, image), abs=1e-4)


@SCALES
@pytest.mark.parametrize("gray", [True, False], ids=["gray", "colour"])
def test_step_0_is_the_plain_codec_behind_bicubic(scale, gray, photo, untrained):
    image = luma(photo) if gray else photo
    baseline = plain(TUNED_JPEG)
    ours, theirs = (codec.encode(image, quality=20, scale=scale, passes=0) for codec in (untrained, baseline))
    assert np.array_equal(untrained.decode(ours), baseline.decode(theirs))
    assert len(ours) == len(theirs)


@pytest.mark.parametrize("quality", [20, 95])
def test_plain_at_full_resolution_is_the_codec_alone(quality, photo):
    """Nothing learned, nothing lost on the way through luma and chroma: within 0.1 dB."""
    alone, through = JPEG.encode(photo, quality), plain(JPEG).encode(photo, quality=quality)
    gray = JPEG.encode(luma(photo), quality)
    assert np.array_equal(plain(JPEG).decode(gray), JPEG.decode(gray))
    assert psnr(plain(JPEG).decode(through), photo) > psnr(JPEG.decode(alone), photo) - 0.1
    assert len(through) == len(alone) + HEADER.size + 4


def test_colours_survive_the_planes(photo):
    """Rounded, never truncated: a fraction cut off in each conversion darkens blue by two levels."""
    error = on_planes(photo, lambda p: p, lambda p: p).astype(int) - photo
    assert np.abs(error).max() <= 2 and np.abs(error.mean((0, 1))).max() < 0.1


def test_luma_takes_the_networks_and_chroma_does_not(photo):
    lumas, chromas = [], []

    def negative(plane):
        lumas.append(plane)
        return 1 - plane

    turned = on_planes(photo, negative, lambda p: chromas.append(p) or p)
    assert len(lumas) == 1 and len(chromas) == 2 and all(p.shape == (1, 1, *photo.shape[:2]) for p in lumas + chromas)
    assert psnr(luma(turned), 255 - luma(photo)) > 30  # but for colours that RGB cannot hold
    assert torch.allclose(255 * lumas[0][0, 0], torch.tensor(luma(photo)).float(), atol=1.01)


def test_every_input_of_a_gray_picture_is_gray(photo, untrained):
    """An array and the same picture from Pillow make the same file."""
    gray = luma(photo)
    assert untrained.encode(gray, quality=9) == untrained.encode(Image.fromarray(gray), quality=9)
    assert untrained.encode(photo, quality=9) == untrained.encode(Image.fromarray(photo), quality=9)


# The encoder hears its decoder.


class Darkening(torch.nn.Module):
    """An IDN that errs in one direction everywhere, by 8 levels: the encoder can know, and push against it."""

    halo = 0

    def __init__(self, scale: int):
        super().__init__()
        self.scale = scale

    def forward(self, z: torch.Tensor, step: torch.Tensor) -> torch.Tensor:
        return (z if self.scale == 1 else double(z)) - 8 / 255


@SCALES
@pytest.mark.parametrize("gray", [True, False], ids=["gray", "colour"])
def test_an_encoder_that_hears_its_decoder_corrects_what_it_does_wrong(gray, scale, photo):
    image, codec = luma(photo) if gray else photo, Scic(TUNED_JPEG, {scale: NetworkPair(scale, None, Darkening(scale))})
    tried = codec.candidate(image, 60, scale).tried(3)
    deaf, hearing = (codec.decode(trial.data) for trial in (tried[0], tried[-1]))
    assert luma(image).mean() - luma(deaf).mean() == pytest.approx(8, abs=0.7)
    assert luma(image).mean() - luma(hearing).mean() == pytest.approx(0, abs=1.5)


@SCALES
def test_hearing_never_makes_a_file_that_costs_more(scale, photo, lively):
    """Squared error of luma and bits at the codec's price: the best of all passes is kept, the first among them."""

    def cost(passes: int, quality: int) -> float:
        data = lively.encode(image, quality=quality, scale=scale, passes=passes)
        error = np.square(lively.decode(data).astype(float) - image).sum()
        return error + scale**2 * TUNED_JPEG.bit_price(quality) * 8 * len(data)

    image = luma(photo)[:56, :72]
    for quality in (5, 30):
        costs = [cost(passes, quality) for passes in (0, 1, 3)]
        for fewer, more in pairwise(costs):
            assert more < 1.002 * fewer  # but for the rounding to 8 bits


@SCALES
def test_without_networks_or_for_other_codecs_there_is_nothing_to_hear(scale, photo, weights):
    image = luma(photo)[:40, :48]
    for codec in (plain(TUNED_JPEG), load("scic-webp", weights)):
        assert codec.encode(image, quality=20, scale=scale) == codec.encode(image, quality=20, scale=scale, passes=0)


# Budgets.


@pytest.mark.parametrize("target", [{"min_psnr": 27}, {"max_bytes": 900}])
def test_no_decoded_picture_passes_the_post_processor_twice(target, photo, untrained, monkeypatch):
    inputs, restore = [], NetworkPair.restore

    def counted(pair, z, step):
        if pair.idn is not None:
            inputs.append((pair.scale, step, z.contiguous().numpy().tobytes()))
        return restore(pair, z, step)

    monkeypatch.setattr(NetworkPair, "restore", counted)
    data = untrained.encode(photo[20:84, 20:116], **target)
    assert len(inputs) > 2 and len(set(inputs)) == len(inputs)
    monkeypatch.setattr(RestoredPlanes, "restore", lambda self, pair, z, step: restore(pair, z, step))
    assert untrained.encode(photo[20:84, 20:116], **target) == data  # to remember changes nothing else


def test_what_is_remembered_stays_within_its_bytes(lively):
    planes, pair = RestoredPlanes(most=3 * 4 * 16 * 16), lively.pair(1)
    pictures = [torch.full((1, 1, 16, 16), value) for value in (0.1, 0.2, 0.3, 0.4)]
    found = [planes.restore(pair, z, 9.0) for z in pictures]
    assert planes.restore(pair, pictures[3], 9.0) is found[3]
    again = planes.restore(pair, pictures[0], 9.0)  # the oldest was given up
    assert again is not found[0] and torch.equal(again, found[0])
    assert not torch.equal(planes.restore(pair, pictures[3], 20.0), found[3])  # another step, another picture


@SCALES
def test_a_budget_is_kept_and_used(scale, photo, lively):
    photo = photo[20:84, 20:116]
    for budget in (600, 900):
        data = lively.encode(photo, max_bytes=budget, scale=scale)
        assert len(data) <= budget
        data = lively.encode(photo, max_bytes=budget, scale=scale, passes=0)
        quality = lively.header(data).quality
        assert len(data) <= budget
        assert quality == 100 or len(lively.encode(photo, quality=quality + 1, scale=scale, passes=0)) > budget
    data = lively.encode(photo, bpp=1.0, scale=scale, passes=0)
    assert 0.85 < bits_per_pixel(data, photo) <= 1.0  # a step of quality is worth a few per cent


@pytest.mark.parametrize(
    "wrong", [{}, {"quality": 9, "bpp": 1.0}, {"bpp": 1.0, "max_bytes": 999}, {"quality": 0}, {"quality": True},
              {"quality": 9, "scale": 3}, {"min_psnr": 30, "bpp": 1.0},
              {"bpp": 0}, {"bpp": -1}, {"bpp": float("nan")}, {"max_bytes": 0}],
    ids=str,
)  # fmt: skip
def test_budgets_and_qualities_that_make_no_sense_are_refused(wrong, photo, untrained):
    with pytest.raises(CodecError):
        untrained.encode(photo[:16, :16], **wrong)


def test_a_budget_that_is_too_small_is_refused_with_the_smallest_size(photo, untrained):
    smallest = len(untrained.encode(photo, quality=1, scale=2))
    with pytest.raises(CodecError, match=str(smallest)):
        untrained.encode(photo, scale=2, max_bytes=smallest - 1)


# Loading.


def test_names_folders_and_scales_that_do_not_exist_are_refused(half_only, tmp_path, photo):
    with pytest.raises(CodecError, match="scic-jpeg"):
        load("scic-tiff")
    with pytest.raises(CodecError, match="no weights"):
        load("scic-jpeg", tmp_path)
    half = load("scic-jpeg", half_only)
    assert half.decode(half.encode(photo, quality=9, scale=2)).shape == photo.shape
    for use in (lambda: half.encode(photo, quality=9, scale=1), lambda: half.decode(jpeg(photo))):
        with pytest.raises(CodecError, match="scale 1"):
            use()

"""Do the weights that ship keep what the landing page promises? They must be there: without them nothing works."""

import hashlib
import io
import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import load_file, save

import vcodec
from vcodec.errors import CodecError
from vcodec.images import embedded, luma
from vcodec.metrics import bits_per_pixel, psnr
from vcodec.networks import SHIPPED, read_card
from vcodec.quality import QUALITIES, best_quality
from vcodec.scic import FRAMEWORKS, Scic, plain
from vcodec.standard import CODECS
from vcodec.weights import LICENCE, data_terms

ROOT = Path(__file__).parent.parent.parent
CARD = {
    "framework": str, "codec": str, "scale": int, "network": str, "seed": int, "minutes": float, "machine": str,
    "torch": str, "data": str, "held_out": str, "settings": dict, "parameters": dict, "sha256": str, "network_id": str,
}  # fmt: skip
CARDS = sorted(SHIPPED.glob("*.json"))
JOINT = {"steps": int, "steps_trained": int, "bd_rate_held_out": float, "looks": list}  # vcodec train
ROUNDS = {"rounds": int, "rounds_kept": int}  # vcodec train-rounds
WEIGHTS = sorted(SHIPPED.glob("scic-*.safetensors"))
SCALES = pytest.mark.parametrize("scale", [1, 2])
JPEG = CODECS["jpeg"]
PHOTOS = ("chelsea", "coffee", "astronaut")


@pytest.fixture(scope="module")
def codec() -> Scic:
    missing = [s for s in (1, 2) if not (SHIPPED / f"scic-jpeg-x{s}.safetensors").exists()]
    if missing:
        pytest.fail(f"the shipped weights of scale {missing} are missing in {SHIPPED}: train them and copy them there")
    return vcodec.load("scic-jpeg")


@pytest.mark.parametrize("path", WEIGHTS, ids=[path.stem for path in WEIGHTS])
def test_weights_are_those_of_their_card_and_the_card_is_complete(path):
    card = read_card(path)
    assert json.loads(path.with_suffix(".json").read_text()) == card  # the copy beside the file
    digest = hashlib.sha256(save(load_file(path))).hexdigest()  # of the weights alone, without their card
    assert card["sha256"] == digest and card["network_id"] == digest[:8]
    wanted = CARD | (ROUNDS if "rounds" in card else JOINT)
    assert {name: type(card.get(name)) for name in wanted} == wanted
    assert path.stem == f"scic-{card['codec']}-x{card['scale']}" and card["minutes"] > 5
    rsn_learned = card["settings"]["gradient"] != "none" and card.get("rounds_kept") != 0
    assert rsn_learned == ("rsn" in card["parameters"])
    assert card["command"].startswith(f"vcodec train --codec {card['codec']} --scale {card['scale']}")
    assert card["measured"]["command"].startswith("vcodec evaluate")  # and what it said
    assert len(card["measured"]) > 1


@pytest.mark.parametrize("path", CARDS, ids=[path.stem for path in CARDS])
def test_every_card_states_the_licence_and_the_terms_of_the_data_and_the_readme_repeats_them(path):
    card, readme = json.loads(path.read_text()), " ".join((ROOT / "README.md").read_text().split())
    assert card["licence"] == LICENCE and card["data_terms"] == data_terms(card["data"])
    assert f"Trained networks: {LICENCE}" in readme
    for name in card["data"].split(","):  # a data set of which nothing is known does not ship
        terms = data_terms(name)
        assert "not known" not in terms and terms.split()[0] in readme and terms.split(" for ")[1] in readme


def test_a_run_on_other_pictures_does_not_claim_terms_that_nobody_knows():
    assert data_terms("bsds500/train,bsds500/test") == data_terms("photos/BSDS500")
    both = data_terms("holidays, embedded")
    assert both == data_terms("embedded,holidays") and both.startswith("not known: holidays; the photographs of")


def test_all_weights_together_keep_a_clone_small():
    assert sum(path.stat().st_size for path in SHIPPED.glob("*.safetensors")) < 25e6


@pytest.mark.parametrize("name", FRAMEWORKS)
@pytest.mark.slow
def test_every_codec_ships_with_a_network_that_earns_something(name):
    """The same file of full resolution, seen without and with the network."""
    codec, image = vcodec.load(name), luma(embedded("coffee"))[50:306, 150:406]
    for quality in (10, 30):
        data = codec.encode(image, quality, scale=1, passes=0)
        assert psnr(codec.decode(data), image) > psnr(codec.codec.decode(data), image) + 0.1


@pytest.mark.slow
def test_half_resolution_beats_plain_and_bicubic_jpeg_at_a_fifth_of_a_bit(codec):
    gains = []
    for name in PHOTOS:
        image = luma(embedded(name))[:288, 80:400]
        data = codec.encode(image, bpp=0.2, scale=2)
        assert 0.15 < bits_per_pixel(data, image) <= 0.2
        ours = psnr(codec.decode(data), image)
        alone = psnr(JPEG.decode(best_quality(partial(JPEG.encode, image), len(data))[1]), image)
        bicubic = plain(JPEG)
        small = psnr(bicubic.decode(bicubic.encode(image, max_bytes=len(data), scale=2)), image)
        assert ours > small
        gains.append(ours - alone)
    assert np.mean(gains) > 1 and min(gains) > 0.5, gains  # dB


@pytest.mark.slow
def test_full_resolution_beats_plain_jpeg_at_half_a_bit(codec):
    for name in PHOTOS:
        image = luma(embedded(name))[20:276, 100:356]
        data = codec.encode(image, bpp=0.5, scale=1)
        alone = best_quality(partial(JPEG.encode, image), len(data))[1]
        assert psnr(codec.decode(data), image) > psnr(JPEG.decode(alone), image) + 0.5


@pytest.mark.parametrize("quality", [10, 30])
def test_an_ordinary_jpeg_looks_better_through_our_decoder(quality, codec):
    for name in PHOTOS:
        image = luma(embedded(name))[20:276, 100:356]
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, "JPEG", quality=quality)
        decoded = np.asarray(Image.open(buffer))
        assert psnr(codec.decode(buffer.getvalue()), image) > psnr(decoded, image) + 0.3


@SCALES
@pytest.mark.slow
def test_colour_pictures_gain_too_and_high_quality_stays_high(scale, codec):
    image = embedded("coffee")[100:300, 200:400]
    data = codec.encode(image, quality=10, scale=scale)
    baseline = plain(codec.codec)
    without = baseline.decode(baseline.encode(image, max_bytes=len(data), scale=scale))
    assert psnr(codec.decode(data), image) > psnr(without, image)
    if scale == 1:  # the learned correction must not get in the way of a fine step
        gray = luma(image)
        coarse, fine = (codec.decode(codec.encode(gray, quality=q)) for q in (90, 100))
        assert psnr(fine, gray) > psnr(coarse, gray) > 36


@SCALES
@pytest.mark.slow
def test_a_budget_finds_the_best_quality_behind_learned_pixels(scale, codec):
    """RSN changes with the quality: if sizes stopped growing, the search would miss the best."""
    image = luma(embedded("chelsea"))[64:192, 128:256]
    sizes = {q: len(codec.encode(image, quality=q, scale=scale, passes=0)) for q in QUALITIES[:60]}
    for budget in (sizes[10], sizes[25] + 3, sizes[40] - 1):
        found = codec.header(codec.encode(image, max_bytes=budget, scale=scale, passes=0)).quality
        assert found == max(q for q, size in sizes.items() if size <= budget)


def test_a_file_of_other_weights_is_refused(codec, untrained):
    with pytest.raises(CodecError, match="decode it with the weights it was made with"):
        codec.decode(untrained.encode(np.zeros((16, 16), np.uint8), quality=10))

"""Does each phase learn, move its own network alone, and trust nobody but the real codec?"""

import numpy as np
import pytest
import torch
from conftest import SCALES, shaken
from small_rounds import PICTURES, costing, rounds, values_of

from vcodec.errors import CodecError
from vcodec.images import luma
from vcodec.networks import build_networks, save_weights
from vcodec.standard import CODECS, Jpeg
from vcodec.training import Job
from vcodec.training.run_folder import LOG_FIELDS
from vcodec.training.surrogates import GRADIENTS

pytestmark = pytest.mark.usefixtures("single_precision")


# Learning.


@SCALES
def test_a_short_training_lowers_the_real_cost(scale):
    short = rounds(scale=scale, lr=2e-3, patch=48)
    before = short.real_cost()
    short.photos.fill([Job(photo, 0, quality) for quality in (3, 6, 10, 20, 40, 70) for photo in (0, 1)])
    values = short.train_idn(40)
    after = short.real_cost()
    # RSN rested, so the rate is as it was: what fell is the error, in units of the plain codec's. Sharper
    # enlargement is slower to learn than the removal of blocks.
    assert after["cost"] < before["cost"] - (0.01 if scale == 1 else 0.002) and np.isfinite(values["idn_loss"])
    assert after["bpp"] == before["bpp"]


def test_the_auto_encoder_start_learns_without_a_codec():
    start = rounds(scale=2, lr=2e-3, patch=48)
    x, _ = start.check_batch
    fine = torch.ones(len(x))

    def error() -> float:
        with torch.no_grad():
            return (start.idn(start.rsn(x, fine), fine) - x).abs().mean().item()

    before = error()
    for _ in range(3):
        assert start.auto_encode()["start_loss"] > 0
    assert error() < 0.995 * before


@pytest.mark.parametrize(("scale", "objective"), [(1, "rd"), (2, "rd"), (2, "paper")])
def test_a_round_runs_with_either_objective_and_learns_the_bits(scale, objective):
    short = rounds(scale=scale, objective=objective, idn_steps=6, lr=2e-3)
    first, _, second = short.teach_vcn(6), short.train_round(), short.train_round()
    assert set(second) == set(LOG_FIELDS) - {"seconds", "phase", "start_loss", "gain"}
    assert all(np.isfinite(v) for v in second.values())
    assert second["bits_miss"] < first["bits_miss"]
    assert short.state["rounds"] == 2


@pytest.mark.parametrize("gradient", [name for name in GRADIENTS if name not in ("none", "vcn")])
def test_a_round_runs_with_every_gradient(gradient):
    short = rounds(gradient=gradient)
    before = values_of(short.rsn)
    short.real_cost = costing(2.0, 1.0)
    assert short.train_round()["kept"] == 1 and not torch.equal(before, values_of(short.rsn))


@pytest.mark.parametrize("codec", ["jpeg2000", "webp", "avif", "heic"])
def test_every_codec_can_be_trained_around(codec):
    """Real files of its format in IDN's data, in the rounds and in the check."""
    short = rounds(codec=codec, idn_steps=1, rsn_steps=1)
    tuned = CODECS[codec if codec == "jpeg2000" else f"{codec}-tuned"]
    assert short.codec.codec == tuned and [c.name for c in short.photos.codecs] == [tuned.name]
    short.check_batch = tuple(part[:6] for part in short.check_batch)
    values = short.train_idn(1) | short.train_round()
    assert all(np.isfinite(v) for v in values.values()) and values["patch_bpp"] > 0


@SCALES
def test_the_paper_networks_train(scale):
    short = rounds(scale=scale, network="paper", objective="paper", patch=24, batch=1, idn_steps=1, rsn_steps=1)
    short.check_batch = tuple(part[:2] for part in short.check_batch)  # 48 patches take seconds
    values = short.train_round()
    assert all(np.isfinite(v) for v in values.values())


def test_the_files_idn_learns_from_are_those_that_will_be_written():
    """The trellis counts for IDN; within the rounds the same tables do without it, being fast."""
    short = rounds()
    assert short.photos.codecs == [CODECS["jpeg-tuned"], CODECS["jpeg"]]
    assert short.codec.codec == Jpeg(luma_table=CODECS["jpeg-tuned"].luma_table, optimize=False)
    assert short.codec.codec.tables(30)[0] == CODECS["jpeg-tuned"].tables(30)[0]


# Who moves whom.


def test_each_update_changes_its_own_network_alone():
    short = rounds()
    short.train_round()

    def changed(work) -> set[str]:
        before = {name: values_of(network) for name, network in short.networks.items()}
        work()
        return {name for name, network in short.networks.items() if not torch.equal(before[name], values_of(network))}

    assert changed(short._rsn_step) == {"rsn"}
    assert changed(lambda: short.train_idn(2)) == {"idn"}
    assert changed(lambda: short.teach_vcn(2)) == {"idn", "vcn"}
    assert changed(short.real_cost) == changed(short.gain) == set()
    assert changed(short.auto_encode) == {"rsn", "idn"}


@pytest.mark.parametrize(
    ("gradient", "rate", "used"),
    [("vcn", True, True), ("vcn", False, True), ("noise", True, True), ("noise", False, False)],
)  # fmt: skip
def test_vcn_learns_where_it_is_of_use(gradient, rate, used):
    short = rounds(gradient=gradient, rate=rate)
    before = values_of(short.vcn)
    row = short.teach_vcn(2)
    assert torch.equal(before, values_of(short.vcn)) != used and ("bits_miss" in row) == used


def test_the_vcn_begins_as_a_copy_of_the_trained_idn():
    short = rounds(idn_steps=0)
    short.train_idn(3)
    assert not torch.equal(values_of(short.idn), values_of(short.vcn.decoder))
    short.train_round()
    assert torch.equal(values_of(short.idn), values_of(short.vcn.decoder))


def test_vcn_and_idn_are_frozen_while_rsn_learns_and_free_again_afterwards():
    short, seen = rounds(), []
    inner = short.stand_in

    def watched(y, step, qualities):
        seen.append({name: {p.requires_grad for p in net.parameters()} for name, net in short.networks.items()})
        return inner(y, step, qualities)

    short.stand_in = watched
    short._rsn_step()
    assert seen == [{"rsn": {True}, "idn": {False}, "vcn": {False}}]

    def failing(*_):
        raise KeyboardInterrupt

    short.stand_in = failing
    with pytest.raises(KeyboardInterrupt):
        short._rsn_step()
    for network in short.networks.values():
        assert all(p.requires_grad for p in network.parameters())


# What cannot be trained.


def test_settings_that_make_no_sense_are_refused_in_one_sentence():
    for wrong, words in (
        ({"gradient": "ste"}, "straight-through"), ({"network": "mine"}, "default"), ({"scale": 3}, "scale"),
        ({"codec": "webp", "gradient": "differentiable-jpeg"}, "imitates JPEG alone"), ({"patch": 200}, "200x200"),
    ):  # fmt: skip
        with pytest.raises(CodecError, match=words) as caught:
            rounds(**wrong)
        assert "\n" not in str(caught.value)


def test_a_training_can_start_from_weights_and_only_from_fitting_ones(tmp_path):
    rsn, idn = map(shaken, build_networks("tiny", 2))
    save_weights(tmp_path / "w.safetensors", rsn, idn, {"network": "tiny", "scale": 2})
    begun = rounds(start_from=tmp_path / "w.safetensors")
    for network, source in ((begun.rsn, rsn), (begun.idn, idn), (begun.vcn.decoder, idn)):
        assert torch.allclose(values_of(network), values_of(source), atol=1e-3)
    assert all(p.requires_grad for network in begun.networks.values() for p in network.parameters())
    save_weights(tmp_path / "alone.safetensors", None, idn, {"network": "tiny", "scale": 2})
    alone = rounds(start_from=tmp_path / "alone.safetensors")
    assert torch.allclose(values_of(alone.idn), values_of(idn), atol=1e-3)
    assert torch.equal(values_of(alone.rsn), values_of(rounds().rsn))
    for settings in ({"network": "paper"}, {"network": "default"}, {"scale": 1}):
        with pytest.raises(CodecError, match="another kind"):
            rounds(tmp_path / "w.safetensors", **settings)
    with pytest.raises(CodecError, match="no weights"):
        rounds(tmp_path / "missing.safetensors")


def test_photographs_are_resampled_as_the_codec_will_resample_them():
    """uint8, through the same tiles, and for `none` the plain operation."""
    plane = luma(PICTURES[2])[:50, :60]
    half, whole = rounds(gradient="none", scale=2), rounds(gradient="none", scale=1)
    assert np.array_equal(whole.resample_photo(plane, 30), plane)
    assert half.resample_photo(plane, 30).shape == (25, 30) and half.resample_photo(plane, 30).dtype == np.uint8
    learned = rounds(scale=2)
    assert np.array_equal(learned.resample_photo(plane, 30), half.resample_photo(plane, 30))  # at step 0
    learned.rsn.load_state_dict(shaken(learned.rsn).state_dict())
    coarse, fine = learned.resample_photo(plane, 5), learned.resample_photo(plane, 95)
    assert not np.array_equal(coarse, fine)  # the re-sampler is told the step

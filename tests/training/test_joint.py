"""Do the three networks learn in one step, each from its own source, and is what ships the best that was seen?"""

import csv
import itertools
import math

import pytest
import torch
from conftest import shaken
from small_rounds import PICTURES, values_of

from vcodec.errors import CodecError
from vcodec.images import luma, to_float
from vcodec.networks import build_networks, load_weights, read_card, save_weights
from vcodec.scic import load
from vcodec.training.joint import RANGES, Joint, JointSettings
from vcodec.training.joint_trainer import JointTrainer
from vcodec.training.surrogates import GRADIENTS

SMALL = {"network": "tiny", "patch": 32, "batch": 4, "steps": 4, "lead_in": 1, "check": 2, "judged": 1, "wide": 0.0}

pytestmark = pytest.mark.usefixtures("single_precision")


def joint(start_from=None, **settings) -> Joint:
    return Joint(JointSettings(**SMALL | settings), PICTURES[:2], PICTURES[2:], "cpu", start_from)


@pytest.fixture
def trainer(tmp_path):
    numbers = itertools.count()

    def make(run=None, **settings) -> JointTrainer:
        run = run or tmp_path / f"run{next(numbers)}"
        return JointTrainer(
            JointSettings(**SMALL | settings), PICTURES[:2], PICTURES[2:], run, {"data": "crops"}, "cpu"
        )

    return make


def moved(short: Joint, steps: int) -> set[str]:
    before = {name: values_of(network) for name, network in short.networks.items()}
    for _ in range(steps):
        short.train_step(0.0)
    return {name for name, network in short.networks.items() if not torch.equal(before[name], values_of(network))}


# Who learns.


@pytest.mark.parametrize("gradient", GRADIENTS)
def test_every_gradient_moves_the_networks_it_concerns(gradient):
    assert moved(joint(gradient=gradient), 3) == ({"idn"} if gradient == "none" else {"rsn", "idn", "vcn"})


def test_without_rate_only_the_virtual_codec_of_pixels_is_taught():
    assert moved(joint(gradient="noise", rate="none"), 3) == {"rsn", "idn"}
    assert moved(joint(gradient="vcn", rate="none"), 3) == {"rsn", "idn", "vcn"}


def test_the_resampler_waits_until_the_virtual_codec_has_learnt():
    assert moved(joint(lead_in=3), 3) == {"idn", "vcn"}


@pytest.mark.parametrize("scale", [1, 2])
@pytest.mark.parametrize("rate", ["head", "symbols"])
def test_the_resampler_loss_has_the_real_value(rate, scale):
    """The stand-in lends its gradient alone: the value is that of the real picture and the real bits."""
    short = joint(scale=scale, rate=rate)
    x, quality, _ = short.draw()
    step, qualities = torch.full((4,), short.codec.step(quality)), torch.full((4,), quality)
    y = short.rsn(x, step)
    coded = short.code(y.detach(), quality)
    x_hat = short.idn(coded.z, step).detach() + 0.1  # nothing that a stand-in would say
    loss = short._rsn_loss(x, y, step, qualities, x_hat, coded)
    real = short.objective.distortion(x_hat, x, qualities) + short.objective.rate(coded.bits / 1024, qualities)
    assert loss.item() == pytest.approx(real.mean().item(), rel=1e-4)
    loss.backward()
    assert all(p.grad is not None for p in short.rsn.trunk.tail.parameters())
    assert all(p.grad is None for p in [*short.idn.parameters(), *short.vcn.parameters()])


def test_more_expensive_bits_make_the_resampler_save_them():
    """The same steps at two prices: the dearer bits, the fewer."""

    def bits(price: float) -> float:
        short = joint(price=price, seed=1, lead_in=1, rsn_lr=5e-3, scale=1, gradient="straight-through",
                      rate="symbols", foreign=0.0)  # fmt: skip
        for _ in range(40):
            short.train_step(0.0)
        x = torch.cat([to_float(luma(p)[:64, :64]) for p in PICTURES])
        with torch.no_grad():
            return short.code(short.rsn(x, torch.full((3,), short.codec.step(20))), 20).bits.sum().item()

    assert bits(30.0) < 0.95 * bits(0.0)


def test_other_peoples_files_are_for_the_decoder_at_full_resolution_alone():
    assert joint(scale=1).code_foreign is not None and joint(scale=2).code_foreign is None
    assert joint(scale=1, codec="webp").code_foreign is None
    assert moved(joint(scale=1, foreign=1.0), 3) == {"idn"}


def test_a_training_can_start_from_weights_and_only_from_fitting_ones(tmp_path):
    rsn, idn = map(shaken, build_networks("tiny", 2))
    save_weights(tmp_path / "w.safetensors", rsn, idn, {"network": "tiny", "scale": 2})
    begun = joint(start_from=tmp_path / "w.safetensors")
    for network, source in ((begun.rsn, rsn), (begun.idn, idn), (begun.vcn.decoder, idn)):
        assert torch.allclose(values_of(network), values_of(source), atol=1e-3)
    with pytest.raises(CodecError, match="another kind"):
        joint(tmp_path / "w.safetensors", scale=1)


@pytest.mark.parametrize(("wrong", "words"), [
    ({"gradient": "ste"}, "straight-through"), ({"rate": "free"}, "head"), ({"codec": "png"}, "webp"),
    ({"codec": "webp", "rate": "symbols"}, "JPEG alone"),
    ({"gradient": "differentiable-jpeg", "codec": "avif"}, "JPEG"),
    ({"patch": 200}, "multiple"), ({"patch": 320}, "320x320"), ({"seed": -1}, "seed"), ({"steps": 0}, "steps"),
    ({"network": "mine"}, "default"), ({"scale": 3}, "scale"), ({"objective": "mse"}, "paper"),
])  # fmt: skip
def test_settings_that_make_no_sense_are_refused_in_one_sentence(wrong, words):
    with pytest.raises(CodecError, match=words) as caught:
        joint(**wrong)
    assert "\n" not in str(caught.value)


# The run: best networks, schedule, going on.


def test_the_price_of_a_bit_follows_the_curve_of_codec_and_networks():
    short = joint(gradient="none")
    before = short.objective.price.clone()
    short.look()
    assert not torch.equal(before, short.objective.price) and (short.objective.price[2:70] > 0).all()


@pytest.mark.parametrize("first", [-30.0, math.nan])  # NaN: no photograph shares a range with the plain codec
def test_the_networks_that_judged_best_are_shipped(trainer, monkeypatch, first):
    run, seen = trainer(average=0.0), []
    verdicts = iter([first, -35.0, -33.0])

    def look() -> float:
        seen.append(values_of(run.pair().idn))
        return next(verdicts)

    monkeypatch.setattr(run, "look", look)
    run.train()
    pair, card = load_weights(run.weights_path), read_card(run.weights_path)
    assert torch.allclose(values_of(pair.idn), seen[1], atol=1e-3) and not torch.equal(seen[1], seen[2])
    assert (card["steps"], card["steps_trained"], card["bd_rate_held_out"]) == (2, 4, -35.0)
    assert card["looks"][0] == [0, None if math.isnan(first) else first]
    assert pair.rsn is not None and card["command"].startswith("vcodec train --codec jpeg --scale 2 --network tiny")
    picture = luma(PICTURES[0])
    codec = load("scic-jpeg", run.folder.path)
    assert codec.decode(codec.encode(picture, quality=10)).shape == picture.shape


def test_a_run_ends_with_its_steps_or_its_minutes_and_the_learning_rate_falls_with_either(trainer):
    by_steps = trainer(steps=25, check=100)
    by_steps.train()
    rows = list(csv.DictReader((by_steps.folder.path / "log.csv").read_text().splitlines()))
    assert [row["steps"] for row in rows] == ["10", "20", "25"] and rows[-1]["bd_rate"]
    by_time = trainer(steps=1_000_000, check=1_000_000)
    rates = []
    clock = itertools.count(0, 10)  # every look at it, ten seconds
    by_time.train(1, lambda row: rates.append(by_time.optimizers["idn"].param_groups[0]["lr"]), lambda: next(clock))
    assert 1 < len(rates) < 10 and by_time.steps_done < 100
    assert rates[-1] < max(rates)


def test_a_resumed_run_goes_on_exactly_where_it_was(trainer, tmp_path, monkeypatch):
    monkeypatch.setattr("vcodec.training.joint_trainer.ROW", 4)
    kept = trainer(tmp_path / "kept", steps=40, check=10)
    kept.state["rows"] += 1
    kept.advance(0.0)
    kept.save()
    resumed = trainer(tmp_path / "kept", steps=40, check=10)
    assert resumed.resume() and resumed.steps_done == 4 and resumed.state == kept.state
    rows = [run.advance(0.3) for run in (resumed, kept)]
    assert [row.pop("phase") for row in rows] == ["joint", "joint"] and rows[0] == pytest.approx(rows[1], rel=1e-6)
    for name in kept.networks:
        assert torch.equal(values_of(kept.networks[name]), values_of(resumed.networks[name]))
    with pytest.raises(CodecError, match="another seed"):
        trainer(tmp_path / "kept", steps=40, check=10, seed=3).resume()


def test_ctrl_c_leaves_networks_that_can_be_used(trainer):
    stopped = trainer(steps=1000, check=1000)

    def press(row):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped.train(on_log=press)
    assert stopped.steps_done == 10 and load_weights(stopped.weights_path).idn is not None
    again = trainer(stopped.folder.path, steps=1000, check=1000)
    assert again.resume() and again.steps_done == 10


def test_a_short_joint_training_lowers_the_cost_of_a_batch(monkeypatch):
    """The same patches before and after, through the real codec: error and bits at the price of the curve."""
    monkeypatch.setitem(RANGES, 1, (3, 5))
    short = joint(gradient="straight-through", scale=1, lr=2e-3, patch=48, lead_in=0, foreign=0.0)
    x, _, _ = short.draw()
    step, qualities = torch.full((4,), short.codec.step(4)), torch.full((4,), 4)

    @torch.no_grad()
    def cost() -> float:
        coded = short.code(short.rsn(x, step), 4)
        error = short.objective.distortion(short.idn(coded.z, step), x, qualities)
        return (error + short.objective.rate(coded.bits / x[0].numel(), qualities)).mean().item()

    before = cost()
    for _ in range(40):
        short.train_step(0.0)
    assert cost() < before - 0.01

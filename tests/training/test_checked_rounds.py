"""Does a re-sampler pay for its bits, and is a round kept only if the real codec says so?"""

from functools import partial

import numpy as np
import pytest
import torch
from conftest import SCALES, shaken
from small_rounds import costing, rounds, values_of

from vcodec.images import to_float
from vcodec.networks import build_networks
from vcodec.training import squared_error

pytestmark = pytest.mark.usefixtures("single_precision")


def rsn_after_steps(price_factor: float, **settings) -> torch.Tensor:
    short = rounds(**settings)
    short.objective.price *= price_factor
    for _ in range(2):
        short._rsn_step()
    return values_of(short.rsn)


@pytest.mark.parametrize("gradient", ["vcn", "straight-through"])
def test_without_rate_bits_cost_rsn_nothing(gradient):
    free = [rsn_after_steps(factor, gradient=gradient, rate=False) for factor in (1, 1000)]
    paid = [rsn_after_steps(factor, gradient=gradient, rate=True) for factor in (1, 1000)]
    assert torch.equal(*free) and not torch.allclose(*paid, atol=1e-4) and not torch.equal(free[0], paid[0])


HARMFUL = {"rsn_lr": 0.5, "rsn_steps": 3}  # steps a thousand times too long


def test_a_round_that_only_fooled_the_vcn_is_rolled_back():
    harmful = rounds(**HARMFUL)
    before, cost = values_of(harmful.rsn), harmful.real_cost()["cost"]
    row = harmful.train_round()
    assert (row["kept"], harmful.state["kept"], harmful.state["rounds"]) == (0, 0, 1) and row["cost_gain"] < 0
    assert torch.equal(values_of(harmful.rsn), before)
    assert harmful.state["trust"] == 0.5 and harmful.real_cost()["cost"] < 2 * cost


def test_without_the_check_the_harm_stays():
    harmful = rounds(**HARMFUL, check=False)
    before, cost = values_of(harmful.rsn), harmful.real_cost()["cost"]
    row = harmful.train_round()
    assert row["kept"] == harmful.state["kept"] == 1 and row["cost_gain"] < 0 and harmful.state["trust"] == 1
    assert not torch.equal(values_of(harmful.rsn), before) and harmful.real_cost()["cost"] > 1.5 * cost


@pytest.mark.parametrize("check", [True, False])
def test_a_resampler_that_is_not_a_number_any_more_is_undone_in_any_case(check):
    broken = rounds(check=check)
    before = values_of(broken.rsn)

    def burst() -> float:
        with torch.no_grad():
            next(broken.rsn.parameters()).fill_(torch.nan)
        return float("nan")

    broken._rsn_step = burst
    broken.real_cost = costing(1.0, float("nan"))
    assert broken.train_round()["kept"] == 0 and torch.equal(values_of(broken.rsn), before)


@pytest.mark.parametrize("check", [True, False])
def test_ctrl_c_amid_a_round_leaves_the_resampler_that_was_checked_last(check, monkeypatch):
    stopped = rounds(rsn_lr=0.5, check=check)
    before, step = values_of(stopped.rsn), stopped._rsn_step

    def one_step_and_stop():
        step()
        raise KeyboardInterrupt

    monkeypatch.setattr(stopped, "_rsn_step", one_step_and_stop)
    with pytest.raises(KeyboardInterrupt):
        stopped.train_round()
    assert torch.equal(values_of(stopped.rsn), before)


def test_a_round_that_helps_is_kept(monkeypatch):
    helpful = rounds()
    before = values_of(helpful.rsn)
    monkeypatch.setattr(helpful, "real_cost", costing(2.0, 1.0))
    row = helpful.train_round()
    assert row["kept"] == helpful.state["kept"] == 1 and (row["cost"], row["cost_gain"]) == (2, 1)
    assert not torch.equal(values_of(helpful.rsn), before)


@SCALES
def test_the_real_cost_is_that_of_real_files(scale):
    """Step by step by hand: RSN, the codec, IDN, then error and bits at the codec's own exchange rate."""
    short = rounds(scale=scale)
    short.rsn.load_state_dict(shaken(build_networks("tiny", scale)[0], amount=0.5).state_dict())
    x, qualities = short.check_batch
    codec, costs, errors = short.codec.codec, [], []
    with torch.no_grad():
        for picture, quality in zip(x, qualities, strict=True):
            step = torch.tensor([codec.step(int(quality))])
            y = (255 * short.rsn(picture[None], step)).round().byte()[0, 0].numpy()
            data = codec.encode(y, int(quality))
            error = squared_error(short.idn(to_float(codec.decode(data)), step).clamp(0, 1), picture[None]).item()
            bpp = 8 * (len(data) - short.codec.frame_bytes) / picture.numel()
            costs.append((error + short.objective.price[quality].item() * bpp) / short.objective.error[quality].item())
            errors.append(error)
    found = short.real_cost()
    assert found["cost"] == pytest.approx(np.mean(costs), rel=1e-3)
    assert found["squared_error"] == pytest.approx(np.mean(errors), rel=1e-3)


def test_idn_adds_nothing_to_the_codec_before_it_has_learnt():
    short = rounds(scale=1)
    assert short.gain()["gain"] == pytest.approx(0, abs=1e-4)
    short.idn.forward = lambda z, step: z + 20 / 255
    assert short.gain()["gain"] < -3


def test_the_gain_is_measured_behind_the_resampler_of_today(monkeypatch):
    """What an older RSN made is stale: a round changes it, and IDN with it."""
    short = rounds()
    short.gain()
    monkeypatch.setattr(short, "real_cost", costing(2.0, 1.0))
    monkeypatch.setattr(short, "_rsn_step", partial(short.rsn.load_state_dict, shaken(short.rsn).state_dict()))
    monkeypatch.setattr(short, "mean", lambda values: 0.0)
    assert short.train_round()["kept"] == 1
    short.gain()
    codec, job = short.judged.codecs[0], short.judged.jobs[0]
    y = short.resample_photo(short.judged.planes[job.photo], job.quality)
    assert np.array_equal(short.judged.pictures[0], codec.decode(codec.encode(y, job.quality)))


def test_photographs_that_an_older_resampler_made_are_not_learnt_from():
    short = rounds()
    short.train_idn(1)
    assert short.photos.jobs
    short.train_round()
    assert not short.photos.jobs

"""Does the training learn, resume exactly, and trust nobody but the real codec?"""

import csv
import itertools
from functools import partial

import numpy as np
import pytest
import torch

from vcodec import training
from vcodec.errors import CodecError
from vcodec.images import embedded, luma, save_image, to_float
from vcodec.layers import double, halve
from vcodec.networks import load_weights, read_card
from vcodec.objectives import PaperObjective, RateDistortion, dssim, plain_point, squared_error
from vcodec.runs import LOG_FIELDS
from vcodec.scic import load
from vcodec.training import Settings, Trainer, sample_qualities, split

TINY = {"network": "tiny", "patch": 32, "batch": 4, "idn_steps": 3, "rsn_steps": 2}
SCALES = pytest.mark.parametrize("scale", [1, 2])


@pytest.fixture(autouse=True)
def the_same_arithmetic_everywhere(monkeypatch):
    """Single precision, because the faster type is chosen by measuring and may change between two trainers."""
    monkeypatch.setattr(training, "fastest_dtype", lambda device: torch.float32)


@pytest.fixture
def trainer(tmp_path):
    """A maker of small trainers on crops of photographs; each has a folder of its own unless told."""
    pictures = [embedded(name)[100:260, 150:310] for name in ("chelsea", "coffee", "camera")]
    numbers = itertools.count()

    def make(run=None, **settings) -> Trainer:
        run = run or tmp_path / f"run{next(numbers)}"
        return Trainer(Settings(**TINY | settings), pictures[:2], pictures[2:], run, {"data": "crops"}, device="cpu")

    return make


def values_of(network: torch.nn.Module) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in network.parameters()]).clone()


# Learning.


@SCALES
def test_a_short_training_lowers_the_real_cost(scale, trainer):
    short = trainer(scale=scale, learning_rate=5e-3, patch=48)
    before = short.real_cost()
    values = short.train_idn(50)
    # RSN rested, so the rate is as it was: what fell is the error, in units of the plain codec's. Sharper
    # enlargement is slower to learn than the removal of blocks.
    assert short.real_cost() < before - (0.01 if scale == 1 else 0.002) and np.isfinite(values["idn_loss"])


def test_the_auto_encoder_start_learns_without_a_codec(trainer):
    start = trainer(scale=2, learning_rate=2e-3, patch=48)
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
def test_a_round_runs_with_either_objective_and_learns_the_bits(scale, objective, trainer):
    short = trainer(scale=scale, objective=objective, idn_steps=6, learning_rate=2e-3)
    first, second = short.train_round(), short.train_round()
    assert set(second) == set(LOG_FIELDS) - {"seconds", "phase", "start_loss"}
    assert all(np.isfinite(v) for v in second.values())
    assert second["bits_miss"] < first["bits_miss"]
    assert short.state["rounds"] == 2


@SCALES
def test_the_paper_networks_train(scale, trainer):
    tiny = {"patch": 24, "batch": 1, "idn_steps": 1, "rsn_steps": 1}
    short = trainer(scale=scale, network="paper", objective="paper", **tiny)
    short.check_batch = tuple(part[:2] for part in short.check_batch)  # 48 patches take seconds
    values = short.train_round()
    assert all(np.isfinite(v) for v in values.values())


# Who moves whom.


def test_each_update_changes_its_own_network_alone(trainer):
    short = trainer()
    short.train_round()

    def changed(work) -> set[str]:
        before = {name: values_of(network) for name, network in short.networks.items()}
        work()
        return {name for name, network in short.networks.items() if not torch.equal(before[name], values_of(network))}

    assert changed(short._rsn_step) == {"rsn"}
    assert changed(lambda: short.train_idn(2)) == {"idn"}
    assert changed(lambda: short.train_idn(2, teach=True)) == {"idn", "vcn"}
    assert changed(short.real_cost) == set()


def test_the_vcn_begins_as_a_copy_of_the_trained_idn(trainer):
    short = trainer(idn_steps=0)
    short.train_idn(3)
    assert not torch.equal(values_of(short.idn), values_of(short.vcn.decoder))
    short.train_idn = lambda *_, **__: {}
    short.train_round()
    assert torch.equal(values_of(short.idn), values_of(short.vcn.decoder))


def test_a_round_that_only_fooled_the_vcn_is_rolled_back(trainer):
    harmful = trainer(rsn_rate=0.5, rsn_steps=3)  # steps a thousand times too long
    before, cost = values_of(harmful.rsn), harmful.real_cost()
    row = harmful.train_round()
    assert (row["kept"], harmful.state["kept"], harmful.state["rounds"]) == (0, 0, 1) and row["cost_gain"] < 0
    assert torch.equal(values_of(harmful.rsn), before)
    assert harmful.state["trust"] == 0.5 and harmful.real_cost() < 2 * cost


def test_ctrl_c_amid_a_round_leaves_the_resampler_that_was_checked_last(trainer, monkeypatch):
    stopped = trainer(rsn_rate=0.5)
    before, step = values_of(stopped.rsn), stopped._rsn_step

    def one_step_and_stop():
        step()
        raise KeyboardInterrupt

    monkeypatch.setattr(stopped, "_rsn_step", one_step_and_stop)
    with pytest.raises(KeyboardInterrupt):
        stopped.train_round()
    assert torch.equal(values_of(stopped.rsn), before)


def test_a_round_that_helps_is_kept(trainer, monkeypatch):
    helpful = trainer()
    before, costs = values_of(helpful.rsn), iter([2.0, 1.0])
    monkeypatch.setattr(helpful, "real_cost", lambda: next(costs))
    assert helpful.train_round()["kept"] == 1 and helpful.state["kept"] == 1
    assert not torch.equal(values_of(helpful.rsn), before)


def test_without_a_resampler_the_file_holds_none_and_no_round_runs(trainer):
    alone = trainer(resample=False)
    assert {alone.phase(share)[0] for share in np.linspace(0, 1, 21)} == {"idn"}
    alone.save()
    assert load_weights(alone.folder.weights_path("jpeg", 2)).rsn is None


def test_the_phases_come_in_order(trainer):
    for scale, names in ((1, ["idn", "round", "idn"]), (2, ["start", "idn", "round", "idn"])):
        phases = map(trainer(scale=scale).phase, np.linspace(0, 1, 201))
        assert [name for name, _ in itertools.groupby(name for name, _ in phases)] == names


# Stopping and going on.


@pytest.mark.parametrize("phase", [Trainer.auto_encode, partial(Trainer.train_idn, count=3), Trainer.train_round],
                         ids=["start", "idn", "round"])  # fmt: skip
def test_a_resumed_run_goes_on_exactly_where_it_was(phase, trainer, tmp_path):
    """The same losses as without a stop: networks, optimisers and random numbers all come back."""
    kept = trainer(tmp_path / "kept", scale=2)
    phase(kept)
    kept.save()
    resumed = trainer(tmp_path / "kept", scale=2)
    assert resumed.resume() and resumed.state == kept.state
    for name in kept.networks:
        assert torch.equal(values_of(kept.networks[name]), values_of(resumed.networks[name]))
    assert phase(resumed) == pytest.approx(phase(kept), rel=1e-6)
    assert not trainer(tmp_path / "new").resume()


def test_time_log_and_weights_add_up_over_two_starts(trainer, tmp_path):
    first = trainer(tmp_path / "run", start=0.0, warm=1.0)
    rows = []
    first.train(0.01, rows.append)
    assert 0.6 <= first.state["elapsed"] < 60
    second = trainer(tmp_path / "run", start=0.0, warm=1.0)
    assert second.resume()
    second.train((first.state["elapsed"] + 0.5) / 60, rows.append)
    log = list(csv.DictReader((tmp_path / "run" / "log.csv").read_text().splitlines()))
    assert tuple(log[0]) == LOG_FIELDS and len(log) == len(rows) >= 2
    seconds = [float(row["seconds"]) for row in log]
    assert sorted(seconds) == seconds and seconds[-1] > first.state["elapsed"]
    card = read_card(tmp_path / "run" / "scic-jpeg-x2.safetensors")
    assert card["minutes"] == round(second.state["elapsed"] / 60, 1) and card["data"] == "crops"
    assert {"framework", "codec", "scale", "network", "seed", "rounds", "machine", "settings", "sha256"} <= set(card)
    picture = luma(embedded("chelsea"))[:64, :64]
    codec = load("scic-jpeg", tmp_path / "run")
    assert codec.decode(codec.encode(picture, quality=10, scale=2)).shape == picture.shape


def test_another_setting_is_refused_by_name(trainer, tmp_path):
    trainer(tmp_path / "run").save()
    with pytest.raises(CodecError, match="another seed;"):
        trainer(tmp_path / "run", seed=5).resume()


@pytest.mark.parametrize("what", ["empty", "text", "cut", "list", "dict", "later"])
def test_a_damaged_checkpoint_is_refused_in_one_sentence(what, trainer, tmp_path):
    short = trainer(tmp_path / "run")
    short.save()
    path = tmp_path / "run" / "checkpoint.pt"
    whole = path.read_bytes()
    if what in ("list", "dict", "later"):
        content = {"list": [1], "dict": {"a": 1}, "later": torch.load(path) | {"networks": {}}}[what]
        torch.save(content, path)
    else:
        path.write_bytes({"empty": b"", "text": b"hello\n", "cut": whole[: len(whole) // 2]}[what])
    with pytest.raises(CodecError) as caught:
        trainer(tmp_path / "run").resume()
    assert "\n" not in str(caught.value)


def test_an_interrupted_save_leaves_the_old_checkpoint(trainer, tmp_path, monkeypatch):
    short = trainer(tmp_path / "run")
    short.save()
    whole = (tmp_path / "run" / "checkpoint.pt").read_bytes()

    def interrupted(checkpoint, path):
        path.write_bytes(whole[:100])
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(torch, "save", interrupted)
        short.save()
    assert (tmp_path / "run" / "checkpoint.pt").read_bytes() == whole and trainer(tmp_path / "run").resume()


# Data and objectives.


def test_every_tenth_picture_is_held_out(tmp_path):
    for index in range(12):
        save_image(tmp_path / f"{index:02}.png", np.full((8, 8), index, np.uint8))
    images, held_out = split(str(tmp_path))
    assert [i[0, 0] for i in held_out] == [0, 10] and len(images) == 10
    assert [len(part) for part in split(str(tmp_path), str(tmp_path))] == [12, 12]


def test_qualities_reach_from_1_to_100_and_prefer_the_low():
    qualities = sample_qualities(20000, np.random.default_rng(0))
    assert (qualities.min(), qualities.max()) == (1, 100)
    assert 0.60 < (qualities <= 50).float().mean() < 0.66  # 0.5^(1/1.5) = 0.63


def test_dssim_is_zero_for_equals_and_grows():
    x = to_float(luma(embedded("camera"))[:64, :64])
    assert dssim(x, x).item() == pytest.approx(0, abs=1e-6)
    assert 0 < dssim(x, 0.9 * x).item() < dssim(x, torch.rand_like(x)).item() <= 1
    assert squared_error(x, x + 2 / 255).item() == pytest.approx(4, rel=1e-4)
    assert PaperObjective().rate(torch.ones(3), torch.tensor([1, 2, 3])).tolist() == [0, 0, 0]


@SCALES
def test_the_price_of_a_bit_is_the_slope_of_the_plain_codecs_curve(scale):
    """Between two qualities of plain JPEG the cost hardly changes: what a bit buys there is what it costs."""
    pictures = [luma(embedded(name))[:160, :160] for name in ("chelsea", "coffee", "astronaut")]
    codec = training.TUNED_JPEG
    objective = RateDistortion(codec, scale, pictures)
    assert (objective.price[1:] > 0).all() and (objective.error[1:] > 2).all() and objective.error.shape == (101,)
    (rate, error), (rate2, error2) = (plain_point(codec, 1, pictures, q) for q in (10, 13))
    rates = [plain_point(codec, scale, pictures, quality)[0] for quality in range(1, 101)]
    quality = 1 + int(np.abs(np.array(rates) - rate).argmin())  # the one that runs at this rate
    bought, paid = error - error2, objective.price[quality].item() * (rate2 - rate)
    assert 0.5 < paid / bought < 2  # a power law is fitted to a curve that is not quite one
    x = to_float(pictures[0])[..., :160, :160]
    z = to_float(codec.decode(codec.encode((255 * halve(x)).round().byte()[0, 0].numpy(), 10)))
    assert plain_point(codec, 2, pictures[:1], 10)[1] == pytest.approx(squared_error(double(z), x).item(), rel=1e-4)


def test_a_tiny_held_out_picture_does_not_move_the_prices(tmp_path):
    """A file of one pixel takes 2600 bits a pixel, and a mean over pictures would hear nothing else."""
    large, tiny = luma(embedded("camera"))[:160, :160], np.zeros((1, 1), np.uint8)
    alone, both = (Trainer(Settings(**TINY), [large], held_out, tmp_path / "run", device="cpu").objective
                   for held_out in ([large], [large, tiny]))  # fmt: skip
    assert torch.allclose(alone.price, both.price, rtol=0.05) and torch.allclose(alone.error, both.error, rtol=0.05)


def test_pictures_smaller_than_a_patch_are_refused(tmp_path):
    small = [np.zeros((31, 99), np.uint8)]
    with pytest.raises(CodecError, match="32x32"):
        Trainer(Settings(**TINY), small, small, tmp_path / "run", device="cpu")
    assert not (tmp_path / "run").exists()

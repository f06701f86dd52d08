"""Does a run keep to its schedule, resume exactly, and always leave files that can be used?"""

import csv
import itertools
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from vcodec.errors import CodecError
from vcodec.images import embedded, luma, save_image
from vcodec.networks import load_weights, read_card
from vcodec.scic import load
from vcodec.training import Settings, Trainer, split
from vcodec.training.run_folder import LOG_FIELDS

TINY = {"network": "tiny", "patch": 32, "batch": 4, "idn_steps": 3, "rsn_steps": 2}

pytestmark = pytest.mark.usefixtures("single_precision")


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


def test_without_a_resampler_the_file_holds_none_and_no_round_runs(trainer):
    alone = trainer(gradient="none")
    assert {alone.phase(share)[0] for share in np.linspace(0, 1, 21)} == {"idn"}
    alone.save()
    assert load_weights(alone.folder.weights_path("jpeg", 2)).rsn is None


def test_the_phases_come_in_order(trainer):
    for scale, names in ((1, ["idn", "round", "idn"]), (2, ["start", "idn", "round", "idn"])):
        phases = map(trainer(scale=scale).phase, np.linspace(0, 1, 201))
        assert [name for name, _ in itertools.groupby(name for name, _ in phases)] == names


def test_weights_that_are_not_numbers_are_refused_at_export_and_the_last_good_ones_stay(trainer):
    broken = trainer()
    broken.save()
    before = {path.name: path.read_bytes() for path in broken.folder.path.iterdir() if path.is_file()}
    with torch.no_grad():
        next(broken.idn.parameters()).view(-1)[0] = torch.nan
    with pytest.raises(CodecError, match="not finite"):
        broken.save()
    assert {path.name: path.read_bytes() for path in broken.folder.path.iterdir() if path.is_file()} == before


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


def test_a_slow_machine_takes_longer_and_does_not_learn_less(trainer):
    """Three rows in any case; the schedule follows what is done, so the last row still has the lowest rate."""
    slow, rows, rates = trainer(gradient="none"), [], []

    def note(row):
        rows.append(row)
        rates.append(slow.optimizers["idn"].param_groups[0]["lr"])

    slow.train(0.0001, note, at_least=3)
    assert len(rows) == 3 and ["gain" in row for row in rows] == [False, False, True]
    assert rates == sorted(rates, reverse=True) and rates[2] < rates[0] / 2
    slow.train(0.0001, note, at_least=3)
    assert len(rows) == 3


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

    def interrupted(path, data):
        with path.open("wb") as file:
            file.write(whole[:100])
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Path, "write_bytes", interrupted)
        short.save()
    assert (tmp_path / "run" / "checkpoint.pt").read_bytes() == whole and trainer(tmp_path / "run").resume()


# Data.


def test_every_tenth_picture_is_held_out(tmp_path):
    for index in range(12):
        save_image(tmp_path / f"{index:02}.png", np.full((8, 8), index, np.uint8))
    images, held_out = split(str(tmp_path))
    assert [i[0, 0] for i in held_out] == [0, 10] and len(images) == 10
    assert [len(part) for part in split(str(tmp_path), str(tmp_path))] == [12, 12]


def test_folders_with_commas_between_are_one_set(tmp_path):
    for name, count in (("a", 11), ("b", 2)):
        (tmp_path / name).mkdir()
        for index in range(count):
            save_image(tmp_path / name / f"{index:02}.png", np.full((8, 8), index + 100 * (name == "b"), np.uint8))
    images, held_out = split(f"{tmp_path / 'a'},{tmp_path / 'b'}")
    assert [i[0, 0] for i in held_out] == [0, 10] and [i[0, 0] for i in images] == [*range(1, 10), 100, 101]
    with pytest.raises(CodecError, match="nowhere"):
        split(f"{tmp_path / 'a'},nowhere")


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

"""Do two processes train as one would with the same batch, and does only the first of them write?"""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from vcodec.cli import main
from vcodec.images import embedded, save_image
from vcodec.networks import tiles
from vcodec.training import Settings, Trainer, rounds

pytestmark = pytest.mark.slow


def train(folder: str) -> dict[str, Any]:
    """Losses of every phase, alone or as one of several processes, and traces of what it ended with."""
    pictures = [embedded(name)[100:228, 150:278] for name in ("chelsea", "coffee", "camera")]
    settings = Settings(network="tiny", patch=32, batch=4, idn_steps=2, rsn_steps=2, start=0.0, warm=0.5, check=False)
    trainer = Trainer(settings, pictures[:2], pictures[2:], folder, device="cpu")
    found: dict[str, Any] = {"processes": trainer.processes, "rank": trainer.rank}
    trainer.check_batch = tuple(part[: 12 // trainer.processes] for part in trainer.check_batch)  # type: ignore
    found |= {"start": trainer.auto_encode(), "idn": trainer.train_idn(5), "round": trainer.train_round()}
    found |= {"cost": trainer.real_cost(), "gain": trainer.gain()}
    weights = {n: sum(p.double().abs().sum().item() for p in m.parameters()) for n, m in trainer.networks.items()}
    found |= {"weights": weights, "jobs": [list(job) for job in trainer.photos.jobs]}
    trainer.train(0.001)  # writes
    return found


# The child's side of `train`: the parent's arithmetic, and what it found as its last line.
CHILD = """
import sys; sys.path.insert(0, sys.argv[1])
import test_processes; test_processes.as_here(); print(test_processes.json.dumps(test_processes.train(sys.argv[2])))
"""


def as_here(patch: Any = None) -> None:
    """One thread and single precision, in this process."""
    torch.set_num_threads(1)
    for module in (tiles, rounds):
        (patch.setattr if patch else setattr)(module, "fastest_dtype", lambda device: torch.float32)


def environment(rank: int, port: int) -> dict[str, str]:
    """What torchrun and `accelerate launch --cpu` tell each of two processes."""
    quiet = {"OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1", "CUDA_VISIBLE_DEVICES": ""}
    meet = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2"}
    return os.environ | quiet | meet | {"RANK": str(rank), "LOCAL_RANK": str(rank), "LOCAL_WORLD_SIZE": "2"}


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> dict[int, list[dict]]:
    """{1: [alone], 2: [first, second]}, each with the files in the folder it was given."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folders = [tmp_path_factory.mktemp("run") for _ in range(3)]
    jobs = [
        subprocess.Popen(
            [sys.executable, "-c", CHILD, str(Path(__file__).parent), str(folders[rank])],
            env=environment(rank, port), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for rank in range(2)
    ]  # fmt: skip
    try:
        with pytest.MonkeyPatch.context() as patch:
            as_here(patch)
            alone = train(str(folders[2]))
        outputs = [job.communicate(timeout=180) for job in jobs]
    finally:
        for job in jobs:
            job.kill()
    assert all(job.returncode == 0 for job in jobs), outputs[0][1][-2000:] + outputs[1][1][-2000:]
    written = [{"written": sorted(path.name for path in folder.iterdir())} for folder in folders]
    both = [json.loads(out.splitlines()[-1]) | w for (out, _), w in zip(outputs, written[:2], strict=True)]
    return {1: [alone | written[2]], 2: both}


@pytest.mark.parametrize("phase", ["start", "idn", "round", "cost", "gain", "weights"])
def test_two_processes_find_the_same_losses_as_one(phase, results):
    (alone,), both = results[1], results[2]
    assert alone["processes"] == 1 and [r["processes"] for r in both] == [2, 2] and [r["rank"] for r in both] == [0, 1]
    assert alone[phase].keys() == both[0][phase].keys()
    for name, value in alone[phase].items():
        for found in both:
            assert found[phase][name] == pytest.approx(value, rel=1e-3, abs=1e-6), name


def test_both_processes_end_with_the_same_networks_and_the_same_data(results):
    first, second = results[2]
    assert first["weights"] == pytest.approx(second["weights"], rel=1e-9)
    assert first["jobs"] == second["jobs"] == results[1][0]["jobs"]


def test_only_the_first_process_writes(results):
    assert results[2][0]["written"] == results[1][0]["written"]
    assert {"checkpoint.pt", "log.csv", "scic-jpeg-x2.json", "scic-jpeg-x2.safetensors"} == set(
        results[1][0]["written"]
    )
    assert results[2][1]["written"] == []


def test_a_batch_that_cannot_be_shared_is_refused(monkeypatch, tmp_path):
    class Three(rounds.Accelerator):
        num_processes = 3

    monkeypatch.setattr(rounds, "Accelerator", Three)
    as_here(monkeypatch)
    with pytest.raises(rounds.CodecError, match="3 processes cannot share a batch of 4 patches"):
        rounds.Rounds(Settings(batch=4), [embedded("camera")], [embedded("camera")], "cpu")


def test_the_documented_torchrun_line_starts_two_processes_and_one_of_them_writes(tmp_path, photo):
    (tmp_path / "set").mkdir()
    for index in range(3):
        save_image(tmp_path / f"set/{index}.png", photo[:64, 20 * index : 20 * index + 80])
    words = ["--nproc_per_node", "2", "-m", "vcodec", "train", "--network", "tiny", "--patch", "32", "--batch", "2",
             "--data", str(tmp_path / "set"), "--steps", "4", "--check", "4", "--judged", "1",
             "--out", str(tmp_path / "run")]  # fmt: skip
    job = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", *words], capture_output=True, text=True, timeout=300,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert job.returncode == 0, job.stderr
    assert job.stdout.count("weights and card:") == 1
    rows = (tmp_path / "run" / "log.csv").read_text().splitlines()
    assert len(rows) == 2 and (tmp_path / "run" / "scic-jpeg-x2.json").exists()


def test_the_deep_codec_refuses_several_processes(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert main(["train-dnnc", "--out", str(tmp_path / "run")]) == 2
    assert "one process" in capsys.readouterr().err

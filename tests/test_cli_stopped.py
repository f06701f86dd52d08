"""Commands that are killed or stopped by Ctrl-C, and trainings: are files whole, and does a training go on?"""

import csv
import json
import os
import signal
import subprocess
import time
from pathlib import Path
from unittest.mock import Mock

import pytest
import torch

import vcodec
from vcodec.cli import main
from vcodec.images import save_image
from vcodec.networks import NetworkPair

pytestmark = [pytest.mark.usefixtures("own_folder_and_signals"), pytest.mark.slow]

KILLED = """
import sys
from pathlib import Path
import torch; torch.set_num_threads(1)
from tools.torture import kills
for line in sys.argv[1:]:
    arguments = line.split("|")
    print(*kills(arguments, Path(arguments[2]), 8).values())
"""


def test_killed_encode_and_decode_leave_a_complete_file_or_none(run, weights, photo):
    """8 processes of each command, killed with SIGKILL from the first moment to three times their duration."""
    save_image("small.png", photo[:64, :80])
    Path("ours.jpg").write_bytes(vcodec.scic.load("scic-jpeg", weights).encode(photo[:64, :80], quality=20))
    encode = f"encode|small.png|out.jpg|--quality|20|--weights|{weights}"
    job = run(encode, f"decode|ours.jpg|out.png|--weights|{weights}", code=KILLED)
    out, err = job.communicate(timeout=300)
    assert job.returncode == 0, err
    found = [tuple(map(int, line.split())) for line in out.splitlines() if line.replace(" ", "").isdigit()]
    assert len(found) == 2
    for absent, complete, half in found:
        assert half == 0 and absent > 0 and complete > 0


@pytest.mark.parametrize("command", ["encode", "decode"])
def test_ctrl_c_ends_with_130_and_one_line(command, cat, weights, monkeypatch, capsys, photo):
    Path("ours.jpg").write_bytes(vcodec.scic.load("scic-jpeg", weights).encode(photo, quality=20))
    for name in ("resample", "restore", "restore_window"):
        monkeypatch.setattr(NetworkPair, name, Mock(side_effect=KeyboardInterrupt))
    arguments = [cat, "out.jpg", "--quality", "9"] if command == "encode" else ["ours.jpg", "out.png"]
    assert main([command, *arguments, "--weights", str(weights)]) == 130
    assert capsys.readouterr().err == "vcodec: stopped\n"
    assert sorted(os.listdir()) == ["cat.png", "ours.jpg"]


# Ctrl-C as a module is looked for: raised there, NumPy makes an ImportError of it.
IMPORTS = """
import os, signal, sys
class Finder:
    def find_spec(name, path=None, target=None):
        if name == sys.argv[-1]: os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Finder)
del sys.argv[0]
from vcodec.__main__ import main
sys.exit(main())
"""


@pytest.mark.parametrize("module", ["vcodec.streams", "datetime", "torch", "torch.nn.functional", "safetensors"])
def test_ctrl_c_while_something_loads_ends_with_130_and_one_line(module, run, cat):
    job = run("vcodec", "encode", cat, "out.jpg", "--quality", 9, "--weights", module, code=IMPORTS)
    _, err = job.communicate(timeout=120)
    assert (job.returncode, err) == (130, "vcodec: stopped\n") and not Path("out.jpg").exists()


# A call into a library that hears nothing for an hour.
DEAF = """
import hashlib, sys
from vcodec import __main__, cli
def info(args):
    print("begins", flush=True)
    hashlib.pbkdf2_hmac("sha256", b"", b"", 2**31 - 1)
cli.info = info
sys.exit(__main__.main())
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_kill_do_not_wait_for_a_library(number, run, cat):
    job = run("info", cat, code=DEAF)
    assert job.stdout.readline() == "begins\n"
    job.send_signal(number)
    _, err = job.communicate(timeout=60)
    assert (job.returncode, err) == (130, "vcodec: stopped\n")


# A real `vcodec train`, with small networks, batches and patches, on a clock sixty times as fast.
TRAIN = """
import sys, time, functools
import torch; torch.set_num_threads(1)
from vcodec import cli, training
fast = lambda: 60 * time.monotonic()
training.JointTrainer.train = functools.partialmethod(training.JointTrainer.train, clock=fast)
sys.exit(cli.main())
"""


def rows(folder: str = "run") -> list[dict]:
    path = Path(folder, "log.csv")
    return list(csv.DictReader(path.read_text().splitlines())) if path.exists() else []


def wait_for(condition, job: subprocess.Popen, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert job.poll() is None, job.communicate()
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.02)


def elapsed() -> float:
    return torch.load("run/checkpoint.pt", weights_only=True)["state"]["elapsed"]


def test_train_goes_on_after_a_kill_and_after_ctrl_c(run, photo, monkeypatch, capsys):
    Path("set").mkdir()
    for index in range(3):
        save_image(f"set/{index}.png", photo[:, 20 * index : 20 * index + 100])
    train = ("train", "--data", "set", "--network", "tiny", "--scale", 2, "--patch", 32, "--batch", 2, "--judged", 1,
             "--steps", 1_000_000, "--check", 1_000_000, "--out", "run", "--minutes")  # fmt: skip

    job = run(*train, 1000, code=TRAIN)  # killed as soon as it has saved by itself, and a little after
    wait_for(Path("run/scic-jpeg-x2.json").exists, job)
    count = len(rows())
    wait_for(lambda: len(rows()) > count + 2, job)
    job.kill()
    job.communicate()
    first, logged = elapsed(), len(rows())
    assert first >= 60  # it saves every minute, without being asked

    job = run(*train, 1000, code=TRAIN)  # goes on, until Ctrl-C
    wait_for(lambda: len(rows()) > logged + 1, job)
    job.send_signal(signal.SIGINT)
    out, err = job.communicate(timeout=120)
    assert job.returncode == 130 and "going on with run" in out and err == "vcodec: stopped\n"
    second = elapsed()
    assert second > first and float(rows()[logged]["seconds"]) > first

    assert main([str(a) for a in (*train, (second + 0.5) / 60)]) == 0  # and to its end
    assert "weights and card: run/scic-jpeg-x2" in capsys.readouterr().out
    assert elapsed() >= second + 0.5 and json.loads(Path("run/scic-jpeg-x2.json").read_text())["data"] == "set"


def test_the_switches_of_train_reach_the_settings_and_the_card(photo, weights, monkeypatch, capsys):
    Path("set").mkdir()
    for index in range(2):
        save_image(f"set/{index}.png", photo[:, 20 * index : 20 * index + 100])
    begin = weights / "scic-webp-x1.safetensors"
    switches = ["--gradient", "noise", "--no-rate", "--no-check", "--minutes", "0.01", "--out", "run", "--start-from"]
    common = ["train-rounds", "--data", "set", "--network", "tiny", "--scale", "1", "--codec", "webp", "--patch", "32",
              "--batch", "2", "--idn-steps", "1", "--rsn-steps", "1", "--start", "0", "--warm", "0.05"]  # fmt: skip
    assert main([*common, *switches, str(begin)]) == 0
    capsys.readouterr()
    card = json.loads(Path("run/scic-webp-x1.json").read_text())
    settings = card["settings"]
    assert (settings["gradient"], settings["rate"], settings["check"]) == ("noise", False, False)
    assert (settings["codec"], settings["start"], settings["warm"]) == ("webp", 0.0, 0.05)
    assert card["start_from"] == str(begin) and card["codec"] == "webp" and card["data_terms"] == "not known: set"
    assert {row["phase"] for row in rows()} <= {"idn", "round"} and rows()
    save_image("cat.png", photo)
    assert main(["encode", "cat.png", "out.webp", "--quality", "30", "--weights", "run"]) == 0

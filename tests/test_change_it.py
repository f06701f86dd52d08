"""The page "Change it": does each of its diffs apply to the package, and do the commands below it run?"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from vcodec.images import embedded, load_image, save_image

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "book/change_it.md").read_text(encoding="utf-8")
PARTS = {part.split("\n")[0]: part for part in PAGE.split("\n## ")[1:]}
SMALL = "--patch 32 --batch 2 --steps 2 --lead-in 1 --check 2 --judged 1"


def blocks(part: str, kind: str) -> list[str]:
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", PARTS[part], re.M | re.S)
    return [text for found, text in fenced if found == kind]


@pytest.fixture
def copy(tmp_path) -> Path:
    """The package without its trained networks, and two small photographs."""
    left_out = shutil.ignore_patterns("*.safetensors", "*.npz", "__pycache__", "static")
    shutil.copytree(ROOT / "vcodec", tmp_path / "vcodec", ignore=left_out)
    (tmp_path / "photos").mkdir()
    for number in range(2):
        save_image(tmp_path / f"photos/{number}.png", embedded("astronaut")[96 * number :, 96:][:48, :48])
    save_image(tmp_path / "photo.png", embedded("coffee")[100:161, 200:293])
    return tmp_path


def run(folder: Path, line: str) -> None:
    word, *rest = shlex.split(line.replace("FOLDER", "photos"))
    program = {"python": [sys.executable], "vcodec": [sys.executable, "-m", "vcodec"]}[word]
    small = SMALL.split() if "train" in rest else []
    small += ["--network", "tiny"] if "train" in rest and "--network" not in rest else []
    quiet = os.environ | {"PYTHONPATH": str(folder)}
    done = subprocess.run([*program, *rest, *small], cwd=folder, env=quiet, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow  # processes of their own: 10 to 20 seconds each
@pytest.mark.parametrize("part", ["Add a codec", "Change the network", "Change the loss"])
def test_a_change_of_the_page_applies_and_runs(part, copy):
    (diff,), (commands,) = blocks(part, "diff"), blocks(part, "sh")
    assert diff.count("\n") < 40
    subprocess.run(["git", "apply", "-"], input=diff, cwd=copy, text=True, check=True, capture_output=True)
    for line in commands.splitlines():
        run(copy, line)
    assert list(copy.glob("runs/*/scic-*.safetensors"))
    if part == "Add a codec":
        photo, restored = load_image(copy / "photo.png"), load_image(copy / "restored.png")
        assert photo.shape == restored.shape and np.abs(photo.astype(int) - restored).mean() < 20


def test_the_page_names_every_file_that_its_diffs_touch():
    table = PAGE.split("\n## ")[0]
    for part in PARTS:
        for name in re.findall(r"^\+\+\+ b/vcodec/(\S+)", PARTS[part], re.M):
            assert f"`{name}`" in table

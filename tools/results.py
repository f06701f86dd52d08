"""Make every number of the README and the results page: python -m tools.results FOLDER [--quick]

Runs the measurements of benchmarks/plan.toml that are out of date, one after the other, then what is computed from
them: cards, crossovers, tables. FOLDER holds the folders of pictures that the plan's commands name. A measurement is
out of date when its command or one of its networks has changed since; benchmarks/results/measured.json remembers both.
Stopped and started again, it goes on with the measurement that was not finished. --list says what the plan holds and
what of it is out of date. --quick: the measurements of the plan on small crops at one or two qualities, all in this
process and in a folder of its own, to see that the commands work; changes nothing. It leaves out those that are not
of `vcodec evaluate` and name no shorter form (`quick`)."""

import argparse
import json
import re
import runpy
import shlex
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from PIL import Image

from tools import tables
from vcodec import cli
from vcodec.images import embedded
from vcodec.networks import SHIPPED

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks/results"
MEASURED = RESULTS / "measured.json"
RUNS = ROOT / "runs"  # trainings that the plan's commands begin or go on with
SETS = "set5", "set14", "live1", "classic5"  # folders that the plan's commands name: of --quick, with two crops each
PHOTOS = {"bsds500/train": 2, "bsds500/test": 2, "bsds500/val": 12}  # the others, and how many crops they have
CROPS = {"cat": ("chelsea", 60, 100), "cup": ("coffee", 60, 200)}  # photograph, top, left
SIDE = 96  # of a crop, in pixels


def plan() -> list[dict[str, Any]]:
    return tomllib.loads((ROOT / "benchmarks/plan.toml").read_text())["measurement"]


def stamp(measurement: dict[str, Any]) -> dict[str, Any]:
    """What a measurement depends on: its command and the ids of its networks."""
    cards = sorted(path for name in measurement["networks"] for path in SHIPPED.glob(f"{name}.json"))
    return {
        "command": measurement["command"],
        "networks": {card.stem: json.loads(card.read_text())["network_id"] for card in cards},
    }


def out_of_date() -> list[str]:
    """Files of the plan that are missing, or were measured by another command or with other networks."""
    known = json.loads(MEASURED.read_text()) if MEASURED.exists() else {}
    return [m["out"] for m in plan() if not (RESULTS / m["out"]).exists() or known.get(m["out"]) != stamp(m)]


@contextmanager
def desk(pictures: Path) -> Iterator[Path]:
    """A folder in which the plan's commands find the pictures' folders and the project by their short names."""
    RUNS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for path in (*pictures.iterdir(), *(ROOT / name for name in ("benchmarks", "vcodec", "tools")), RUNS):
            (Path(folder) / path.name).symlink_to(path.resolve())
        yield Path(folder)


def run(command: str, out: str, folder: Path) -> None:
    """Raises CalledProcessError where it fails."""
    program, *words = shlex.split(command)
    start = [sys.executable, "-m", "vcodec"] if program == "vcodec" else [sys.executable]
    subprocess.run([*start, *words, "--out", out], cwd=folder, check=True)


def lacks(measurement: dict[str, Any]) -> bool:
    """Whether a file is missing that its command begins with, and that only hours of training make."""
    return "needs" in measurement and not (ROOT / measurement["needs"]).exists()


def make(pictures: Path, processes: int) -> None:
    names = out_of_date()
    late = [m for m in plan() if m["out"] in names and not lacks(m)]
    for measurement in (m for m in plan() if m["out"] in names and lacks(m)):
        print(f"left out, as {measurement['needs']} is missing: {measurement['out']}; the plan says how to make it")
    with desk(pictures) as folder:
        for number, measurement in enumerate(late):
            print(f"{number + 1} of {len(late)}: {measurement['command']}{hours(measurement)}", flush=True)
            side_by_side = f" --processes {processes}" if " evaluate " in measurement["command"] else ""
            run(measurement["command"] + side_by_side, f"benchmarks/results/{measurement['out']}", folder)
            known = json.loads(MEASURED.read_text()) if MEASURED.exists() else {}
            MEASURED.write_text(json.dumps(known | {measurement["out"]: stamp(measurement)}, indent=1) + "\n")
    gray = [str(path) for path in sorted(RESULTS.glob("set14-gray-*.json"))]
    subprocess.run([sys.executable, "benchmarks/ship.py", "--results", *gray], cwd=ROOT, check=True)
    subprocess.run([sys.executable, "benchmarks/crossover.py", "--points", *gray], cwd=ROOT, check=True)
    tables.main()


def hours(measurement: dict[str, Any]) -> str:
    """How long it takes, where that is long: hours of one core."""
    return f" (trains networks, {measurement['hours']} hours of one core)" if "hours" in measurement else ""


def listed() -> str:
    """A line for each measurement of the plan, and whether it is out of date."""
    names = out_of_date()
    rows = ((m["out"], "out of date" if m["out"] in names else "", m["command"] + hours(m)) for m in plan())
    return "\n".join(f"{out:25} {late:12} {command}" for out, late, command in rows)


def thinned(command: str) -> str:
    """The same command at its second and its fourth quality."""
    return re.sub(r"--qualities \d+,(\d+),\d+,(\d+)\S*", r"--qualities \1,\2", command)


def tried(command: str, out: Path, folder: Path) -> None:
    """Run a command of the plan in this process, which has imported everything already. Raises SystemExit or what the
    command raises where it fails."""
    program, *words = shlex.split(command)
    print(f"{out.name}: {command}", flush=True)
    with chdir(folder):
        if program == "vcodec":
            assert cli.main([*words, "--out", str(out)]) == 0, command
            return
        by_name = words[0] == "-m"
        name, *more = words[1:] if by_name else words
        with patch("sys.argv", [name, *more, "--out", str(out)]):
            runpy.run_module(name, run_name="__main__") if by_name else runpy.run_path(name, run_name="__main__")


def crops(folder: Path, count: int) -> None:
    """Fill a folder with small pictures; those after the first two begin further to the right."""
    folder.mkdir(parents=True)
    for number in range(count):
        stem = list(CROPS)[number % len(CROPS)]
        photo, top, left = CROPS[stem]
        left += 10 * (number // len(CROPS))
        crop = embedded(photo)[top : top + SIDE, left : left + SIDE]
        Image.fromarray(crop).save(folder / f"{stem}{number or ''}.png")


def shortened(measurement: dict[str, Any]) -> str:
    """The command that --quick runs in its place; empty where there is none."""
    command = thinned(measurement["command"])
    if "quick" in measurement:
        return f"{command} {measurement['quick']}".strip()
    return command if " evaluate " in command else ""


def quick() -> None:
    torch.set_num_threads(1)  # of pictures this small more threads only wait for each other
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "benchmarks").symlink_to(ROOT / "benchmarks")
        for part, count in (dict.fromkeys(SETS, len(CROPS)) | PHOTOS).items():
            crops(folder / part, count)
        measurements = [m for m in plan() if shortened(m)]
        for measurement in measurements:
            tried(shortened(measurement), folder / measurement["out"], folder)
            assert json.loads((folder / measurement["out"]).read_text()), measurement["out"]
        print(f"{len(measurements)} of {len(plan())} measurements of the plan work")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, help=f"holds {', '.join(SETS)}, bsds500")
    parser.add_argument("--processes", type=int, default=2, help="pictures measured side by side; default 2")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--list", action="store_true")
    args = parser.parse_args()
    if args.quick:
        quick()
    elif args.list:
        print(listed())
    elif args.folder is None:
        parser.error("which FOLDER holds the pictures?")
    else:
        make(args.folder, args.processes)


if __name__ == "__main__":
    main()

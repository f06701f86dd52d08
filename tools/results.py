"""Make every number of the README and the results page: python -m tools.results FOLDER [--quick]

Runs the measurements of benchmarks/plan.toml that are out of date, one after the other, then what is computed from
them: cards, crossovers, tables. FOLDER holds the folders of pictures that the plan's commands name. A measurement is
out of date when its command or one of its networks has changed since; benchmarks/results/measured.json remembers both.
Stopped and started again, it goes on with the measurement that was not finished. --quick: the measurements of the plan
on two small crops at one or two qualities, in a folder of its own, to see that the commands work; changes nothing. It
leaves out those that are not of `vcodec evaluate` and name no shorter form (`quick`)."""

import argparse
import json
import re
import shlex
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image

from tools import tables
from vcodec.images import embedded
from vcodec.networks import SHIPPED

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks/results"
MEASURED = RESULTS / "measured.json"
SETS = "set5", "set14", "live1", "classic5"  # folders that the plan's commands name
CROPS = {"cat": ("chelsea", 60, 100), "cup": ("coffee", 60, 200)}  # photograph, top, left
SIDE = 160  # of a crop, in pixels


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
    with tempfile.TemporaryDirectory() as folder:
        for path in (*pictures.iterdir(), ROOT / "benchmarks", ROOT / "vcodec"):
            (Path(folder) / path.name).symlink_to(path.resolve())
        yield Path(folder)


def run(command: str, out: str, folder: Path, *more: str) -> None:
    """Raises CalledProcessError where it fails."""
    program, *words = shlex.split(command)
    start = [sys.executable, "-m", "vcodec"] if program == "vcodec" else [sys.executable]
    subprocess.run([*start, *words, *more, "--out", out], cwd=folder, check=True)


def make(pictures: Path, processes: int) -> None:
    late = out_of_date()
    with desk(pictures) as folder:
        for number, measurement in enumerate(m for m in plan() if m["out"] in late):
            print(f"{number + 1} of {len(late)}: {measurement['command']}", flush=True)
            side_by_side = ["--processes", str(processes)] if " evaluate " in measurement["command"] else []
            run(measurement["command"], f"benchmarks/results/{measurement['out']}", folder, *side_by_side)
            known = json.loads(MEASURED.read_text()) if MEASURED.exists() else {}
            MEASURED.write_text(json.dumps(known | {measurement["out"]: stamp(measurement)}, indent=1) + "\n")
    gray = [str(path) for path in sorted(RESULTS.glob("set14-gray-*.json"))]
    subprocess.run([sys.executable, "benchmarks/ship.py", "--results", *gray], cwd=ROOT, check=True)
    subprocess.run([sys.executable, "benchmarks/crossover.py", "--points", *gray], cwd=ROOT, check=True)
    tables.main()


def thinned(command: str) -> str:
    """The same command at its second and its fourth quality."""
    return re.sub(r"--qualities \d+,(\d+),\d+,(\d+)\S*", r"--qualities \1,\2", command)


def quick() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder, results = Path(name), []
        (folder / "benchmarks").symlink_to(ROOT / "benchmarks")
        for part in SETS:
            (folder / part).mkdir()
            for stem, (photo, top, left) in CROPS.items():
                crop = embedded(photo)[top : top + SIDE, left : left + SIDE]
                Image.fromarray(crop).save(folder / part / f"{stem}.png")
        for measurement in plan():
            if " evaluate " in measurement["command"] or "quick" in measurement:
                shorter = shlex.split(measurement.get("quick", ""))
                run(thinned(measurement["command"]), measurement["out"], folder, *shorter)
                results.append(json.loads((folder / measurement["out"]).read_text()))
        points = sum(len(result["points"]) for result in results)
        print(f"{len(results)} measurements of the plan work: {points} points of two crops")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, help="holds set5, set14, bsds500")
    parser.add_argument("--processes", type=int, default=2, help="pictures measured side by side; default 2")
    parser.add_argument("--quick", action="store_true")
    args = parser.parse_args()
    if args.quick:
        quick()
    elif args.folder is None:
        parser.error("which FOLDER holds the pictures?")
    else:
        make(args.folder, args.processes)


if __name__ == "__main__":
    main()

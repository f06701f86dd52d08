"""Does `vcodec doctor` foretell how long the chapters take here? python -m tools.foretold [--store] [NAME ...]

On a machine that has nothing else to do. Measures the doctor's training step, runs each chapter from a fresh kernel,
stores no output of it, and compares. Ends with 1 where a chapter took more than 1.5 times as long as was foretold, or
less than a 1.5th. NAME: of a chapter, as ch03_resampler; all unless named. With --store this machine becomes the one
that others are compared with: the seconds go to benchmarks/results/chapters.json, the step to yardstick.json;
`python -m tools.tables` then renews the tables that show them."""

import argparse
import json
import os
import sys
import time

import nbformat

from tools.course_tables import chapters
from tools.notebooks import ROOT, TIMES, execute
from vcodec.course import doctor

FACTOR = 1.5
SLACK = 5.0  # seconds: a kernel's start, which no yardstick sees
YARDSTICK = TIMES.parent / "yardstick.json"


def agree(foretold: float, taken: float) -> bool:
    """In seconds."""
    return abs(foretold - taken) <= SLACK or max(foretold, taken) <= FACTOR * min(foretold, taken)


def seconds(chapter: str) -> float:
    """From the start of its kernel to the end of its last cell."""
    path = ROOT / f"book/{chapter}.ipynb"
    begin = time.perf_counter()
    execute(nbformat.read(path, as_version=4), path.parent)
    return time.perf_counter() - begin


def compare(names: list[str], step: float) -> dict[str, tuple[float, float]]:
    """Seconds foretold and taken, of each chapter. step: seconds of the doctor's step. Prints a line for each."""
    foretold, found = doctor.minutes(step, bool(doctor.gpu())), {}
    print(f"{'minutes':24} foretold  taken", flush=True)
    for name in names:
        before, after = found[name] = 60 * foretold[name], seconds(name)
        print(f"{name:24} {before / 60:8.1f} {after / 60:6.1f}{'' if agree(before, after) else '  !'}", flush=True)
    return found


def furthest(found: dict[str, tuple[float, float]]) -> str:
    """A line on the chapter whose two times differ most, and on all together."""
    factors = {name: taken / foretold for name, (foretold, taken) in found.items()}
    name = max(factors, key=lambda name: max(factors[name], 1 / factors[name]))
    foretold, taken = (sum(times) / 60 for times in zip(*found.values(), strict=True))
    together = f"all: {foretold:.1f} and {taken:.1f} minutes"
    return f"furthest off: {name}, {factors[name]:.2f} times what was foretold; {together}"


def store(step: float, taken: dict[str, float]) -> None:
    YARDSTICK.write_text(json.dumps({"step": round(step, 3)}, indent=2) + "\n")
    known = json.loads(TIMES.read_text()) | {name: round(value) for name, value in taken.items()}
    TIMES.write_text(json.dumps(known, indent=2, sort_keys=True) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--store", action="store_true")
    args = parser.parse_args()
    if unknown := set(args.names) - set(chapters()):
        parser.error(f"no chapter is called {', '.join(unknown)}")
    if args.store and args.names:
        parser.error("seconds and step belong together: --store takes all chapters")
    os.environ["TQDM_DISABLE"] = "1"
    step = doctor.measured("cpu")
    found = compare(args.names or chapters(), step)
    print(furthest(found), flush=True)
    if args.store:
        store(step, {name: taken for name, (_, taken) in found.items()})
    elif missed := [name for name, (before, after) in found.items() if not agree(before, after)]:
        sys.exit(f"off by more than a factor of {FACTOR}: {', '.join(missed)}")


if __name__ == "__main__":
    main()

"""Hostile tests, longer: python -m tools.torture [--share 0.01] [--out benchmarks/results/torture.json]

10,000 mutants of each format, 100 kills of each command, 100 full disks of each kind of file, and bombs. Counts decide
how long it takes, no clock: 20 minutes at most on two idle cores. Writes the JSON that the table of the book's page
"What we tried to break" comes from (tools/tables.py), prints that table, and ends with 1 where something broke."""

import argparse
import contextlib
import io
import json
import os
import resource
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from threading import RLock

import torch
from tqdm import tqdm

from tools import mutants, tables
from vcodec.cli import main as command
from vcodec.errors import CodecError
from vcodec.evaluation.jobs import finished
from vcodec.images import embedded, save_image, write_file
from vcodec.networks import build_networks, save_weights
from vcodec.training.run_folder import RunFolder

MUTANTS, KILLS, DISKS, CHUNK = 10_000, 100, 100, 500
OUT = Path("benchmarks/results/torture.json")


def kills(arguments: list[str], out: Path, count: int) -> dict[str, int]:
    """`count` processes of a command killed with SIGKILL, from the first moment to three times their duration where
    they have not ended, and one that is not: how often its file was absent, complete or half."""
    command(arguments)  # the first takes longer
    begin = time.monotonic()
    command(arguments)
    whole, complete = time.monotonic() - begin, out.read_bytes()
    out.unlink()
    found = {"absent": 0, "complete": 0, "half": 0}
    for index in range(count + 1):
        child = os.fork()
        if not child:
            tqdm.set_lock(RLock())  # its own is shared with this process, and a killed child would keep it for ever
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            os._exit(command(arguments))
        end, ended = time.monotonic() + 3 * whole * index / count, 0
        while time.monotonic() < end and not ended:
            ended, _ = os.waitpid(child, os.WNOHANG)
            time.sleep(0.002)
        if not ended:
            if index < count:
                os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        here = out.exists()
        found["absent" if not here else "complete" if out.read_bytes() == complete else "half"] += 1
        out.unlink(missing_ok=True)
    return found


@contextlib.contextmanager
def full_disk(size: int = 1000) -> Iterator[None]:
    """No file may grow beyond `size` bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def full_disks(write: Callable[[], object], path: Path, count: int) -> dict[str, int]:
    """`write` makes `path`; again, as the disk is full after more and more bytes: refused, with the old file whole and
    nothing else left behind, or broken."""
    write()
    whole, beside = path.read_bytes(), sorted(os.listdir(path.parent))
    found = {"refused": 0, "broken": 0}
    for index in range(count):
        try:
            with full_disk(len(whole) * index // count):
                write()
            said = False
        except CodecError as error:
            said = "\n" not in str(error)
        sound = said and path.read_bytes() == whole and sorted(os.listdir(path.parent)) == beside
        found["refused" if sound else "broken"] += 1
    return found


def all_mutations(share: float, processes: int) -> dict[str, dict]:
    """By format: how often each outcome was found, and examples of what should not be."""
    count = max(1, round(MUTANTS * share))
    sizes = [min(CHUNK, count - done) for done in range(0, count, CHUNK)]
    jobs = [(name, seed, size) for name in mutants.FORMATS for seed, size in enumerate(sizes)]
    table: dict[str, dict] = {name: {"outcomes": Counter(), "examples": []} for name in mutants.FORMATS}
    for index, (found, bad) in finished(mutants.mutations, jobs, processes):
        row = table[jobs[index][0]]
        row["outcomes"].update(found)
        row["examples"] = sorted(row["examples"] + bad)[:3]  # crashes first
    return table


def all_kills(share: float, folder: Path) -> dict[str, dict[str, int]]:
    save_image(folder / "small.png", embedded("chelsea")[60:124, 140:220])
    for scale in (1, 2):
        card = {"network": "tiny", "scale": scale}
        save_weights(folder / f"scic-jpeg-x{scale}.safetensors", *build_networks("tiny", scale), card)
    source, ours, out, png = (str(folder / name) for name in ("small.png", "ours.jpg", "out.jpg", "out.png"))
    told = ["--weights", str(folder)]
    encode = ["encode", source, out, "--quality", "20", *told]
    command(["encode", source, ours, "--quality", "20", *told])
    count = max(2, round(KILLS * share))
    table = {}
    for arguments, file in ((encode, out), (["decode", ours, png, *told], png)):
        table[arguments[0]] = kills(arguments, Path(file), count)
    return table


def all_disks(share: float, folder: Path) -> dict[str, dict[str, int]]:
    run, count = RunFolder(folder / "run"), max(2, round(DISKS * share))
    checkpoint = {"settings": {"seed": 1}, "state": {"elapsed": 1.5}, "networks": {"idn": torch.arange(300.0)}}
    weights, card = run.path / "scic-jpeg-x1.safetensors", {"network": "tiny", "scale": 1}
    save_weights(weights, *(networks := build_networks("tiny", 1)), card)
    picture = run.path / "x.jpg"
    return {
        "picture": full_disks(lambda: write_file(picture, bytes(5000)), picture, count),
        "checkpoint": full_disks(lambda: run.save_checkpoint(checkpoint), run.path / "checkpoint.pt", count),
        "weights": full_disks(lambda: save_weights(weights, *networks, card), weights, count),
    }


def bomb(name: str) -> tuple[str, int]:
    """What became of one bomb, and the most memory that this process has taken since it began, in MB."""
    result = mutants.outcome("dnnc" if name.startswith("vcn") else "scic-jpeg", mutants.bombs()[name])
    return result, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1000


def all_bombs(processes: int) -> dict[str, dict]:
    found = dict(finished(bomb, [(name,) for name in mutants.bombs()], processes))
    return {name: {"outcome": found[i][0], "MB": found[i][1]} for i, name in enumerate(mutants.bombs())}


def broken(results: dict) -> list[str]:
    """What should not have happened, in words."""
    found = [f"{name}: {example}" for name, row in results["mutations"].items() for example in row["examples"]]
    found += [f"{name}: a half file after a kill" for name, row in results["kills"].items() if row["half"]]
    found += [f"{name}: broken by a full disk" for name, row in results["full disk"].items() if row["broken"]]
    return found + [f"{n}: {b}" for n, b in results["bombs"].items() if b["outcome"] != "refused" or b["MB"] > 1000]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--share", type=float, default=1.0, help="of all tries, as 0.01")
    parser.add_argument("--processes", type=int, default=2, help="side by side")
    parser.add_argument("--out", type=Path, default=OUT)
    args = parser.parse_args()
    torch.set_num_threads(1)
    begin, seconds, results = time.monotonic(), {}, {}
    with tempfile.TemporaryDirectory() as name:
        parts = {
            "kills": lambda: all_kills(args.share, Path(name)),
            "full disk": lambda: all_disks(args.share, Path(name)),
            "bombs": lambda: all_bombs(args.processes),
            "mutations": lambda: all_mutations(args.share, args.processes),
        }
        for part, work in parts.items():
            with contextlib.redirect_stdout(io.StringIO()):
                results[part] = work()
            seconds[part] = round(time.monotonic() - begin - sum(seconds.values()), 1)
            print(f"{part}: {seconds[part]} s", flush=True)
    settings = {"share": args.share, "seconds": seconds, "vcodec": version("vcodec"), "pillow": version("pillow")}
    write_file(args.out, (json.dumps({"settings": settings} | results, indent=1) + "\n").encode())
    print(tables.torture(args.out))
    print("\n".join(broken(results)), file=sys.stderr)
    return bool(broken(results))


if __name__ == "__main__":
    sys.exit(main())

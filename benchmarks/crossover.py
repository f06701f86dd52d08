"""Where half resolution stops winning, for every codec and picture: python benchmarks/crossover.py FOLDER

Measures both scales of every framework on the pictures of FOLDER (gray), and what `scale="auto"` makes of them with
--auto. Where a codec has no weights for half resolution, plain bicubic re-sampling stands in, and the table says so.
With --points the points come from files that `vcodec evaluate` wrote, and nothing is measured. Writes
crossover.json and prints the table."""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from tqdm import tqdm

from vcodec.evaluation import measure, pooled
from vcodec.evaluation.curves import AtScale, dumps
from vcodec.evaluation.jobs import finished
from vcodec.images import luma, named_images
from vcodec.networks import NetworkPair
from vcodec.scic import FRAMEWORKS, Scic, load
from vcodec.scic.crossover import by_scale, crossover_table, report, shortfall

QUALITIES = {
    "scic-jpeg": {1: (1, 2, 3, 4, 5, 7, 9, 12, 17, 26, 40), 2: (2, 4, 6, 9, 13, 18, 26, 36, 50, 70, 88)},
    "scic-jpeg2000": {1: (2, 3, 4, 5, 6, 8, 10, 13, 18, 24, 31), 2: (2, 4, 5, 6, 8, 10, 13, 18, 25, 36, 52)},
    "scic-webp": {1: (1, 3, 6, 10, 16, 26, 40, 55, 70, 80), 2: (10, 25, 40, 52, 62, 70, 76, 82, 88, 94)},
    "scic-avif": {1: (2, 6, 10, 14, 18, 22, 26, 32, 38, 44), 2: (12, 18, 24, 30, 36, 42, 48, 54, 62, 72)},
    "scic-heic": {1: (2, 6, 10, 14, 18, 22, 26, 30, 36, 42), 2: (10, 16, 22, 26, 30, 34, 40, 46, 54, 64)},
}  # reaching from below 0.05 to beyond 0.6 bpp on most photographs


def with_both_scales(name: str) -> tuple[Scic, str]:
    """A framework and what stands at its half resolution."""
    codec = load(name)
    half = "learned" if 2 in codec.networks else "bicubic"
    codec.networks.setdefault(2, NetworkPair(2))
    return codec, half


def points_of(image: str, pixels: np.ndarray, names: list[str], auto: bool, given: list[int]) -> list[dict]:
    return list(measured(image, pixels, names, auto, given))


def measured(image: str, pixels: np.ndarray, names: list[str], auto: bool, given: list[int]) -> Iterator[dict]:
    """given: qualities in place of `QUALITIES`; may be empty."""
    for name in names:
        codec, _ = with_both_scales(name)
        for scale, qualities in QUALITIES[name].items():
            for quality in given or qualities:
                point = {"curve": name, "image": image, "quality": quality}
                yield point | measure(AtScale(codec, scale), pixels, quality)
        for quality in (given or QUALITIES[name][1]) if auto else ():
            point = {"curve": f"{name}-auto", "image": image, "quality": quality}
            yield point | measure(AtScale(codec, "auto"), pixels, quality)


def shortfalls(points: list[dict], name: str) -> dict[str, float]:
    """By picture, how far the worst point of `auto` lies below the better scale, in dB."""
    found: dict[str, list] = {}
    for point in points:
        if point["curve"] == f"{name}-auto":
            found.setdefault(point["image"], []).append((point["bpp"], point["psnr"]))
    both = by_scale(points, name)
    return {
        image: round(max(shortfall(np.array(auto), scale) for scale in both[image].values()), 4)
        for image, auto in found.items()
    }


def numbers(text: str) -> list[int]:
    return [int(word) for word in text.split(",")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", help="pictures, measured as full-range BT.601 luma")
    parser.add_argument("--points", type=Path, nargs="+", help="results of `vcodec evaluate` instead of a folder")
    parser.add_argument("--codecs", help=f"default: {','.join(FRAMEWORKS)}")
    parser.add_argument("--auto", action="store_true", help="measure scale='auto' too")
    parser.add_argument("--qualities", type=numbers, default=[], help="of both scales, in place of the usual ones")
    parser.add_argument("--processes", type=int, default=1, help="pictures measured side by side")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/crossover.json"))
    args = parser.parse_args()
    if bool(args.folder) == bool(args.points):
        parser.error("say a folder or --points")
    names = args.codecs.split(",") if args.codecs else list(FRAMEWORKS)
    if args.points:
        points, curves = pooled([json.loads(path.read_text()) for path in args.points])
        names = [name for name in names if name in curves]
        half = {name: "as evaluated" for name in names}
    else:
        pictures = [(name, luma(image)) for name, image in named_images(args.folder).items()]
        half = {name: with_both_scales(name)[1] for name in names}
        jobs = [(*picture, names, args.auto, args.qualities) for picture in pictures]
        steps = finished(points_of, jobs, args.processes)
        rows = dict(tqdm(steps, "crossover", len(jobs), unit="picture"))
        points = [point for index in range(len(jobs)) for point in rows[index]]
    table = crossover_table(points, names)
    for name, row in table.items():
        row["half"] = half[name]
        if found := shortfalls(points, name):
            row["auto_shortfall_db"] = found
    settings = {
        "folder": Path(args.folder).name if args.folder else "",
        "points": [path.name for path in args.points or ()],
        "colour_space": "full-range BT.601 luma",
        "codecs": {name: FRAMEWORKS[name].settings for name in names},
    }
    args.out.write_text(dumps({"settings": settings, "table": table, "points": [] if args.points else points}))
    print(report(table))


if __name__ == "__main__":
    main()

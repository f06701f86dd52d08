"""Fit and judge the guess of `scale="fast"`: python benchmarks/fast_scale.py FOLDER

At several qualities of every picture (gray) full resolution is compared with half resolution at equal size, as the
encoder hears its decoder, and dB are fitted to what one file of full resolution tells. Every second picture is kept
out of the fit: they say how often the guess is right and what the misses cost. Writes fast_scale.json and prints
the lines of FITS in vcodec/scic/mixed.py."""

import argparse
import json
import math
from functools import partial
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from vcodec import load
from vcodec.images import luma, named_images
from vcodec.quality import ALL, BYTES_SLOPE, NONE, bracket
from vcodec.scic import Scic
from vcodec.scic.candidates import Files
from vcodec.scic.mixed import UNFITTED, measured_lead

QUALITIES = {"scic-jpeg": (1, 2, 3, 4, 6, 9, 13), "scic-jpeg2000": (2, 3, 5, 7, 10, 14)}
OTHERS = (2, 5, 9, 14, 20, 28)
MATTERS = 1.0  # dB: leads beyond it are no close calls, and count less in the fit


def middle(image: np.ndarray, side: int) -> np.ndarray:
    top, left = (max(0, (length - side) // 2) if side else 0 for length in image.shape)
    return image[top : top + (side or image.shape[0]), left : left + (side or image.shape[1])].copy()


def observe(codec: Scic, image: np.ndarray, quality: int, passes: int = 2) -> dict[str, float] | None:
    """What one file of full resolution tells, and by how many dB half resolution really leads; None where there is
    no file of half resolution as small."""
    files = Files(partial(codec.candidate, image), codec.codec.step, image)
    full = files.at(quality, 1)
    first = files.quality_of_step(files.step(full) / UNFITTED.finer)
    low, high = bracket(lambda q: math.log(len(files.at(q, 2).data)), math.log(len(full.data)), BYTES_SLOPE, first, 20)
    if low == NONE:
        return None
    half = files.at(low, 2)
    lead = measured_lead(full, half, files.at(high, 2) if high < ALL else None, passes)
    detail, bpp = math.log2(max(files.detail, 1e-3) / files.step(full) ** 2), math.log2(8 * len(full.data) / image.size)
    finer = files.step(full) / files.step(half)
    return {"quality": quality, "detail": detail, "log2_bpp": bpp, "lead": lead, "finer": finer}


def fit(rows: list[dict]) -> np.ndarray:
    """Weighted least squares: close calls count most."""
    lead = np.array([row["lead"] for row in rows])
    columns = np.array([[1, row["detail"], row["log2_bpp"]] for row in rows])
    weight = 1 / (1 + (lead / MATTERS) ** 2)
    return np.linalg.lstsq(columns * weight[:, None], lead * weight, rcond=None)[0]


def judge(rows: list[dict], constants: np.ndarray) -> dict[str, float]:
    lead = np.array([row["lead"] for row in rows])
    guess = np.array([[1, row["detail"], row["log2_bpp"]] for row in rows]) @ constants
    wrong = (lead > 0) != (guess > 0)
    costly = wrong & (np.abs(lead) > 0.02)
    lost = np.abs(lead * wrong)
    return {
        "cases": len(rows),
        "half_is_better": float((lead > 0).mean()),
        "right": float(1 - wrong.mean()),
        "lost_db_mean": float(lost.mean()),
        "lost_db_per_miss": float(lost[wrong].mean()) if wrong.any() else 0.0,
        "lost_db_worst": float(lost.max()),
        "doubt": float(np.abs(guess[costly]).max()) if costly.any() else 0.0,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="photographs that no network was trained on")
    parser.add_argument("--codecs", default="scic-jpeg,scic-jpeg2000", help="with weights at both scales")
    parser.add_argument("--count", type=int, default=24, help="pictures, spread over the folder")
    parser.add_argument("--crop", type=int, default=0, help="pixels a side of the middle of each, 0 for the whole")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/fast_scale.json"))
    args = parser.parse_args()
    torch.set_num_threads(1)
    images = [luma(image) for image in named_images(args.folder).values()]
    images = [middle(image, args.crop) for image in images[:: max(1, len(images) // args.count)][: args.count]]
    results: dict[str, dict] = {"settings": {"pictures": len(images), "crop": args.crop}}
    for name in args.codecs.split(","):
        codec, rows = load(name), []
        for index, image in enumerate(tqdm(images, name, unit="picture")):
            found = [observe(codec, image, quality) for quality in QUALITIES.get(name, OTHERS)]
            rows += [row | {"picture": index} for row in found if row]
        learnt, kept_out = ([row for row in rows if row["picture"] % 2 == part] for part in (0, 1))
        constants = fit(learnt)
        finer = float(np.median([row["finer"] for row in rows if abs(row["lead"]) < MATTERS]))
        parts = {"learnt": judge(learnt, constants), "kept_out": judge(kept_out, constants)}
        doubt = 0.4 + 2 * max(part["doubt"] for part in parts.values())  # other pictures may be harder to guess
        results[name] = {"fit": constants.tolist(), "doubt": doubt, "finer": finer, **parts, "rows": rows}
        numbers = ", ".join(f"{value:.3g}" for value in (*constants, doubt, finer))
        print(f'    "{codec.codec.name}": Fit({numbers}),')
        print(f"    {results[name]['kept_out']}")
        args.out.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()

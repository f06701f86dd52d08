"""Train the codec of the chapters and measure it: python tools/train_your_codec.py [FOLDER [STEPS]]

With FOLDER: trains on its JPEG files by the module's own build(), on one thread, and writes vcodec/your_codec.npz.
Then, and without FOLDER at once, it measures these weights and writes the card beside them and the figure of
the book's appendix."""

import hashlib
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from PIL import Image

from vcodec import your_codec
from vcodec.evaluation.figures import CURVE_COLOURS
from vcodec.images import embedded
from vcodec.metrics import bits_per_pixel, psnr
from vcodec.standard import CODECS
from vcodec.weights import LICENCE, data_terms

CARD = your_codec.WEIGHTS.with_suffix(".json")
FIGURE = Path(__file__).parent.parent / "book/_static/your_codec.svg"
PHOTOS = ("astronaut", "camera", "coffee")  # none of them is in bsds500
RATES = (0.1, 0.2, 0.3, 0.4)  # bpp
STEPS = (30, 44, 66, 98, 150)  # gray levels; these files enclose RATES


def train(folder: Path, steps: int) -> dict:
    """Train on the JPEG files of a folder and store the weights. Returns what the card says about it."""
    photos = [your_codec.to_gray(Image.open(path)) for path in sorted(folder.glob("*.jpg"))]
    data, begin = "/".join(folder.parts[-2:]), time.process_time()
    your_codec.build(photos, steps, your_codec.WEIGHTS)
    return {
        "data": data,
        "photos": len(photos),
        "steps": steps,
        "seed": 0,
        "cpu_minutes": round((time.process_time() - begin) / 60, 1),
        "torch": torch.__version__,
        "command": f"python tools/train_your_codec.py {data} {steps}",
        "licence": LICENCE,
        "data_terms": data_terms(data),
    }


def curve(photo: np.ndarray, encode: Callable, decode: Callable, settings: Sequence) -> list[list[float]]:
    """[bpp, PSNR in dB] of whole files of a gray photograph, one for each setting, by rising rate."""
    files = [encode(photo, setting) for setting in settings]
    return sorted([round(bits_per_pixel(f, photo), 4), round(psnr(decode(f), photo), 3)] for f in files)


def jpeg(photo: np.ndarray) -> list[list[float]]:
    """The curve of JPEG with optimised Huffman tables."""
    return curve(photo, CODECS["jpeg"].encode, CODECS["jpeg"].decode, range(1, 80))


def at_rates(points: Sequence[Sequence[float]]) -> list[float]:
    """PSNR in dB at RATES, between the points of a curve."""
    return [round(float(value), 2) for value in np.interp(RATES, *np.transpose(points))]


def measure() -> dict:
    """Of each photograph: the curve of your codec, and the PSNR at RATES of your codec and of JPEG."""
    codecs, found = your_codec.load(your_codec.WEIGHTS), {}
    for name in PHOTOS:
        photo = your_codec.to_gray(embedded(name))
        files = [your_codec.encode(photo, step, codecs) for step in STEPS]
        scales = [data[8] for data in files]  # the header's byte for the resolution
        yours = curve(photo, lambda _, data: data, lambda data: your_codec.decode(data, codecs), files)
        found[name] = {"scales": scales, "points": yours, "your_codec": at_rates(yours), "jpeg": at_rates(jpeg(photo))}
        print(name, found[name]["your_codec"], "dB, JPEG", found[name]["jpeg"], flush=True)
    return {"command": "python tools/train_your_codec.py", "steps": STEPS, "bpp": RATES, "photos": found}


def draw(measured: dict) -> None:
    """The curves of all photographs beside JPEG's, one above the other, for the appendix."""
    plt.rcParams["svg.hashsalt"] = "your codec"  # else the names in the file differ from run to run
    figure, places = plt.subplots(len(PHOTOS), figsize=(4.8, 7.2), sharex=True, layout="constrained")
    for axes, name in zip(places, PHOTOS, strict=True):
        points = [point for point in jpeg(your_codec.to_gray(embedded(name))) if 0.05 < point[0] < 0.55]
        axes.plot(*np.transpose(measured["photos"][name]["points"]), "o-", ms=4, color="#0072B2", label="your codec")
        axes.plot(*np.transpose(points), "--", color=CURVE_COLOURS["JPEG"], label="JPEG")
        axes.set(title=name, ylabel="PSNR (dB)", xlim=(0.03, 0.57))
        axes.grid(alpha=0.3)
    places[0].legend(frameon=False)
    places[-1].set_xlabel("rate (bits per pixel)")
    figure.savefig(FIGURE, metadata={"Date": None})
    plt.close(figure)
    FIGURE.write_text("".join(line.rstrip() + "\n" for line in FIGURE.read_text().splitlines()))


def main() -> None:
    torch.set_num_threads(1)
    card = json.loads(CARD.read_text()) if CARD.exists() else {}
    if len(sys.argv) > 1:
        card = train(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 3500)
    card["sha256"] = hashlib.sha256(your_codec.WEIGHTS.read_bytes()).hexdigest()
    card["measured"] = measure()
    CARD.write_text(json.dumps(card, indent=2) + "\n")
    draw(card["measured"])


if __name__ == "__main__":
    main()

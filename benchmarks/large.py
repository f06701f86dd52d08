"""Large photographs, one core: python benchmarks/large.py [--label after] [--sizes 12] [--out FILE]

CPU seconds and peak memory of `encode` and `decode` with the defaults, for 768x512, 12 and 24 megapixels, gray and
colour; each in a process of its own, whose memory includes PyTorch's 0.3 GB. Decoding is held against its floor: the
multiply-adds of the IDN at the rate at which this machine does the same convolutions. The photographs are those
inside scikit-image, enlarged to about 1200x800 with grain, side by side; --folder takes others. Results are stored
under the label, so that two versions of the package stand side by side."""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import nn

from vcodec.images import luma, named_images
from vcodec.metrics import psnr
from vcodec.networks.tiles import fastest_dtype
from vcodec.scic import load

SIZES = {"0.4": (768, 512), "3": (2048, 1536), "12": (4000, 3000), "24": (6000, 4000)}  # megapixels: width, height
CELL = 1200, 800  # pixels of one photograph in the mosaic
GRAIN = 2.5  # standard deviation in levels, the noise of a camera at a low sensitivity
OUT = Path(__file__).parent / "results/large.json"


def photograph(width: int, height: int, folder: str) -> np.ndarray:
    """A colour mosaic, uint8 (height, width, 3): every photograph in turn, mirrored each second time."""
    pictures = [Image.fromarray(x) for x in named_images(folder).values() if x.ndim == 3]
    canvas, rng = Image.new("RGB", (width, height)), np.random.default_rng(0)
    corners = [(x, y) for y in range(0, height, CELL[1]) for x in range(0, width, CELL[0])]
    for number, corner in enumerate(corners):
        cell = ImageOps.fit(pictures[number % len(pictures)], CELL, Image.Resampling.LANCZOS)
        canvas.paste(ImageOps.mirror(cell) if number // len(pictures) % 2 else cell, corner)
    grain = GRAIN * rng.standard_normal((height, width, 1), np.float32)
    return np.rint(np.asarray(canvas) + grain).clip(0, 255).astype(np.uint8)


def spent(work: Any) -> tuple[Any, float]:
    """(result, CPU seconds of all threads)."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    result = work()
    after = resource.getrusage(resource.RUSAGE_SELF)
    return result, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def peak() -> float:
    """The most memory this process has held, GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def floor(pixels: int, idn: nn.Module) -> float:
    """CPU seconds of nothing but the IDN's multiply-adds for a picture of so many pixels, at this machine's rate.

    The trunk works at half resolution; its 3x3 convolutions of one width hold nearly all of them."""
    convolutions = [layer for layer in idn.modules() if isinstance(layer, nn.Conv2d)]
    multiply_adds = sum(layer.weight.numel() for layer in convolutions) * pixels / 4
    width, side, dtype = convolutions[1].in_channels, 384, fastest_dtype("cpu")
    x, weight = torch.rand(1, width, side, side).to(dtype), (torch.rand(width, width, 3, 3) / 1000).to(dtype)
    best = min(spent(lambda: nn.functional.conv2d(x, weight, padding=1))[1] for _ in range(10))
    return multiply_adds * best / (side**2 * weight.numel())


def measure(size: str, gray: bool, folder: str, quality: int, options: dict[str, Any]) -> dict[str, Any]:
    """One row: encode in a process of its own, then decode in another."""
    command = [sys.executable, __file__, "--one", size, "--folder", folder, "--quality", str(quality)]
    command += ["--options", json.dumps(options)] + ["--gray"] * gray
    row: dict[str, Any] = {"megapixels": float(size), "gray": gray, "quality": quality} | (
        {"options": options} if options else {}
    )
    for work in ("encode", "decode"):
        begin = time.perf_counter()
        done = subprocess.run([*command, "--work", work], capture_output=True, text=True, check=True)
        row |= json.loads(done.stdout)
        print(f"{work} {row} {time.perf_counter() - begin:.0f} s of waiting", flush=True)
    return row


def one(args: argparse.Namespace) -> dict[str, Any]:
    torch.set_num_threads(1)
    codec, file = load("scic-jpeg"), Path(tempfile.gettempdir()) / f"vcodec-large-{args.one}-{args.gray}.jpg"
    width, height = SIZES[args.one]
    picture = photograph(width, height, args.folder)
    picture = luma(picture) if args.gray else picture
    codec.decode(codec.encode(picture[:256, :256], 20))  # the first convolution costs more
    if args.work == "encode":
        data, seconds = spent(lambda: codec.encode(picture, args.quality, **args.options))
        file.write_bytes(data)
        return {"encode_s": round(seconds, 2), "encode_gb": round(peak(), 2), "bytes": len(data)}
    data = file.read_bytes()
    x_hat, seconds = spent(lambda: codec.decode(data))
    row = {"decode_s": round(seconds, 2), "decode_gb": round(peak(), 2)}
    header = codec.header(data)
    idn = codec.pair(header.scale).idn if header else None
    assert header and idn
    least = floor(width * height, idn)
    return row | {"floor_s": round(least, 2), "scale": header.scale, "psnr": round(psnr(picture, x_hat), 3)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--label", default="after", help="under which the rows are stored")
    parser.add_argument("--sizes", default="0.4,12,24", help=f"megapixels, of {', '.join(SIZES)}")
    parser.add_argument("--folder", default="embedded")
    parser.add_argument("--quality", type=int, default=20)
    parser.add_argument("--options", type=json.loads, default={}, help="more arguments of encode, as JSON")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--kinds", default="colour,gray")
    parser.add_argument("--gray", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--work", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        print(json.dumps(one(args)))
        return
    known = json.loads(args.out.read_text()) if args.out.exists() else {}
    rows = known.setdefault(args.label, [])
    for size in args.sizes.split(","):
        for kind in args.kinds.split(","):
            rows.append(measure(size, kind == "gray", args.folder, args.quality, args.options))
            args.out.write_text(json.dumps(known, indent=1) + "\n")


if __name__ == "__main__":
    main()

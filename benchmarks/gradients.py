"""What is a gradient worth? python benchmarks/gradients.py FOLDER[,FOLDER] --held-out FOLDER [--out FILE]

RSN and IDN around JPEG, at half resolution unless --scale is 1, trained with each stand-in for the codec, from the same
IDN, for equal core-minutes (what all cores worked: fair on a busy machine too). Without the check no update is undone,
so that every method shows its own character; with it the real codec undoes what only fooled the stand-in. Judged on
whole held-out photographs through the real codec: mean BD-rate of PSNR (gray) against plain JPEG, the drift of the rate
at fixed quality, and the real cost on patches."""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np

from vcodec import metrics
from vcodec.images import luma
from vcodec.networks import NetworkPair
from vcodec.scic import FRAMEWORKS, Scic
from vcodec.standard import CODECS
from vcodec.training import Settings, Trainer, split
from vcodec.training.run_folder import RunFolder

METHODS = {  # name: gradient, rate, check
    "no RSN": ("none", False, False),
    "straight-through": ("straight-through", False, False),
    "additive noise": ("noise", False, False),
    "differentiable JPEG": ("differentiable-jpeg", False, False),
    "virtual codec": ("vcn", False, False),
    "virtual codec + rate head": ("vcn", True, False),
    "straight-through, checked": ("straight-through", False, True),
    "virtual codec + rate head, checked": ("vcn", True, True),
}
QUALITIES = (2, 3, 5, 8, 13, 21, 34, 55)


def curves(trainer: Trainer, photos: list[np.ndarray]) -> list[np.ndarray]:
    """(bpp, PSNR) of every quality, for each photograph."""
    scale, rsn = trainer.settings.scale, None if trainer.settings.gradient == "none" else trainer.rsn
    codec = Scic(FRAMEWORKS["scic-jpeg"], {scale: NetworkPair(scale, rsn, trainer.idn)})
    return [curve(partial(codec.encode, photo, scale=scale, passes=0), codec.decode, photo) for photo in photos]


def curve(encode: Callable[..., bytes], decode: Callable[[bytes], np.ndarray], photo: np.ndarray) -> np.ndarray:
    files = [encode(quality=quality) for quality in QUALITIES]
    return np.array([(metrics.bits_per_pixel(f, photo), metrics.psnr(decode(f), photo)) for f in files])


def train(args: argparse.Namespace, folder: Path, name: str, minutes: float, start: Path | None) -> Trainer:
    gradient, rate, check = METHODS[name]
    share = {"start": 0.0, "warm": 0.0, "finish": args.finish}
    kind = {"scale": args.scale, "network": args.network, "gradient": gradient, "rate": rate, "check": check}
    settings = Settings("jpeg", idn_steps=20, **kind, **share)
    images, held_out = split(args.data, args.held_out)
    trainer = Trainer(settings, images, held_out, folder, start_from=start)
    if gradient == "none":
        trainer.photos.fill()  # not on its clock: the other methods code as they go
    trainer.train(minutes, clock=time.process_time)
    return trainer


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--held-out", required=True)
    parser.add_argument("--scale", type=int, choices=(1, 2), default=2)
    parser.add_argument("--network", default="tiny")
    parser.add_argument("--begin", type=float, default=4, help="core-minutes of IDN alone, shared by all")
    parser.add_argument("--start-from", type=Path, help="weights to begin with, instead of --begin")
    parser.add_argument("--finish", type=float, default=1.0, help="share of the time after which IDN learns alone")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--minutes", type=float, default=3, help="core-minutes for each method")
    parser.add_argument("--out", type=Path, help="by default gradients-half.json or -full.json in benchmarks/results")
    return parser.parse_args()


def main() -> None:
    args = arguments()
    photos = [luma(photo) for photo in split(args.held_out, args.held_out)[0][8:14]]
    jpeg = CODECS["jpeg"]
    anchor = [curve(partial(jpeg.encode, photo), jpeg.decode, photo) for photo in photos]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        start = args.start_from
        if start is None:
            train(args, Path(folder), "no RSN", args.begin, None)
            start = RunFolder(Path(folder)).weights_path("jpeg", args.scale)
        for name in args.methods:
            trainer = train(args, Path(folder) / name.replace(" ", "-"), name, args.minutes, start)
            measured = curves(trainer, photos)
            rates = [metrics.bd_rate(a, m) for a, m in zip(anchor, measured, strict=True)]
            row = {
                "method": name, **dict(zip(("gradient", "rate", "check"), METHODS[name], strict=True)),
                "bd_rate_percent": float(np.mean([r for r in rates if r is not None])),
                **dict(zip(("mean_bpp", "mean_psnr"), np.mean(measured, axis=0).T.tolist(), strict=True)),
                "rounds": trainer.state["rounds"], "kept": trainer.state["kept"], **trainer.real_cost(),
            }  # fmt: skip
            rows.append(row)
            print("  ".join(f"{k} {v:.3f}" if isinstance(v, float) else f"{k} {v}" for k, v in row.items()), flush=True)
    settings = {
        "begin_core_minutes": None if args.start_from else args.begin, "core_minutes": args.minutes,
        "start_from": args.start_from and args.start_from.name, "qualities": QUALITIES, "photographs": len(photos),
        "data": args.data, "held_out": args.held_out, "settings": asdict(trainer.settings),
    }  # fmt: skip
    out = args.out or Path(f"benchmarks/results/gradients-{'half' if args.scale == 2 else 'full'}.json")
    out.write_text(json.dumps({"settings": settings, "methods": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()

"""A colour photograph inside a gray JPEG: python benchmarks/gray_file.py DATA --held-out FOLDER --runs FOLDER

Trains RSN (3 channels in, 1 out) and IDN (1 in, 3 out) jointly around the gray JPEG that ships, from random weights,
and the control, for equal steps: that IDN alone, which must guess the colours of the luma. The last networks of both
are judged on whole held-out photographs, real files, 8-bit RGB: dB at equal bytes, with a 95 % interval over the
photographs. Every run has its folder in --runs: started again, the program goes on where it was."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np

from vcodec.evaluation import interval
from vcodec.standard import CODECS
from vcodec.training import JointSettings, split
from vcodec.training.gray_file import QUALITIES, RATES, ColourJudge, GrayFileTrainer, psnr_at
from vcodec.training.judge import point

METHODS = {"RSN and IDN": "straight-through", "IDN alone": "none"}
PHOTOS = slice(8, 28)  # of the held-out folder; the first renew the price while a run is trained


def settings(args: argparse.Namespace, gradient: str) -> JointSettings:
    kind = {"scale": 1, "gradient": gradient, "foreign": 0.0, "wide": 0.0, "price": args.price, "lead_in": 50}
    size = {"batch": args.batch, "patch": args.patch, "check": max(args.steps // 10, 1), "judged": 4}
    return JointSettings(codec="jpeg", steps=args.steps, lr=args.lr, rsn_lr=args.lr, **kind, **size)


def trained(args: argparse.Namespace, name: str) -> GrayFileTrainer:
    """The run of a method, trained if that is to be done."""
    images, held_out = split(args.data, args.held_out)
    facts = {"data": args.data, "held_out": args.held_out}
    trainer = GrayFileTrainer(
        settings(args, METHODS[name]), images, held_out, args.runs / name.replace(" ", "-"), facts
    )
    trainer.resume()
    trainer.train()
    return trainer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--held-out", required=True)
    parser.add_argument("--runs", type=Path, required=True, help="the trainings; what is there is not done again")
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--patch", type=int, default=64)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--price", type=float, default=0.5, help="of a bit, as a share of the slope of the curve")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/gray-file.json"))
    args = parser.parse_args()
    photos = [p for p in split(args.held_out, args.held_out)[0][PHOTOS] if p.ndim == 3]
    curves = {}
    for name in METHODS:
        trainer = trained(args, name)
        judge = ColourJudge(trainer.codec, photos)
        curves[name] = judge.curves(trainer.pair())
    colour = CODECS["jpeg-tuned"]  # what a file in colour does
    curves["JPEG in colour"] = np.array([
        [point(p, data := colour.encode(p, q), colour.decode(data)) for q in (3, 5, *QUALITIES)] for p in photos
    ])  # fmt: skip
    at = {name: np.array([psnr_at(c, RATES) for c in found]) for name, found in curves.items()}  # (photos, rates)
    both, alone = at["RSN and IDN"], at["IDN alone"]
    gain = (both - alone).mean(axis=1)
    facts = {
        "steps": args.steps, "photographs": len(photos), "data": args.data, "held_out": args.held_out,
        "rates": RATES, "settings": asdict(settings(args, "straight-through")),
        "psnr_at_rates": {name: found.mean(axis=0).round(3).tolist() for name, found in at.items()},
        "gain_db": float(gain.mean()), "interval": interval(gain[None], np.zeros((1, len(gain)))),
    }  # fmt: skip
    print(f"at equal bytes {facts['gain_db']:+.2f} dB, 95 % interval {facts['interval']}")
    args.out.write_text(json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    main()

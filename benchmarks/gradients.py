"""What is a gradient worth? python benchmarks/gradients.py FOLDER[,FOLDER] --held-out FOLDER --runs FOLDER

Trains RSN and IDN jointly around the JPEG that ships, from random weights, with each stand-in for its gradient, for
equal steps, with several seeds. The control, "no RSN", differs in the RSN alone. The last networks are judged, not the
best: BD-rate of PSNR (gray) against plain JPEG on whole held-out photographs, real files, the encoder not hearing its
decoder. A difference to the control has a 95 % interval, bootstrapped over photographs and seeds. Every run has its
folder in --runs: started again, the program goes on where it was."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np

from vcodec.evaluation import interval
from vcodec.images import luma
from vcodec.training import JointSettings, JointTrainer, split
from vcodec.training.judge import JUDGED, Judge

METHODS = {  # name: gradient, rate
    "no RSN": ("none", "none"),
    "straight-through": ("straight-through", "head"),
    "virtual codec": ("vcn", "head"),
    "additive noise": ("noise", "head"),
    "differentiable JPEG": ("differentiable-jpeg", "head"),
    "virtual codec, bits not priced": ("vcn", "none"),
}
PHOTOS = slice(8, 28)  # of the held-out folder; the first photographs renew the price while a run is trained


def settings(args: argparse.Namespace, name: str, seed: int) -> JointSettings:
    gradient, rate = METHODS[name]
    check, judged, lr = max(args.steps // 5, 1), 4, args.lr
    kind = {"scale": args.scale, "network": args.network, "gradient": gradient, "rate": rate, "seed": seed}
    return JointSettings(codec="jpeg", steps=args.steps, batch=args.batch, check=check, judged=judged, lr=lr, **kind)


def trained_curves(args: argparse.Namespace, judge: Judge, name: str, seed: int) -> np.ndarray:
    """(photographs, qualities, 2): bpp and PSNR in dB of the run's last networks. Trains it if that is to be done."""
    folder = args.runs / f"x{args.scale}-{name.replace(' ', '-').replace(',', '')}-{seed}"
    done = folder / "curves.json"
    if not done.exists():
        images, held_out = split(args.data, args.held_out)
        trainer = JointTrainer(settings(args, name, seed), images, held_out, folder)
        trainer.resume()
        trainer.train()
        done.write_text(json.dumps(judge.curves(trainer.pair()).tolist()))
    return np.array(json.loads(done.read_text()))


def row(name: str, curves: np.ndarray, rates: np.ndarray, control: np.ndarray | None) -> dict:
    """What is reported of a method. curves: (seeds, photographs, qualities, 2); rates, control: BD-rates in percent,
    (seeds, photographs)."""
    gradient, rate = METHODS[name]
    found = {
        "method": name, "gradient": gradient, "rate": rate, "bd_rate_percent": float(rates.mean()),
        "bd_rate_of_seeds": rates.mean(axis=1).tolist(), "bd_rate_of_photographs": rates.mean(axis=0).tolist(),
        "mean_bpp": curves[..., 0].mean((0, 1)).tolist(), "mean_psnr": curves[..., 1].mean((0, 1)).tolist(),
    }  # fmt: skip
    if control is not None:
        points = float(rates.mean() - control.mean())
        found["against_control"] = {"points": points, "interval": interval(rates, control)}
    return found


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--held-out", required=True)
    parser.add_argument("--runs", type=Path, required=True, help="the trainings; what is there is not done again")
    parser.add_argument("--scale", type=int, choices=(1, 2), default=2)
    parser.add_argument("--network", default="tiny")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--lr", type=float, default=1e-3, help="of IDN and VCN, which begin at random weights")
    parser.add_argument("--out", type=Path, help="default: gradients-half.json or -full.json in benchmarks/results")
    return parser.parse_args()


def main() -> None:
    args = arguments()
    judge = Judge("jpeg", args.scale, [luma(photo) for photo in split(args.held_out, args.held_out)[0][PHOTOS]])
    found: dict[str, list[np.ndarray]] = {name: [] for name in args.methods}
    for seed in range(args.seeds):  # every method once before any has a second seed
        for name in args.methods:
            curves = trained_curves(args, judge, name, seed)
            found[name].append(curves)
            print(f"{name}, seed {seed}: {np.mean(judge.bd_rates(curves)):+.1f} %", flush=True)
    rates = {name: np.array([judge.bd_rates(c) for c in curves]) for name, curves in found.items()}
    known = np.all([np.isfinite(r).all(axis=0) for r in rates.values()], axis=0)  # pictures that all curves can rate
    rates = {name: r[:, known] for name, r in rates.items()}
    control = rates.get("no RSN")
    rows = [row(n, np.array(found[n]), rates[n], None if n == "no RSN" else control) for n in args.methods]
    facts = {
        "network": args.network, "scale": args.scale, "steps": args.steps, "batch": args.batch, "seeds": args.seeds,
        "qualities": JUDGED, "photographs": int(known.sum()), "data": args.data, "held_out": args.held_out,
        "settings": asdict(settings(args, args.methods[-1], 0)),
    }  # fmt: skip
    out = args.out or Path(f"benchmarks/results/gradients-{'half' if args.scale == 2 else 'full'}.json")
    out.write_text(json.dumps({"settings": facts, "methods": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()

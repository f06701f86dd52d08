"""What is a re-sampler worth? python benchmarks/worth.py WEIGHTS CONTROL --held-out FOLDER [--out FILE]

WEIGHTS: networks trained jointly, an RSN among them. CONTROL: of the same training without RSN (`vcodec train
--gradient none`). BD-rate of PSNR (gray) of both against plain JPEG on whole held-out photographs by which neither was
chosen, real files, the encoder not hearing its decoder; the difference with a 95 % interval over the photographs."""

import argparse
import json
import re
from pathlib import Path

import numpy as np

from vcodec.evaluation import interval
from vcodec.images import luma
from vcodec.networks import load_weights, read_card
from vcodec.training import split
from vcodec.training.judge import JUDGED, Judge

PHOTOS = slice(14, 34)  # of the held-out folder; those before have chosen checkpoints


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path)
    parser.add_argument("control", type=Path)
    parser.add_argument("--held-out", required=True)
    parser.add_argument("--out", type=Path, help="default: worth-CODEC-xSCALE.json in benchmarks/results")
    args = parser.parse_args()
    card, control = read_card(args.weights), read_card(args.control)
    judge = Judge(card["codec"], card["scale"], [luma(p) for p in split(args.held_out, args.held_out)[0][PHOTOS]])
    rates = [np.array([judge.bd_rates(judge.curves(load_weights(path)))]) for path in (args.weights, args.control)]
    known = np.isfinite(rates[0][0]) & np.isfinite(rates[1][0])
    with_rsn, alone = (r[:, known] for r in rates)
    found = {
        "codec": card["codec"], "scale": card["scale"], "photographs": int(known.sum()), "qualities": JUDGED,
        "held_out": f"{args.held_out}, photographs {PHOTOS.start} to {PHOTOS.stop - 1}",
        "steps": [card["steps_trained"], control["steps_trained"]],
        "network_id": [card["network_id"], control["network_id"]],
        "commands": [re.sub(r" /\S*/", " ", c["command"]) for c in (card, control)],
        "with_rsn": float(with_rsn.mean()), "idn_alone": float(alone.mean()),
        "points": float(with_rsn.mean() - alone.mean()), "interval": interval(with_rsn, alone),
        "rates": {"with_rsn": with_rsn[0].round(3).tolist(), "idn_alone": alone[0].round(3).tolist()},
    }  # fmt: skip
    print(f"with RSN {found['with_rsn']:+.1f} %, IDN alone {found['idn_alone']:+.1f} %")
    low, high = found["interval"]
    print(f"difference {found['points']:+.1f} points, 95 % interval {low:+.1f} to {high:+.1f}")
    out = args.out or Path(f"benchmarks/results/worth-{card['codec']}-x{card['scale']}.json")
    out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()

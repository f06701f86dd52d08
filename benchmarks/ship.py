"""Put trained networks into the package: python benchmarks/ship.py RUN [RUN ...] [--results FILE]

Copies the weights of the runs, with their cards inside, to vcodec/weights. With the results of `vcodec evaluate`, the
cards also say what was measured. RUN may be vcodec/weights itself: its files are written anew, as this version of the
package writes them; the networks keep their names."""

import argparse
import json
from pathlib import Path

from vcodec.evaluation import bd_rates, pooled, psnr_at
from vcodec.networks import SHIPPED
from vcodec.networks.weights import read_card, read_tensors, write_card
from vcodec.weights import LICENCE, data_terms


def measured(results: list[dict], framework: str, scale: int) -> dict:
    """What a card says of `results`: BD-rates and PSNR of this scale alone, and of the framework's better scale."""
    all_points, all_curves = pooled(results)
    source = next(r["settings"]["command"] for r in results if framework in r["settings"]["curves"])
    ours = [framework, f"{framework}-x{scale}"]
    alone = [
        p | {"curve": f"{framework}-x{scale}"} for p in all_points if (p["curve"], p["scale"]) == (framework, scale)
    ]
    points, curves = [*all_points, *alone], [*all_curves, f"{framework}-x{scale}"]
    rates = bd_rates(points, curves)
    return {
        "command": source,
        "bd_rate_percent": {
            anchor: {name: round(row[name], 1) for name in ours if row.get(name) is not None}
            for anchor, row in rates.items()
            if not anchor.startswith("scic")
        },
        "psnr_at_bpp": {
            rate: {name: round(row["psnr"][name], 2) for name in ours if row["psnr"].get(name) is not None}
            for rate, row in psnr_at(points, [float(rate) for rate in results[0]["psnr_at"]]).items()
        },
    }


def terms(card: dict) -> dict[str, str]:
    """What a card that ships says of its weights' licence, and of the terms of the data they learned from."""
    return {"licence": LICENCE, "data_terms": data_terms(card["data"])}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("runs", nargs="*", type=Path)
    parser.add_argument("--results", type=Path, nargs="*")
    parser.add_argument("--note", default="", help="what a card should say of these runs beside their settings")
    args = parser.parse_args()
    SHIPPED.mkdir(exist_ok=True)
    for run in args.runs:
        for weights in run.glob("*.safetensors"):
            _, card = read_tensors(weights)  # refuses what does not match its card
            card |= terms(card) | ({"note": args.note} if args.note else {})
            write_card(weights, card, SHIPPED / weights.name)
            print(f"shipped {weights.name}, {weights.stat().st_size / 1e6:.2f} MB")
    if args.results:
        results = [json.loads(path.read_text()) for path in args.results]
        for weights in SHIPPED.glob("*.safetensors"):
            card = read_card(weights)
            if card["framework"] not in ("scic", "dnnc"):  # measured by a benchmark of its own
                continue
            name = "-".join([card["framework"], *([card["codec"]] if "codec" in card else [])])
            card["measured"] = measured(results, name, card.get("scale", 1))
            write_card(weights, card, weights)
            print(f"measured {weights.name}")


if __name__ == "__main__":
    main()

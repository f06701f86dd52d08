"""Put trained networks into the package: python benchmarks/ship.py RUN [RUN ...] [--results FILE]

Copies the weights and cards of the runs to vcodec/weights. With the results of `vcodec evaluate`, the cards
also say what was measured."""

import argparse
import json
import shutil
from pathlib import Path

from vcodec.networks import SHIPPED, load_weights, read_card


def measured(results: dict, framework: str, scale: int) -> dict:
    """What the card of one scale says of `results`: BD-rates against every plain curve, PSNR at the rates compared."""
    names = (framework, f"{framework}-x{scale}")
    plain = [anchor for anchor in results["bd_rate"] if not anchor.startswith(framework)]
    return {
        "command": results["settings"]["command"],
        "bd_rate_percent": {
            anchor: {n: round(results["bd_rate"][anchor][n], 2) for n in names if results["bd_rate"][anchor].get(n)}
            for anchor in plain
        },
        "psnr_at_bpp": {
            rate: {n: round(v, 3) for n, v in row["psnr"].items() if v and (n in names or n in plain)}
            for rate, row in results["psnr_at"].items()
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("runs", nargs="*", type=Path)
    parser.add_argument("--results", type=Path)
    args = parser.parse_args()
    SHIPPED.mkdir(exist_ok=True)
    for run in args.runs:
        for weights in run.glob("*.safetensors"):
            load_weights(weights)  # refuses what does not match its card
            for path in (weights, weights.with_suffix(".json")):
                shutil.copyfile(path, SHIPPED / path.name)
            print(f"shipped {weights.name}, {weights.stat().st_size / 1e6:.2f} MB")
    if args.results:
        results = json.loads(args.results.read_text())
        for weights in SHIPPED.glob("*.safetensors"):
            card = read_card(weights)
            card["measured"] = measured(results, f"{card['framework']}-{card['codec']}", card["scale"])
            weights.with_suffix(".json").write_text(json.dumps(card, indent=2) + "\n")
            print(f"measured {weights.name}")


if __name__ == "__main__":
    main()

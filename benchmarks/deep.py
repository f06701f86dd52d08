"""What the parts of the deep codec are worth: python benchmarks/deep.py FOLDER --data FOLDER[,FOLDER] [--out FILE]

The transform of DNNC alone, no network before or behind it, with each entropy model (static, adaptive, context) in
DCT space and with the best one in feature space, each fitted to the same crops of --data. Whole files of gray pictures
in FOLDER; mean of the pictures' BD-rates against JPEG and JPEG 2000 inside 0.05 to 0.6 bpp. Then the shipped codec."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from vcodec import dnnc, metrics
from vcodec.dnnc.contexts import Layout
from vcodec.evaluation.jobs import Kept, key_of
from vcodec.images import luma, named_images
from vcodec.networks import SHIPPED
from vcodec.standard import CODECS
from vcodec.training import split
from vcodec.training.deep import DeepRounds, DeepSettings

VARIANTS = (("feature", "context"), ("dct", "static"), ("dct", "adaptive"), ("dct", "context"))
QUALITIES = "8,16,24,32,40,48,56,64"
ANCHORS = {"jpeg": (2, 4, 7, 11, 17, 26, 40, 60), "jpeg2000": (2, 4, 6, 9, 13, 18, 24, 31, 40)}


def curve(codec: object, picture: np.ndarray, qualities: Sequence[int]) -> np.ndarray:
    files = [codec.encode(picture, q) for q in qualities]  # type: ignore[attr-defined]
    return np.array([(metrics.bits_per_pixel(f, picture), metrics.psnr(codec.decode(f), picture)) for f in files])  # type: ignore[attr-defined]


def means(rates: dict[str, dict[str, float | None]]) -> dict[str, float | int | None]:
    """Mean BD-rate against each anchor over the pictures that have one, and how many these are."""
    found: dict[str, float | int | None] = {}
    for anchor in ANCHORS:
        known = [row[anchor] for row in rates.values() if row[anchor] is not None]
        found |= {f"bd_rate_{anchor}": float(np.mean(known)) if known else None, f"pictures_{anchor}": len(known)}
    return found


def deep_codecs(data: str, crops: int) -> dict[str, dnnc.Dnnc]:
    """Each variant by name, its entropy model fitted to crops of the photographs in `data`; the shipped codec last."""
    images, _ = split(data, data)
    codecs = {}
    for space, mode in VARIANTS:
        rounds = DeepRounds(DeepSettings(space=space), images)
        contexts, quantiser = rounds.fitted(Layout(4, space), crops, mode)
        networks = dnnc.DeepNetworks(quantiser, contexts, rounds.settings.price)
        codecs[f"{space} space, {mode} model"] = dnnc.Dnnc(networks)
    return codecs | {"with RSN and IDN: dnnc": dnnc.load()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--data", required=True, help="folders of photographs that the entropy models are fitted to")
    parser.add_argument("--crops", type=int, default=100)
    parser.add_argument("--qualities", default=QUALITIES)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/deep.json"))
    args = parser.parse_args()
    qualities = [int(word) for word in args.qualities.split(",")]
    pictures = {name: luma(image) for name, image in named_images(args.folder).items()}
    anchors = {a: {n: curve(CODECS[a], p, q) for n, p in pictures.items()} for a, q in ANCHORS.items()}
    kept, keys, rows = Kept(args.out.with_name(f"{args.out.name}.part")), [], []
    for name, codec in deep_codecs(args.data, args.crops).items():
        rates = {}
        for n, p in tqdm(pictures.items(), name):
            keys.append(key_of(p, SHIPPED, n, name, args.data, args.crops, qualities))
            if keys[-1] not in kept.rows:
                kept.add(keys[-1], curve(codec, p, qualities).tolist())
            found = np.array(kept.rows[keys[-1]])
            rates[n] = {anchor: metrics.bd_rate(theirs[n], found) for anchor, theirs in anchors.items()}
        rows.append({"codec": name} | means(rates) | {"bd_rate": rates})
    settings = {"folder": args.folder, "data": args.data, "crops": args.crops, "qualities": qualities}
    args.out.write_text(json.dumps({"settings": settings, "codecs": rows}, indent=1) + "\n")
    assert kept.path
    kept.path.unlink(missing_ok=True)


if __name__ == "__main__":
    main()

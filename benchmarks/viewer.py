"""Our JPEG files as any viewer shows them, and restored, beside libjpeg's of equal bytes: benchmarks/viewer.py FOLDER

Gray, whole files at full resolution, the encoder with its defaults. libjpeg's PSNR at the bytes of our file lies on the
line between its own points, over the logarithm of the rate. What is finished is kept in a file beside --out."""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from vcodec.evaluation.jobs import Kept, key_of
from vcodec.images import luma, named_images
from vcodec.metrics import bits_per_pixel, psnr, psnr_at_rate
from vcodec.networks import SHIPPED
from vcodec.scic import load
from vcodec.standard import CODECS

LIBJPEG = (*range(1, 10), *range(10, 90, 4), *range(90, 101))  # its qualities
QUALITIES = "10,30,50,75,85,90,95,98,100"


def libjpeg_curve(picture: np.ndarray) -> np.ndarray:
    """(K, 2) of (bpp, PSNR)."""
    plain = CODECS["jpeg"]
    files = [plain.encode(picture, quality) for quality in LIBJPEG]
    return np.array([(bits_per_pixel(data, picture), psnr(plain.decode(data), picture)) for data in files])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--qualities", default=QUALITIES)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/viewer.json"))
    args = parser.parse_args()
    torch.set_num_threads(1)
    codec, kept, keys = load("scic-jpeg"), Kept(args.out.with_name(f"{args.out.name}.part")), []
    for name, image in tqdm(named_images(args.folder).items(), "viewer"):
        picture = luma(image)
        theirs = libjpeg_curve(picture)
        for quality in map(int, args.qualities.split(",")):
            keys.append(key_of(picture, SHIPPED, name, quality))
            if keys[-1] in kept.rows:
                continue
            data = codec.encode(picture, quality, scale=1)
            rate = bits_per_pixel(data, picture)
            kept.add(keys[-1], {
                "picture": name, "quality": quality, "bytes": len(data), "bpp": round(rate, 5),
                "shown": round(psnr(codec.codec.decode(data), picture), 4),
                "restored": round(psnr(codec.decode(data), picture), 4),
                "libjpeg": None if (at := psnr_at_rate(theirs, rate)) is None else round(at, 4),
            })  # fmt: skip
    words = ["python", "benchmarks/viewer.py", *sys.argv[1:]]
    rows = ",\n  ".join(json.dumps(kept.rows[key]) for key in keys)
    settings = json.dumps({"command": " ".join(words), "set": Path(args.folder).name})
    args.out.write_text(f'{{"settings": {settings},\n "points": [\n  {rows}\n ]}}\n')
    assert kept.path
    kept.path.unlink(missing_ok=True)


if __name__ == "__main__":
    main()

"""The decoder as a restorer of other programs' JPEG files: python benchmarks/restore.py FOLDER [--twice] [--out FILE]

As the literature on artefact removal tests it: gray, standard tables (Pillow) at each quality, PSNR and SSIM of what a
viewer shows and of what our decoder makes of the same file. Colour pictures are measured in two lumas, each of which
is what JPEG is given: limited-range BT.601 (16 to 235, that of MATLAB's rgb2ycbcr and of that literature), and the
full-range luma of the rest of this project. --twice: pictures that were a JPEG of the first quality before they became
one of the second, on the same grid of blocks and shifted by 4 pixels, as Jiang et al. (FBCNN, ICCV 2021) test them.
What is finished is kept in a file beside --out, until all is."""

import argparse
import io
import json
import logging
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from tqdm import tqdm

from vcodec.evaluation.jobs import Kept, key_of
from vcodec.images import luma, named_images
from vcodec.metrics import psnr, ssim
from vcodec.networks import SHIPPED
from vcodec.scic import load

TWICE = (10, 30)  # qualities, first and second
SHIFT = 4  # pixels, down and right


def limited_luma(image: np.ndarray) -> np.ndarray:
    """Limited-range BT.601 luma, 16 to 235, uint8 (H, W) of (H, W, 3): ITU-R BT.601-7, 2.5.1, for RGB of 0 to 255."""
    return np.rint(16 + image @ np.array([65.481, 128.553, 24.966]) / 255).astype(np.uint8)


def lumas(image: np.ndarray, names: list[str]) -> dict[str, np.ndarray]:
    """What is compressed: a gray picture as it is, of a colour picture each luma that is asked for."""
    if image.ndim == 2:
        return {"gray": image}
    return {name: limited_luma(image) if name == "limited" else luma(image) for name in names}


def jpeg(picture: np.ndarray, quality: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def shown(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


def cases(picture: np.ndarray, qualities: list[int], twice: bool) -> dict[str, tuple[np.ndarray, bytes]]:
    """The original and the file of each case."""
    found = {str(quality): (picture, jpeg(picture, quality)) for quality in qualities}
    if twice:
        first = shown(jpeg(picture, TWICE[0]))
        for name, shift in (("", 0), (f", shifted by {SHIFT}", SHIFT)):
            part = np.ascontiguousarray(first[shift:, shift:])
            original = np.ascontiguousarray(picture[shift:, shift:])
            found[f"{TWICE[0]}, then {TWICE[1]}{name}"] = original, jpeg(part, TWICE[1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--qualities", default="10,20,30,40")
    parser.add_argument("--lumas", default="limited,full")
    parser.add_argument("--twice", action="store_true")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/restore.json"))
    args = parser.parse_args()
    logging.getLogger("vcodec").setLevel(logging.ERROR)  # the note that each file is not one of ours
    torch.set_num_threads(1)
    codec, kept = load("scic-jpeg"), Kept(args.out.with_name(f"{args.out.name}.part"))
    keys = []
    for name, image in tqdm(named_images(args.folder).items(), "restore"):
        for kind, picture in lumas(image, args.lumas.split(",")).items():
            for case, (original, data) in cases(picture, numbers(args.qualities), args.twice).items():
                keys.append(key_of(original, SHIPPED, name, kind, case))
                if keys[-1] in kept.rows:
                    continue
                before, after = shown(data), codec.decode(data)
                kept.add(keys[-1], {
                    "picture": name, "luma": kind, "case": case, "bytes": len(data),
                    "psnr_shown": round(psnr(before, original), 4), "psnr": round(psnr(after, original), 4),
                    "ssim_shown": round(ssim(before, original) or 0, 5), "ssim": round(ssim(after, original) or 0, 5),
                })  # fmt: skip
    words = ["python", "benchmarks/restore.py", *sys.argv[1:]]
    settings = {"command": " ".join(words), "set": Path(args.folder).name, "parameters": parameters(codec)}
    args.out.write_text(dumps(settings, [kept.rows[key] for key in keys]))
    assert kept.path
    kept.path.unlink(missing_ok=True)


def numbers(text: str) -> list[int]:
    return [int(word) for word in text.split(",")]


def parameters(codec) -> int:
    return sum(weight.numel() for weight in codec.pair(1).idn.parameters())


def dumps(settings: dict, points: list[dict]) -> str:
    """JSON with a line for each point."""
    rows = ",\n  ".join(json.dumps(point) for point in points)
    return f'{{"settings": {json.dumps(settings)},\n "points": [\n  {rows}\n ]}}\n'


if __name__ == "__main__":
    main()

"""Does restoring ever make a picture worse than what any viewer shows of the same file? Files that vcodec did not
make: kinds of picture x formats x qualities, with and without metadata.   python -m benchmarks.foreign

Writes, for the page "What we tried to break", by how much restoring changes the PSNR of every case (dB, RGB) against
Pillow alone: as vcodec did at first, and now. Prints the table of that page. A lossless file may not change at all."""

import argparse
import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from tools import tables
from vcodec.eight_bit import to_eight_bit
from vcodec.images import embedded, open_image, write_file
from vcodec.metrics import psnr
from vcodec.networks.settings import usual_torch
from vcodec.scic import FRAMEWORKS, Scic, load
from vcodec.scic.planes import on_planes

OUT = Path("benchmarks/results/foreign.json")
QUALITIES = 10, 30, 50, 75, 95
FORMATS = {codec.format: name for name, codec in FRAMEWORKS.items()}
LOSSLESS = {
    "JPEG2000": {"irreversible": False}, "WEBP": {"lossless": True},
    "AVIF": {"quality": 100, "subsampling": "4:4:4"}, "HEIF": {"quality": -1, "chroma": 444},
}  # fmt: skip
METADATA = Image.Exif()
METADATA[270] = "a description of the picture " * 1100  # 32 kB, as much as the picture itself


def drawn(kind: str, size: int) -> np.ndarray:
    """Text, line art or a screenshot, uint8 (size, size, 3)."""
    image = Image.new("RGB", (size, size), "white")
    draw = ImageDraw.Draw(image)
    if kind == "text":
        for line in range(0, size, 12):
            draw.text((3, line), "The quick brown fox jumps over 13 lazy dogs, again and again.", "black")
    elif kind == "line art":
        for radius in range(4, size // 2, 7):
            corners = [size // 2 - radius, size // 2 - radius, size // 2 + radius, size // 2 + radius]
            draw.ellipse(corners, outline=(20, 20, 80))
            draw.line([0, 4 * radius, size, radius], (180, 0, 0))
    else:
        draw.rectangle([0, 0, size, 14], (40, 90, 160))
        draw.rectangle([0, 15, 50, size], (235, 235, 240))
        draw.text((4, 2), "File  Edit  View  Help", "white")
        image.paste(Image.fromarray(embedded("coffee")[100 : 100 + size // 2, 150 : 150 + size // 2]), (60, 60))
        for line in range(20, size - 10, 13):
            draw.text((4, line), f"item {line}", (60, 60, 60))
    return np.array(image)


def pictures(size: int = 192) -> dict[str, np.ndarray]:
    """Six kinds of picture, uint8 (size, size, 3)."""
    ramp = np.linspace(0, 1, size)
    gradient = np.stack(np.broadcast_arrays(255 * ramp[:, None], 255 * ramp[None], 128 + 40 * ramp[None]), -1)
    noise = np.random.default_rng(0).normal(128, 40, (size, size, 3))
    kinds = {"photo": embedded("chelsea")[60 : 60 + size, 140 : 140 + size]}
    kinds |= {kind: drawn(kind, size) for kind in ("text", "line art", "screenshot")}
    return kinds | {"noise": np.uint8(noise.clip(0, 255)), "gradient": np.uint8(gradient.round())}


def saved(image: np.ndarray, form: str, quality: int | None, metadata: bool) -> bytes:
    """As another program writes it. quality None: without loss (JPEG, which has no such mode: at 100)."""
    options = LOSSLESS.get(form, {"quality": 100}) if quality is None else {"quality": quality}
    if form == "JPEG2000" and quality is not None:
        options = {"quality_mode": "dB", "quality_layers": [22 + quality / 4], "irreversible": True}
    if metadata:
        options |= {"comment": METADATA[270]} if form == "JPEG2000" else {"exif": METADATA}
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, form, **options)
    return buffer.getvalue()


def coloured(image: np.ndarray) -> np.ndarray:
    """(H, W) or (H, W, 3) -> (H, W, 3): WebP has no gray pictures, and ours come back as what they were."""
    return image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)


def changes(
    formats: list[str], qualities: list[int | None], metadata: tuple[bool, ...] = (False, True), size: int = 192
) -> Iterator[tuple]:
    """(format, kind, quality, with metadata, dB before, dB after) of each case."""
    for form in formats:
        codec = load(FORMATS[form])
        for kind, image in pictures(size).items():
            for quality in qualities:
                for told in metadata:
                    data = saved(image, form, quality, told)
                    plain = coloured(to_eight_bit(open_image(data)))
                    yield form, kind, quality, told, psnr(plain, image), psnr(coloured(codec.decode(data)), image)


@usual_torch()
def restored_at_first(codec: Scic, data: bytes) -> np.ndarray:
    """What vcodec made of a file in its first version: the whole correction, with a step that was guessed from the
    bytes per pixel of the file, metadata included; JPEG's was read from its tables."""
    pair, z = codec.pair(1), codec.codec.decode(data)
    if codec.codec.format == "JPEG":
        step = codec.codec.step_of(data)
    else:
        at_one_bpp, power = codec.codec.usual
        guess = at_one_bpp * (8 * len(data) / (z.shape[0] * z.shape[1])) ** -power
        step = float(np.clip(guess, codec.codec.step(100), codec.codec.step(1)))
    return on_planes(z, lambda plane: pair.restore(plane, step), lambda plane: plane)


def measured(form: str, size: int) -> Iterator[dict]:
    """Every case of a format, as the results hold it. "changed", for a file without loss: whether its pixels are
    others than a viewer shows; else the change of PSNR, in dB."""
    codec = load(FORMATS[form])
    for kind, image in pictures(size).items():
        for quality in (*QUALITIES, None):
            for metadata in (False, True):
                data = saved(image, form, quality, metadata)
                viewer = coloured(to_eight_bit(open_image(data)))
                made = {"at first": restored_at_first(codec, data), "now": codec.decode(data)}
                case = {"format": form, "picture": kind, "quality": quality, "metadata": metadata}
                if quality is None and form in LOSSLESS:
                    changed = {version: not np.array_equal(coloured(z), viewer) for version, z in made.items()}
                    yield case | {"changed": changed}
                else:
                    before = psnr(viewer, image)
                    change = {name: round(psnr(coloured(z), image) - before, 3) for name, z in made.items()}
                    yield case | {"viewer": round(before, 3), "change": change}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--formats", nargs="+", default=list(FORMATS), choices=list(FORMATS))
    parser.add_argument("--size", type=int, default=96, help="of the pictures, in pixels a side (default: 96)")
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    logging.getLogger("vcodec").setLevel(logging.ERROR)
    cases = []
    for form in arguments.formats:
        for case in measured(form, arguments.size):
            cases.append(case)
            print(*case.values(), flush=True)
    lines = ",\n".join(map(json.dumps, cases))
    write_file(arguments.out, f'{{"size": {arguments.size}, "cases": [\n{lines}\n]}}\n'.encode())
    print(tables.foreign(arguments.out))


if __name__ == "__main__":
    main()

"""What all figures share: a still picture for viewers without widgets, and one copy of each helper.

A figure's JavaScript runs from the notebook's own data and cannot import a file beside it, so its parts are put
together here: figure.js, what several figures need (curves.js, jpeg_blocks.js), and the figure's own file."""

import base64
import io
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
from PIL import Image, ImageDraw, ImageFont

STATIC = Path(__file__).parent / "static"


def script(*names: str) -> str:
    """The JavaScript of a figure: figure.js, then the named files, of which the last exports `render`."""
    return "\n".join((STATIC / f"{name}.js").read_text(encoding="utf-8") for name in ("figure", *names))


def style(*names: str) -> str:
    """The style sheet of a figure: figure.css, then the named files."""
    return "\n".join((STATIC / f"{name}.css").read_text(encoding="utf-8") for name in ("figure", *names))


class Figure(anywidget.AnyWidget):
    """An anywidget with a still of itself beside it, for GitHub, paper and pages without scripts."""

    def poster(self) -> np.ndarray:
        """The still, with its caption: uint8 (H, W) or (H, W, 3)."""
        raise NotImplementedError

    def _repr_mimebundle_(self, **options: Any) -> tuple[dict, dict]:
        data, metadata = super()._repr_mimebundle_(**options) or ({}, {})
        return {**data, "image/png": base64.b64encode(file_of(self.poster(), "PNG", optimize=True)).decode()}, metadata


def file_of(picture: np.ndarray, kind: str, **options: Any) -> bytes:
    """A picture, uint8 (H, W) or (H, W, 3), as the bytes of a file that Pillow writes."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, kind, **options)
    return buffer.getvalue()


def drawn(canvas: Any) -> np.ndarray:
    """What matplotlib drew on a figure of its own, not shown anywhere: uint8 (H, W, 3)."""
    file = io.BytesIO()
    canvas.savefig(file)
    return np.asarray(Image.open(file).convert("RGB"))


def side_by_side(pictures: list[np.ndarray], caption: str, gap: int = 4) -> np.ndarray:
    """Pictures of one height in a row on white, the caption's lines below: uint8 (H, W, 3)."""
    lines = caption.split("\n")
    height, font = max(p.shape[0] for p in pictures), ImageFont.load_default(12)
    width = sum(p.shape[1] for p in pictures) + gap * (len(pictures) - 1)
    width = max(width, *(int(font.getlength(line)) + 4 for line in lines))
    canvas, left = Image.new("RGB", (width, height + 16 * len(lines) + 2), "white"), 0
    for picture in pictures:
        canvas.paste(Image.fromarray(picture), (left, 0))
        left += picture.shape[1] + gap
    for i, line in enumerate(lines):
        ImageDraw.Draw(canvas).text((2, height + 2 + 16 * i), line, "black", font)
    return np.asarray(canvas)

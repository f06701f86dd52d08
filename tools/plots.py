"""Which pictures of a page are plots: lines, bars and words on white, without a photograph?

In dark mode the site turns a plot's lightness around (custom.css), which a photograph would not survive."""

from pathlib import Path

import numpy as np
from PIL import Image

WHITE = 250  # the least level that counts as white
# Shares measured on all figures of the book: pixels that are white; pixels that differ from both the next in their row
# and the next in their column, as nearly all do in a photograph.
EMPTY, PLAIN = 0.8, (0.6, 0.055)


def is_plot(path: Path) -> bool:
    """True where a PNG file is mostly white, or less so but calm, as with wide bars and shaded parts."""
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB")).astype(np.int16)  # (H, W, 3)
    white = float(np.mean(pixels.min(axis=2) >= WHITE))
    down, right = (np.abs(np.diff(pixels, axis=axis)).any(axis=2) for axis in (0, 1))
    busy = float(np.mean(down[:, :-1] & right[:-1]))
    return white >= EMPTY or (white >= PLAIN[0] and busy <= PLAIN[1])

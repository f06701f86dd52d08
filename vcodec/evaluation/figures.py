"""One visual language for the whole book: a colour per codec, pictures pixel for pixel, axes with units."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from vcodec.metrics import upper_envelope
from vcodec.scic.crossover import crossover

# Okabe & Ito's palette, which colour-blind readers can tell apart; a codec keeps its colour in every chapter.
CURVE_COLOURS = {
    "JPEG": "#D55E00",
    "SCIC": "#0072B2",
    "JPEG 2000": "#009E73",
    "WebP": "#CC79A7",
    "AVIF": "#E69F00",
    "HEIC": "#56B4E9",
    "DNNC": "#000000",
}
MARKERS = dict(zip(CURVE_COLOURS, "osD^vPX", strict=True))


def show_pictures(pictures: Mapping[str, np.ndarray], crop: tuple[int, int, int, int] | None = None) -> Figure:
    """Pictures in a row, each under its title, at true proportions and without smoothing.

    pictures: uint8 (H, W) or (H, W, 3) by title. crop: (top, left, height, width) in pixels of the largest
    picture; it is framed there and shown enlarged in a second row. Smaller pictures are cut at the same place."""
    rows = 1 if crop is None else 2
    largest = max(picture.shape[0] for picture in pictures.values())
    aspect = next(iter(pictures.values())).shape[0] / next(iter(pictures.values())).shape[1]
    width = 9.6 / len(pictures)
    height = width * (aspect + (crop[2] / crop[3] if crop else 0)) + 0.35
    figure, axes = plt.subplots(rows, len(pictures), figsize=(9.6, height), squeeze=False, layout="constrained")
    for column, (title, picture) in enumerate(pictures.items()):
        axes[0, column].set_title(title, fontsize=9)
        draw_picture(axes[0, column], picture)
        if crop is not None:
            top, left, tall, wide = (side * picture.shape[0] // largest for side in crop)
            draw_picture(axes[1, column], picture[top : top + tall, left : left + wide])
            frame = Rectangle((left, top), wide, tall, fill=False, edgecolor="#F0E442", linewidth=1.2)
            axes[0, column].add_patch(frame)
    return figure


def show_grid(pictures: Mapping[str, np.ndarray], columns: int = 3) -> Figure:
    """Pictures of one shape in rows of `columns`, each under its title: narrow enough to be read on a phone.

    pictures: uint8 (H, W) or (H, W, 3) by title."""
    rows, side = -(-len(pictures) // columns), 6.4 / columns
    tall, wide = next(iter(pictures.values())).shape[:2]
    size = (6.4, rows * (side * tall / wide + 0.3))
    figure, axes = plt.subplots(rows, columns, figsize=size, squeeze=False, layout="constrained")
    for place in axes.flat[len(pictures) :]:
        place.axis("off")
    for place, (title, picture) in zip(axes.flat, pictures.items(), strict=False):
        place.set_title(title, fontsize=10)
        draw_picture(place, picture)
    return figure


def draw_picture(axes: Axes, picture: np.ndarray) -> None:
    axes.imshow(picture, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks([])


def plot_curves(curves: Mapping[str, np.ndarray], axes: Axes | None = None, quality: str = "PSNR (dB)") -> Axes:
    """RD curves over bits per pixel of the original. curves: (K, 2) of (bpp, quality) by codec, named as in
    CURVE_COLOURS or with words after it ("SCIC, half resolution"); the second of a codec is dashed."""
    axes = axes or plt.subplots(figsize=(6.4, 4), layout="constrained")[1]
    seen: set[str] = set()
    for name, points in curves.items():
        codec = max((c for c in CURVE_COLOURS if name.startswith(c)), key=len, default="DNNC")
        rate, value = upper_envelope(points).T
        style = "--" if codec in seen else "-"
        axes.plot(rate, value, style, marker=MARKERS[codec], ms=4, color=CURVE_COLOURS[codec], label=name)
        seen.add(codec)
    axes.set_xlabel("rate (bits per pixel of the original)")
    axes.set_ylabel(quality)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    return axes


def plot_crossover(half: np.ndarray, full: np.ndarray, axes: Axes | None = None, codec: str = "SCIC") -> Axes:
    """Both scales of one codec on one picture, the rates at which half resolution is better shaded, and where it is
    overtaken. half, full: (K, 2) of (bpp, dB)."""
    axes = plot_curves({f"{codec}, full resolution": full, f"{codec}, half resolution": half}, axes)
    rate = crossover(half, full)
    if rate:
        last = min(rate, half[:, 0].max())
        axes.axvspan(half[:, 0].min(), last, color=CURVE_COLOURS[codec], alpha=0.1, linewidth=0)
        if last == rate:
            axes.axvline(rate, color="#666666", linewidth=1)
            axes.annotate(f"{rate:.2f} bpp", (rate, axes.get_ylim()[0]), (4, 4), textcoords="offset points", fontsize=9)
    return axes


def plot_crossovers(crossovers: Mapping[str, Mapping[str, float | None]], axes: Axes | None = None) -> Axes:
    """Crossover rates in bpp by codec and picture: a dot for each picture, a bar at the median. 0: half resolution is
    never better there. None is left out."""
    axes = axes or plt.subplots(figsize=(6.4, 0.7 + 0.5 * len(crossovers)), layout="constrained")[1]
    for row, (name, pictures) in enumerate(crossovers.items()):
        codec = max((c for c in CURVE_COLOURS if name.startswith(c)), key=len, default="DNNC")
        rates = np.array(sorted(rate for rate in pictures.values() if rate is not None))
        spread = row + 0.16 * (np.arange(len(rates)) % 3 - 1)
        axes.scatter(rates, spread, s=26, marker=MARKERS[codec], color=CURVE_COLOURS[codec], alpha=0.75, linewidths=0)
        if len(rates):
            axes.plot(2 * [np.median(rates)], [row - 0.33, row + 0.33], color=CURVE_COLOURS[codec], linewidth=2.5)
    axes.set_yticks(range(len(crossovers)), list(crossovers))
    axes.set_ylim(len(crossovers) - 0.5, -0.5)
    axes.set_xlim(left=-0.01)
    axes.set_xlabel("crossover (bits per pixel of the original)")
    axes.grid(axis="x", alpha=0.3)
    return axes

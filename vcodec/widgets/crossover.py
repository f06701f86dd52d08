"""The crossover explorer: full against half resolution at one rate, and the rate at which the winner changes.

Zhao and others 2018, arXiv:1802.01447: mixed resolution. Book: chapter 9."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import traitlets

from vcodec.dct import dct_matrix
from vcodec.errors import CodecError
from vcodec.images import luma, to_array
from vcodec.metrics import psnr_at_rate
from vcodec.scic.crossover import crossovers
from vcodec.widgets.codec_explorer import RESOLUTIONS, RdPicture, check_points, display_files, nearest
from vcodec.widgets.figure import Figure, script, side_by_side, style


def energy_above_half(picture: np.ndarray) -> tuple[float, float]:
    """What a picture of half the rows and columns cannot carry linearly, of the luma of uint8 (H, W) or (H, W, 3).

    Returns the share of the energy around the mean that lies above half the band, horizontally or vertically
    (orthonormal DCT of the whole picture), and the PSNR in dB of the picture without it."""
    plane = luma(picture).astype(float)
    height, width = plane.shape
    energy = (dct_matrix(height) @ plane @ dct_matrix(width).T) ** 2
    energy[0, 0] = 0
    energy[energy < 1e-9] = 0  # what rounding leaves of nothing
    lost = energy.sum() - energy[: (height + 1) // 2, : (width + 1) // 2].sum()
    share = float(lost / energy.sum()) if energy.any() else 0.0
    return share, 10 * math.log10(255**2 * energy.size / lost) if share else math.inf


class CrossoverExplorer(Figure):
    """A picture at full and at half resolution side by side, their errors, both RD curves and their crossing.

    original: uint8 (H, W) or (H, W, 3). points: RdPictures of one method, at least two at each resolution, whose
    PSNR rises with the rate. State that a kernel can read and set: target_bpp (bits per pixel), shown ("pictures"
    or "errors": differences from the original, five times as strong). The pictures are those of the points nearest
    to the rate; the verdict compares the curves at the rate itself. Raises CodecError for points that do not fit."""

    _esm = script("curves", "crossover")
    _css = style("crossover")

    size = traitlets.List(traitlets.Int()).tag(sync=True)
    method = traitlets.Unicode().tag(sync=True)
    curves = traitlets.List(traitlets.Dict()).tag(sync=True)
    pictures = traitlets.List(traitlets.Bytes()).tag(sync=True)
    crossings = traitlets.List(traitlets.Float()).tag(sync=True)
    share = traitlets.Float().tag(sync=True)
    ceiling = traitlets.Float(allow_none=True).tag(sync=True)
    target_bpp = traitlets.Float(0.25, min=1e-6).tag(sync=True)
    shown = traitlets.Enum(["pictures", "errors"], "pictures").tag(sync=True)

    def __init__(self, original: np.ndarray, points: Sequence[RdPicture], **state: Any):
        self.original = to_array(original)
        check_points(self.original, points)
        self.points = {r: sorted((p for p in points if p.resolution == r), key=self.bpp) for r in RESOLUTIONS}
        self._check()
        share, ceiling = energy_above_half(self.original)
        full, half = (self.curve(resolution) for resolution in RESOLUTIONS)
        found = crossovers(half, full)
        middle = math.sqrt(max(full[0, 0], half[0, 0]) * min(full[-1, 0], half[-1, 0]))
        super().__init__(
            size=list(self.original.shape[:2]),
            method=points[0].method,
            curves=[
                {
                    "method": p[0].method,
                    "resolution": r,
                    "entries": [{"bpp": self.bpp(q), "psnr": float(q.psnr)} for q in p],
                }
                for r, p in self.points.items()
            ],
            pictures=display_files(
                [(self.original, None), *((p.picture, p.file) for r in RESOLUTIONS for p in self.points[r])]
            ),
            crossings=found,
            share=share,
            ceiling=ceiling if math.isfinite(ceiling) else None,
            **{"target_bpp": found[0] if found else middle, **state},
        )

    def _check(self) -> None:
        every = [p for points in self.points.values() for p in points]
        if len({p.method for p in every}) != 1 or min(map(len, self.points.values())) < 2:
            raise CodecError("the crossover explorer needs one method, at least two points at each resolution")
        for points in self.points.values():
            if any(a.psnr >= b.psnr or a.num_bytes >= b.num_bytes for a, b in pairwise(points)):
                raise CodecError("the PSNR of a curve must rise with its rate; leave out the points that do not")

    def bpp(self, point: RdPicture) -> float:
        """Bits of the whole file per pixel of the original."""
        return 8 * point.num_bytes / math.prod(self.original.shape[:2])

    def _entry(self, point: RdPicture) -> dict[str, float]:
        return {"bpp": self.bpp(point), "psnr": float(point.psnr)}

    def curve(self, resolution: str) -> np.ndarray:
        """(K, 2) of (bpp, dB), both rising."""
        return np.array([(self.bpp(p), p.psnr) for p in self.points[resolution]])

    def gap(self, bpp: float) -> float | None:
        """dB by which full resolution is better at a rate; negative: half is. None where a curve does not reach."""
        full, half = (psnr_at_rate(self.curve(resolution), bpp) for resolution in RESOLUTIONS)
        return None if full is None or half is None else full - half

    def nearest(self, resolution: str, bpp: float) -> RdPicture:
        """The point nearest to a rate; rates are compared by their ratio."""
        return nearest(self.points[resolution], self.bpp, bpp)

    def __repr__(self) -> str:
        where = ", ".join(f"{bpp:.3f} bpp" for bpp in self.crossings) or "no crossing"
        return (
            f"CrossoverExplorer({self.size[1]}x{self.size[0]}, {self.method}: {where};"
            f" {100 * self.share:.1f} % of the energy above half the band)"
        )

    def poster(self) -> np.ndarray:
        """Left full, right half resolution, at the rate of the start."""
        pair = [self.nearest(resolution, self.target_bpp) for resolution in RESOLUTIONS]
        texts = [f"{p.resolution} {self.bpp(p):.2f} bpp, {p.psnr:.1f} dB" for p in pair]
        return side_by_side([p.picture for p in pair], f"{self.method}: {' | '.join(texts)}")

"""The codec explorer: a figure in which a reader moves the bitrate and sees the picture that it buys.

Its logic is JavaScript (static/codec_explorer.js), so that it is alive with and without a kernel; this
module checks the data, formats every number the reader sees, and packs the pictures. Book: chapter 2 onwards."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import traitlets

from vcodec.errors import CodecError
from vcodec.evaluation.figures import CURVE_COLOURS
from vcodec.images import load_image, to_array
from vcodec.widgets.figure import Figure, file_of, script, side_by_side, style

BLACK = "#000000"  # of a curve: drawn in the page's text colour, which is white on a dark page
RESOLUTIONS = ("full", "half")
MAX_BYTES = 330_000  # of all pictures; as base64 in a notebook, with the code and the numbers, 0.5 MB


@dataclass(frozen=True, eq=False)
class RdPicture:
    """One point of a rate-distortion curve, with its picture.

    method: the curve's name, such as "JPEG".   resolution: "full" or "half", of what the codec stored.
    num_bytes: of the finished file.            picture: uint8, shaped as the original.
    psnr: dB, finite.                           ssim: -1 to 1. Both of `picture`, measured by the caller.
    file: the finished file, if there is one; it is shown untouched where a browser decodes it to `picture`."""

    method: str
    resolution: str
    quality: int
    num_bytes: int
    picture: np.ndarray
    psnr: float
    ssim: float
    file: bytes | None = None


class CodecExplorer(Figure):
    """A picture under several codecs at every rate: a wipe, a magnifier, the numbers and the RD curves.

    original: uint8 (H, W) or (H, W, 3).  points: at least one RdPicture.  colours: method -> CSS colour.
    JPEG and WebP files are shown as they are. Other pictures, the original too, are re-coded for display:
    as lossless WebP where that is small enough, else as WebP of quality 90 or, if the page would grow too
    large, 80 or 70. The numbers are always those of the true pixels.

    State that a kernel can read and set: target_bpp (bits per pixel, above 0), method, resolution ("full",
    "half" or "auto": the better PSNR at that rate), compare ("original", a method, or a method and a
    resolution such as "SCIC half"), wipe (0 to 1: the share of the width that shows the left picture).
    Raises CodecError for points that do not fit, and where the pictures exceed 330 kB together."""

    _esm = script("curves", "codec_explorer")
    _css = style("wipe", "codec_explorer")

    size = traitlets.List(traitlets.Int()).tag(sync=True)
    curves = traitlets.List(traitlets.Dict()).tag(sync=True)
    pictures = traitlets.List(traitlets.Bytes()).tag(sync=True)
    comparisons = traitlets.List(traitlets.List(traitlets.Unicode())).tag(sync=True)
    colours = traitlets.Dict().tag(sync=True)
    target_bpp = traitlets.Float(0.25, min=1e-6).tag(sync=True)
    method = traitlets.Unicode().tag(sync=True)
    resolution = traitlets.Unicode("auto").tag(sync=True)
    compare = traitlets.Unicode("original").tag(sync=True)
    wipe = traitlets.Float(0.5, min=0.0, max=1.0).tag(sync=True)

    def __init__(
        self,
        original: np.ndarray,
        points: Sequence[RdPicture],
        colours: Mapping[str, str] = CURVE_COLOURS,
        **state: Any,
    ):
        self.original = to_array(original)
        check_points(self.original, points)
        methods = list(dict.fromkeys(point.method for point in points))
        self.points = sorted(points, key=lambda p: (methods.index(p.method), p.resolution, p.num_bytes))
        curves = [(*name, list(points)) for name, points in groupby(self.points, lambda p: (p.method, p.resolution))]
        both = [(m, r) for m, r, _ in curves if [method for method, _, _ in curves].count(m) == 2]
        super().__init__(
            size=list(self.original.shape[:2]),
            curves=[
                {"method": m, "resolution": r, "entries": [self._entry(p) for p in points]} for m, r, points in curves
            ],
            pictures=display_files([(self.original, None), *((p.picture, p.file) for p in self.points)]),
            comparisons=[
                ["original", "", ""],
                *([m, m, "auto"] for m in methods),
                *([f"{m} {r}", m, r] for m, r in both),
            ],
            colours={method: colours.get(method, BLACK).replace(BLACK, "currentColor") for method in methods},
            **{"method": methods[-1], **state},
        )

    def bpp(self, point: RdPicture) -> float:
        """Bits of the whole file per pixel of the original."""
        return 8 * point.num_bytes / math.prod(self.original.shape[:2])

    def _entry(self, point: RdPicture) -> dict[str, Any]:
        """What the page knows of a point; the texts in `numbers` appear there as they stand."""
        numbers = [
            ["rate", f"{self.bpp(point):.3f} bpp"],
            ["file", f"{point.num_bytes:,} bytes"],
            ["PSNR", f"{point.psnr:.2f} dB"],
            ["SSIM", f"{point.ssim:.3f}"],
            ["quality", f"{point.quality}"],
            ["resolution", point.resolution],
        ]
        place = {"method": point.method, "resolution": point.resolution}
        return {**place, "bpp": self.bpp(point), "psnr": float(point.psnr), "numbers": numbers}

    @traitlets.validate("method", "resolution", "compare")
    def _known(self, proposal: Any) -> str:
        names = [name for name, _, _ in self.comparisons]
        known = {"method": [*self.colours], "resolution": ["auto", *RESOLUTIONS], "compare": names}[proposal.trait.name]
        if proposal.value not in known:
            raise CodecError(f"{proposal.trait.name} is one of {', '.join(known)}, not {proposal.value!r}")
        return proposal.value

    def __repr__(self) -> str:
        ends = [(curve, curve["entries"][0], curve["entries"][-1]) for curve in self.curves]
        texts = [
            f"{curve['method']} {curve['resolution']} {low['bpp']:.2f} to {high['bpp']:.2f} bpp, "
            f"{low['psnr']:.1f} to {high['psnr']:.1f} dB"
            for curve, low, high in ends
        ]
        return f"CodecExplorer({self.size[1]}x{self.size[0]}, {len(self.points)} pictures: {'; '.join(texts)})"

    def _shown(self, method: str, resolution: str) -> tuple[np.ndarray, str]:
        """The picture of the method that is nearest to the target rate, and its caption."""
        points = [p for p in self.points if p.method == method]
        fitting = [p for p in points if resolution in ("auto", p.resolution)]
        point = nearest(fitting or points, self.bpp, self.target_bpp)
        return point.picture, f"{point.method}, {self.bpp(point):.2f} bpp, {point.psnr:.1f} dB"

    def poster(self) -> np.ndarray:
        """A still for viewers without widgets, uint8 (H + 18 a line, W, 3): left what is compared, right the method."""
        right, text = self._shown(self.method, self.resolution)
        left, caption = self.original, f"original | {text}"
        _, method, resolution = next(names for names in self.comparisons if names[0] == self.compare)
        if method:
            left, other = self._shown(method, resolution)
            caption = f"left {other}\nright {text}"
        half = self.size[1] // 2
        return side_by_side([left[:, :half], right[:, half:]], caption, gap=0)


def nearest(points: Sequence[RdPicture], bpp: Callable[[RdPicture], float], target: float) -> RdPicture:
    """The point nearest to a target rate; rates are compared by their ratio."""
    return min(points, key=lambda p: abs(math.log(bpp(p) / target)))


def check_points(original: np.ndarray, points: Sequence[RdPicture]) -> None:
    """Raises CodecError unless there are points and each is complete and fits the original."""
    if not points:
        raise CodecError("the codec explorer needs at least one point")
    for p in points:
        name = f"the point {p.method!r} at quality {p.quality}"
        if p.method in ("", "original") or p.resolution not in RESOLUTIONS:
            raise CodecError(f"{name} needs a method's name and resolution 'full' or 'half', not {p.resolution!r}")
        if p.picture.dtype != np.uint8 or p.picture.shape != original.shape:
            raise CodecError(f"{name} needs a uint8 picture {original.shape}, not {p.picture.dtype} {p.picture.shape}")
        if p.num_bytes < 1 or (p.file is not None and len(p.file) != p.num_bytes):
            raise CodecError(f"{name} says {p.num_bytes} bytes; that is not the size of its file")
        if not math.isfinite(p.psnr) or not -1 <= p.ssim <= 1:
            raise CodecError(f"{name} needs a finite PSNR and an SSIM from -1 to 1, not {p.psnr} and {p.ssim}")


def display_files(pairs: Sequence[tuple[np.ndarray, bytes | None]]) -> list[bytes]:
    """A JPEG or WebP file for every pair of picture and file, `MAX_BYTES` together at most."""
    for quality in (90, 80, 70):
        files = [display_file(picture, file, quality, MAX_BYTES / len(pairs)) for picture, file in pairs]
        if sum(map(len, files)) <= MAX_BYTES:
            return files
    raise CodecError(f"{len(pairs)} pictures take more than {MAX_BYTES // 1000} kB; crop them or pass fewer points")


def display_file(picture: np.ndarray, file: bytes | None, quality: int, share: float) -> bytes:
    """The file itself if it decodes to exactly this picture; else lossless WebP up to `share` bytes, else lossy."""
    if file and file.startswith((b"\xff\xd8", b"RIFF")) and np.array_equal(load_image(file), picture):
        return file
    lossy = file_of(picture, "WEBP", quality=quality)
    if 2 * len(lossy) > share:
        return lossy  # lossless would take at least twice as much, and long to find out
    lossless = file_of(picture, "WEBP", lossless=True)
    return lossless if len(lossless) <= share else lossy

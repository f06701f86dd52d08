"""Rate-distortion curves over a folder of pictures: real files, 8-bit output, settings stored with the numbers.

Book: chapter 11."""

import json
import math
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import PIL
import torch
from tqdm import tqdm

from vcodec import metrics
from vcodec.dnnc.codec import load as load_dnnc
from vcodec.errors import CodecError
from vcodec.evaluation.jobs import Kept, finished, key_of
from vcodec.evaluation.rivals import RIVALS
from vcodec.frameworks import DNNC
from vcodec.images import log, luma
from vcodec.networks.weights import SHIPPED
from vcodec.scic.codec import FRAMEWORKS, Scic, load, plain
from vcodec.scic.crossover import shortfall
from vcodec.standard.protocol import CODECS

GRID = (1, 2, 3, 4, 5, 6, 8, 10, 13, 16, 20, 26, 33, 42, 53, 66, 80, 92)  # qualities, 6 points or more per image


WAYS = ("x1", "x2", "auto", "fast")  # of a framework to choose its scale


class Curve(Protocol):
    def encode(self, image: np.ndarray, quality: int) -> bytes: ...

    def decode(self, data: bytes) -> np.ndarray: ...


def encoders() -> dict[str, Any]:
    """Curves without a network: the standard codecs, registered ones among them, and other encoders."""
    return {**CODECS, **RIVALS}


class AtScale:
    """A SCIC codec held at one scale, or at a way to choose it, so that it looks like any other codec."""

    def __init__(self, codec: Scic, scale: int | str, passes: int = 2):
        self.codec, self.scale, self.passes = codec, scale, passes

    def encode(self, image: np.ndarray, quality: int) -> bytes:
        return self.codec.encode(image, quality, self.scale, passes=self.passes)

    def decode(self, data: bytes) -> np.ndarray:
        return self.codec.decode(data)

    def scale_of(self, data: bytes) -> int:
        header = self.codec.header(data)
        assert header is not None
        return header.scale


def build_curve(name: str, weights: str | Path = SHIPPED) -> list[tuple[int | None, Curve]]:
    """What a curve is measured with: a codec for each scale, None where the file says it. Names: a standard codec
    (`jpeg`, `jpeg-tuned`) or another encoder (`jpegli`), `bicubic-` before a standard codec (half resolution, nothing
    learned), a framework (`scic-jpeg`: both scales, the better one counts at each rate), one scale of it
    (`scic-jpeg-x1`, `-x2`) or what its encoder chooses (`scic-jpeg-auto`, `-fast`); `-once` behind it: the encoder does
    not hear its decoder. Raises CodecError for another."""
    if name in encoders():
        return [(1, encoders()[name])]
    if name == DNNC:
        return [(1, load_dnnc(weights))]
    if (base := name.removeprefix("bicubic-")) != name and base in CODECS:
        return [(2, AtScale(plain(CODECS[base]), 2))]
    framework, scale = split_name(name)
    passes = 0 if name.endswith("-once") else 2
    if framework in FRAMEWORKS and scale in ("", *WAYS):
        codec = load(framework, weights)
        if scale in ("auto", "fast"):
            return [(None, AtScale(codec, scale, passes))]
        scales = [int(scale[1])] if scale else sorted(codec.networks)
        return [(s, AtScale(codec, s, passes)) for s in scales if codec.pair(s)]
    known = [
        *encoders(),
        DNNC,
        *(f"bicubic-{c}" for c in CODECS),
        *FRAMEWORKS,
        *(f"{f}-{way}" for f in FRAMEWORKS for way in WAYS),
    ]
    raise CodecError(f"no curve is called {name!r}; there are {', '.join(known)}")


def split_name(curve: str) -> tuple[str, str]:
    """As ("scic-avif", "x1") for "scic-avif-x1-once"; the second is empty where nothing is said."""
    curve = curve.removesuffix("-once")
    way = next((way for way in WAYS if curve.endswith("-" + way)), "")
    return curve.removesuffix("-" + way), way


def framework_name(curve: str) -> str:
    """As "scic-avif" for "scic-avif-x1"."""
    return split_name(curve)[0]


def codec_name(curve: str) -> str:
    """The standard codec inside a curve: "avif-tuned" for "scic-avif-x1"."""
    framework = FRAMEWORKS.get(framework_name(curve))
    return framework.name if framework else curve.removeprefix("bicubic-")


def measure(curve: Curve, image: np.ndarray, quality: int) -> dict[str, Any]:
    """One RD point: the bytes of the finished file, and the 8-bit picture decoded from it."""
    start = time.perf_counter()
    data = curve.encode(image, quality)
    encoded = time.perf_counter()
    decoded = curve.decode(data)
    finished = time.perf_counter()
    if decoded.ndim < image.ndim:  # WebP cannot say whether a picture without colour was gray
        decoded = np.repeat(decoded[..., None], 3, axis=2)
    facts = {"scale": curve.scale_of(data)} if isinstance(curve, AtScale) else {}
    point = facts | {
        "bytes": len(data), "width": image.shape[1], "height": image.shape[0],
        "bpp": metrics.bits_per_pixel(data, image), "psnr": finite(metrics.psnr(decoded, image)),
        "ssim": metrics.ssim(decoded, image), "ms_ssim": metrics.ms_ssim(decoded, image),
        "encode_s": encoded - start, "decode_s": finished - encoded,
    }  # fmt: skip
    return point | ({"psnr_y": finite(metrics.psnr_y(decoded, image))} if image.ndim == 3 else {})


def finite(value: float) -> float | None:
    """JSON knows no infinity: None stands for the PSNR of a picture without any error."""
    return value if math.isfinite(value) else None


def measure_curve(
    name: str, image: np.ndarray, curve: str, qualities: Sequence[int], weights: str | Path
) -> list[dict[str, Any]] | str:
    """All points of one picture and curve, or why there are none."""
    try:
        return [
            {"curve": curve, "image": name, "quality": quality, "scale": scale} | measure(codec, image, quality)
            for scale, codec in build_curve(curve, weights)
            for quality in qualities
        ]
    except CodecError as error:
        return f"{curve}: {error}"


def measure_all(
    pictures: dict[str, np.ndarray], curves: Sequence[str], qualities: Sequence[int], weights: str | Path,
    processes: int, keep: Path | None,
) -> dict[str, list[list[dict[str, Any]] | str]]:  # fmt: skip
    """What `measure_curve` gives for each curve of each picture; finished ones come from the file `keep`."""
    kept = Kept(keep)
    jobs = {key_of(pictures[n], weights, n, c, qualities): (n, pictures[n], c) for n in pictures for c in curves}
    keys = [key for key in jobs if key not in kept.rows]
    if len(keys) < len(jobs):
        log.warning(
            "%d of %d curves were measured before; to begin anew, delete %s", len(jobs) - len(keys), len(jobs), keep
        )
    work = partial(measure_curve, qualities=qualities, weights=weights)
    steps = finished(work, [jobs[key] for key in keys], processes)
    for index, row in tqdm(steps, "evaluate", len(keys), unit="curve", delay=1):
        kept.add(keys[index], row)
    rows: dict[str, list] = defaultdict(list)
    for key, (name, _, _) in jobs.items():
        rows[name].append(kept.rows[key])
    return rows


def evaluate(
    images: dict[str, np.ndarray], curves: Sequence[str], gray: bool = False, qualities: Iterable[int] = GRID,
    at: Sequence[float] = (), weights: str | Path = SHIPPED, processes: int = 1, keep: Path | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Curves of all images: {"settings", "points", "bd_rate": {anchor: {curve: percent}}, "psnr_at"}.

    images: uint8 by name; gray: measure full-range BT.601 luma only, else RGB where a picture has colour;
    at: rates in bpp at which PSNR is compared, mean over the images that every curve reaches there;
    processes: curves measured side by side, each with one thread; keep: a file for finished curves, from which a run
    that was stopped goes on. A picture that one of the codecs cannot hold is left out, so that all means are over the
    same pictures; its reason stands in the settings. Raises CodecError where none is left."""
    pictures = {name: luma(image) if gray else image for name, image in images.items()}
    qualities = list(qualities)
    for curve in curves:
        build_curve(curve, weights)  # a wrong name or missing weights are told before the work
    rows = measure_all(pictures, curves, qualities, weights, processes, keep)
    left_out = {name: why for name, row in rows.items() for why in row if isinstance(why, str)}
    for name, why in left_out.items():
        log.warning("%s is left out: %s", name, why)
    if pictures.keys() == left_out.keys():
        raise CodecError(f"no picture is left to measure; {next(iter(left_out.values()))}")
    kept = [part for name, row in rows.items() if name not in left_out for part in row if isinstance(part, list)]
    points = [point for part in kept for point in part]
    settings = {
        "vcodec": version("vcodec"), "pillow": PIL.__version__, "torch": torch.__version__, "gray": gray,
        "colour_space": "full-range BT.601 luma" if gray else "RGB (gray where the picture is)",
        "images": [name for name in pictures if name not in left_out], "left_out": left_out, "curves": list(curves),
        "qualities": qualities, "bpp_range": list(metrics.BPP_RANGE),
        "codecs": {name: c.settings for name, c in encoders().items() if name in map(codec_name, curves)},
        "frameworks": {framework_name(c): codec_name(c) for c in curves if c.startswith("scic")},
        "processes": processes, "threads": 1 if processes > 1 else torch.get_num_threads(),
    }  # fmt: skip
    return {
        "settings": settings,
        "points": points,
        "bd_rate": bd_rates(points, curves),
        "psnr_at": psnr_at(points, at),
    }


def by_curve(points: Sequence[dict], key: str = "psnr") -> dict[str, dict[str, np.ndarray]]:
    """{curve: {image: (K, 2) of (bpp, key)}}; of a framework's two scales the better one counts at each rate."""
    grouped: dict[str, dict[str, dict]] = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    for point in points:
        known = [] if point[key] is None else [(point["bpp"], point[key])]
        grouped[point["curve"]][point["image"]][point.get("scale")] += known
    return {c: {i: better_scale(scales.values()) for i, scales in images.items()} for c, images in grouped.items()}


def better_scale(scales: Iterable[Sequence[tuple[float, float]]]) -> np.ndarray:
    """(K, 2), rising in rate: the points of several curves that lie below no other of them.

    All points together would draw a staircase where two curves of unlike slope run side by side."""
    curves = [np.array(sorted(points)).reshape(-1, 2) for points in scales]
    kept = [
        point
        for curve in curves
        for point in curve.tolist()
        if not any(shortfall(np.array([point]), other) for other in curves if other is not curve)
    ]
    return np.array(sorted(kept)).reshape(-1, 2)


def bd_rates(points: Sequence[dict], curves: Sequence[str]) -> dict[str, dict[str, float | None]]:
    """Mean over images of the per-image BD-rate in percent, each curve against each other one as anchor."""
    grouped = by_curve(points)
    table: dict[str, dict[str, float | None]] = {}
    for anchor in curves:
        for test in curves:
            if test == anchor:
                continue
            known = known_rates(grouped[anchor], grouped[test])
            table.setdefault(anchor, {})[test] = float(np.mean(known)) if known else None
    return table


def known_rates(anchor: dict[str, np.ndarray], test: dict[str, np.ndarray]) -> list[float]:
    """BD-rate of every picture on which the two curves overlap with enough points."""
    values = [metrics.bd_rate(anchor[image], test[image]) for image in anchor]
    return [value for value in values if value is not None]


def psnr_at(points: Sequence[dict], rates: Sequence[float]) -> dict[str, dict[str, Any]]:
    """Mean PSNR of each curve at each rate, over the images on which all curves reach the rate."""
    grouped = by_curve(points)
    table: dict[str, dict[str, Any]] = {}
    for rate in rates:
        values = {c: {i: metrics.psnr_at_rate(p, rate) for i, p in images.items()} for c, images in grouped.items()}
        shared = [i for i in next(iter(values.values())) if all(v[i] is not None for v in values.values())]
        means = {c: float(np.mean([v[i] for i in shared])) if shared else None for c, v in values.items()}
        table[f"{rate:g}"] = {"psnr": means, "images": len(shared)}
    return table


def dumps(results: dict[str, Any]) -> str:
    """`results` as JSON with a line for each point, so that a change to one is a change of one line."""
    points = ",\n  ".join(
        json.dumps(p | {k: round(v, 5) for k, v in p.items() if isinstance(v, float)}) for p in results["points"]
    )
    rest = json.dumps({k: v for k, v in results.items() if k != "points"}, indent=1)
    return f'{rest[:-2]},\n "points": [\n  {points}\n ]\n}}\n'


def report(results: dict[str, Any]) -> str:
    """The two tables of `results` as text."""
    lines = []
    for anchor, row in results["bd_rate"].items():
        known = (f"{c} {v:+.1f} %" if v is not None else f"{c}: no overlap" for c, v in row.items())
        lines.append(f"BD-rate against {anchor}: " + ", ".join(known))
    for rate, row in results["psnr_at"].items():
        known = (f"{c} {v:.2f} dB" if v is not None else f"{c} -" for c, v in row["psnr"].items())
        lines.append(f"PSNR at {rate} bpp, {row['images']} images: " + ", ".join(known))
    return "\n".join(lines)

"""Tables that set the codecs beside the field: other encoders, other measures, published deep codecs.

python -m tools.tables writes them, with those of its own. What others published comes from benchmarks/cited.toml."""

import json
import tomllib
from collections.abc import Sequence
from functools import cache

import numpy as np

from tools.tables import ROOT, change, commands, markdown, percent
from vcodec import metrics
from vcodec.evaluation import by_curve, pooled, published
from vcodec.evaluation.curves import known_rates
from vcodec.evaluation.rivals import RIVALS
from vcodec.scic import FRAMEWORKS

CITED = ROOT / "benchmarks/cited.toml"


@cache
def cited() -> dict:
    return tomllib.loads(CITED.read_text())


def encoders(found: Sequence[dict]) -> str:
    """BD-rates of other programs' encoders, with ours for JPEG beside them. found: evaluations of the same pictures."""
    points, curves = pooled(found)
    stated = {name: text for result in found for name, text in result["settings"]["codecs"].items()}
    grouped, rows = by_curve(points), []
    for name in (*RIVALS, "jpeg-tuned", "scic-jpeg"):
        if name in curves:
            rates = known_rates(grouped["jpeg"], grouped[name])
            ours = known_rates(grouped[name], grouped["scic-jpeg"]) if name != "scic-jpeg" else []
            rows.append([name, stated.get(name, ""), change(rates), str(len(rates)), change(ours), str(len(ours))])
    header = ["curve", "encoder", "against jpeg", "pictures", "scic-jpeg against it", "pictures"]
    return markdown(header, rows)


def in_decibels(curves: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """(bpp, similarity) -> (bpp, -10 log10(1 - similarity)): what is missing to 1, in dB, by picture."""
    return {name: np.column_stack([c[:, 0], -10 * np.log10(1 - c[:, 1])]) for name, c in curves.items()}


def similarity(found: Sequence[dict]) -> str:
    """BD-rate of each framework against its own codec at equal PSNR, SSIM and MS-SSIM."""
    points, curves = pooled(found)
    measured = {key: by_curve(points, key) for key in ("psnr", "ssim", "ms_ssim")}
    rows = []
    for name, codec in [*((n, c.name) for n, c in FRAMEWORKS.items()), ("dnnc", "jpeg2000")]:
        if name not in curves:
            continue
        row = [f"**{name}**", codec]
        for key, grouped in measured.items():
            pair = [grouped[c] if key == "psnr" else in_decibels(grouped[c]) for c in (codec, name)]
            rates = known_rates(*pair)
            row.append(f"{change(rates)} ({len(rates)})")
        rows.append(row)
    return markdown(["curve", "against", "PSNR (pictures)", "SSIM (pictures)", "MS-SSIM (pictures)"], rows)


def millions(count: float) -> str:
    return f"{count / 1e6:.2f} M" if count < 1e6 else f"{count / 1e6:.0f} M"


def deep_field(found: Sequence[dict]) -> str:
    """Published deep codecs against the published JPEG and JPEG 2000 of their set; ours against its own."""
    curves = {codec["name"]: np.array(codec["points"]) for codec in cited()["codec"]}
    rows = []
    for codec in cited()["codec"]:
        if "parameters" in codec:
            rates = [metrics.bd_rate(curves[anchor], curves[codec["name"]]) for anchor in ("JPEG", "JPEG 2000")]
            rows.append([codec["name"], f"{codec['parameters']} M", "Kodak, RGB", *map(percent, rates)])
    points, _ = pooled(found)
    grouped = by_curve(points)
    count = sum(json.loads((ROOT / "vcodec/weights/dnnc.json").read_text())["parameters"].values())
    own = [change(known_rates(grouped[anchor], grouped["dnnc"])) for anchor in ("jpeg", "jpeg2000")]
    rows.append(["**dnnc**", millions(count), "Set14, gray", *own])
    return markdown(["codec", "parameters", "pictures", "against JPEG", "against JPEG 2000"], rows)


def field_tables() -> dict[str, str]:
    """By name."""
    gray, others = published("set14-gray-*.json"), published("encoders-set14.json")
    return {
        "encoders": encoders([*gray, *others]), "encoders command": commands(others), "similarity": similarity(gray),
        "deep field": deep_field(gray),
    }  # fmt: skip

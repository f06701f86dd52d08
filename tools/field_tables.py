"""Tables that set the codecs beside the field: encoders, other measures, restorers, viewers, published deep codecs.

python -m tools.tables writes them, with those of its own. What others published comes from benchmarks/cited.toml."""

import json
import tomllib
from collections import defaultdict
from collections.abc import Sequence
from functools import cache

import numpy as np

from tools.tables import RESULTS, ROOT, change, commands, markdown, none, over, percent
from vcodec import metrics
from vcodec.evaluation import by_curve, interval, pooled, published
from vcodec.evaluation.curves import known_rates
from vcodec.evaluation.rivals import RIVALS
from vcodec.scic import FRAMEWORKS

CITED = ROOT / "benchmarks/cited.toml"
SETS = {"live1": "LIVE1", "classic5": "Classic5"}


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
    header = [f"curve ({over(found)})", "encoder", "against jpeg", "pictures", "scic-jpeg against it", "pictures"]
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
    measures = "PSNR (pictures)", "SSIM (pictures)", "MS-SSIM (pictures)"
    return markdown([f"curve ({over(found)})", "against", *measures], rows)


def millions(count: float) -> str:
    return f"{count / 1e6:.2f} M" if count < 1e6 else f"{count / 1e6:.0f} M"


def restorers() -> str:
    """PSNR and SSIM on each set at each quality that was measured: JPEG as shown, published networks, ours."""
    measured = restored()
    qualities = sorted({case for cases in measured.values() for case in cases if case.isdigit()}, key=int)
    rows = []
    for key, cases in measured.items():
        size = next(result["settings"]["parameters"] for result in restore_files() if set_of(result) == key)
        lines = [("JPEG, as any viewer shows it", "", {case: ends["shown"] for case, ends in cases.items()})]
        lines += [(f"{o['name']} ({o['cite']})", millions(o["parameters"]), o[key]) for o in cited()["restorer"]]
        lines.append(("**vcodec**", millions(size), {case: ends["restored"] for case, ends in cases.items()}))
        for name, parameters, cells in lines:
            known = [f"{cells[q][0]:.2f} / {cells[q][1]:.3f}" if q in cells else "" for q in qualities]
            rows.append([SETS[key], name, parameters, *known])
    return markdown(["set", "decoder, PSNR (dB) / SSIM at", "parameters", *(f"quality {q}" for q in qualities)], rows)


def restore_files() -> list[dict]:
    return [json.loads(path.read_text()) for path in sorted(RESULTS.glob("restore-*.json"))]


def set_of(result: dict) -> str:
    return result["settings"]["set"]


def restored(luma: str = "limited") -> dict[str, dict[str, dict[str, tuple[float, float]]]]:
    """{set: {case: {"shown" or "restored": means of (PSNR, SSIM)}}} in one luma; gray pictures have but one."""
    table: dict = {}
    for result in restore_files():
        groups = defaultdict(list)
        for point in result["points"]:
            if point["luma"] in (luma, "gray"):
                groups[point["case"]].append(point)
        table[set_of(result)] = {
            case: {
                end: tuple(float(np.mean([p[key + tail] for p in points])) for key in ("psnr", "ssim"))
                for end, tail in (("shown", "_shown"), ("restored", ""))
            }
            for case, points in groups.items()
        }
    return table


def gains() -> str:
    """What restoring gains, dB and SSIM, in each luma and for files that were a JPEG before, with intervals."""
    rows = []
    for result in restore_files():
        groups = defaultdict(list)
        for point in result["points"]:
            groups[point["luma"], point["case"]].append(point)
        for (luma, case), points in groups.items():
            before, after = (np.array([[p[key] for p in points]]) for key in ("psnr_shown", "psnr"))
            low, high = interval(after, before)
            worse = sum(p["psnr"] < p["psnr_shown"] for p in points)
            more = np.mean([p["ssim"] - p["ssim_shown"] for p in points])
            gain = f"{(after - before).mean():+.2f} ({low:+.2f} to {high:+.2f})".replace("-", "−")
            rows.append([
                SETS[set_of(result)], luma, case, f"{before.mean():.2f}", f"{after.mean():.2f}",
                none(gain) if low < 0 < high else gain, f"{more:+.3f}",
                f"{worse} of {len(points)}",
            ])  # fmt: skip
    header = ["set", "luma", "JPEG quality", "as shown (dB)", "restored (dB)", "gain (dB)", "gain in SSIM", "worse"]
    return markdown(header, rows)


def viewers() -> str:
    """Our JPEG as a viewer shows it, and restored, against libjpeg's at the same bytes: dB with intervals."""
    result = json.loads((RESULTS / "viewer.json").read_text())
    groups, rows = defaultdict(list), []
    for point in result["points"]:
        if point["libjpeg"] is not None:
            groups[point["quality"]].append(point)
    for quality, points in sorted(groups.items()):
        row = [str(quality), f"{np.mean([p['bpp'] for p in points]):.2f}", str(len(points))]
        theirs = np.array([[p["libjpeg"] for p in points]])
        for end in ("shown", "restored"):
            ours = np.array([[p[end] for p in points]])
            low, high = interval(ours, theirs)
            text = f"{(ours - theirs).mean():+.2f} ({low:+.2f} to {high:+.2f})".replace("-", "−")
            row += [none(text) if low < 0 < high else text, str(int((ours < theirs).sum()))]
        rows.append(row)
    header = ["quality", "bpp", "pictures", "as shown, dB over libjpeg", "worse", "restored, dB over libjpeg", "worse"]
    return markdown(header, rows)


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
        "restorers": restorers(), "restored gains": gains(), "viewers": viewers(),
        "deep field": deep_field(gray),
    }  # fmt: skip

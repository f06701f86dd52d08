"""Write the README's tables from benchmarks/results/*.json: python tools/tables.py

A table stands between `<!-- table NAME -->` and `<!-- end -->`; nothing else of the README is touched."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

from vcodec.evaluation import bd_rates, by_curve, known_rates, pooled
from vcodec.scic import FRAMEWORKS

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks/results"
STEPS = (
    ("jpeg-table", "a flatter quantisation table"),
    ("jpeg-tuned", "and trellis quantisation: the best we can do without a network"),
    ("scic-jpeg-x1-once", "and a post-processor, full resolution"),
    ("scic-jpeg-once", "and half resolution with a re-sampler where that is better"),
    ("scic-jpeg", "and an encoder that hears its decoder"),
)


def results(pattern: str) -> list[dict]:
    return [json.loads(path.read_text()) for path in sorted(RESULTS.glob(pattern))]


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def percent(value: float | None) -> str:
    return "" if value is None else f"{value:+.1f} %".replace("-", "−")


def frameworks(found: Sequence[dict], anchors: Sequence[str]) -> str:
    points, curves = pooled(found)
    rates, grouped, rows = bd_rates(points, curves), by_curve(points), []
    for name, codec in FRAMEWORKS.items():
        if name in curves:
            own = percent(rates[codec.name].get(name))
            counted = str(len(known_rates(grouped[codec.name], grouped[name])))
            rows.append([f"**{name}**", codec.name, own, counted, *(percent(rates[a].get(name)) for a in anchors)])
    plain = [c for c in curves if not c.startswith(("scic", "bicubic")) and c != "jpeg"]
    rows += [[c, "", "", "", *(percent(rates[a].get(c)) if a != c else "" for a in anchors)] for c in plain]
    return markdown(
        ["curve", "its own codec", "against its own codec", "pictures", *(f"against {a}" for a in anchors)], rows
    )


def steps(found: Sequence[dict]) -> str:
    points, curves = pooled(found)
    points += [p | {"curve": p["curve"] + "-x1"} for p in points if p["scale"] == 1 and p["curve"] == "scic-jpeg-once"]
    for point in points:
        point["curve"] = point["curve"].replace("-once-x1", "-x1-once")
    rates = bd_rates(points, [*curves, "scic-jpeg-x1-once"])["jpeg"]
    return markdown(["step", "against jpeg"], [[text, percent(rates[name])] for name, text in STEPS if name in rates])


def commands(found: Sequence[dict]) -> str:
    return "```\n" + "\n".join(result["settings"]["command"] for result in found) + "\n```"


def tables() -> dict[str, str]:
    gray = results("set14-gray-*.json")
    return {"gray": frameworks(gray, ("jpeg", "jpeg2000")), "steps": steps(gray), "commands": commands(gray)}


def main() -> None:
    path = ROOT / "README.md"
    text = path.read_text()
    for name, table in tables().items():
        mark = f"<!-- table {name} -->"
        text = re.sub(
            f"{mark}\n.*?<!-- end -->", lambda _, m=mark, t=table: f"{m}\n{t}\n<!-- end -->", text, flags=re.S
        )
    path.write_text(text)


if __name__ == "__main__":
    main()

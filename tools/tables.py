"""Write the tables of the README, the book's first page, its results and the teaching pages: python -m tools.tables

They come from benchmarks/results/*.json and from the chapters' first cells. A table stands between
`<!-- table NAME -->` and `<!-- end -->`; nothing else is touched."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from textwrap import wrap

import nbformat
import numpy as np

from tools import gpu_run
from vcodec.evaluation import by_curve, interval, pooled, published
from vcodec.evaluation.curves import known_rates
from vcodec.scic import FRAMEWORKS

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks/results"
PAGES = (
    ROOT / "README.md",
    *(ROOT / f"book/{name}.md" for name in ("index", "results", "your_codec", "what_we_tried", "bigger_machines")),
)
STEPS = (
    ("jpeg-table", "a flatter quantisation table"),
    ("jpeg-tuned", "and trellis quantisation, progressive order: the best we can do without a network"),
    ("scic-jpeg-x1", "and a post-processor that the encoder hears, full resolution"),
    ("scic-jpeg", "and half resolution, with a re-sampler, where that is better"),
)


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def percent(value: float | None) -> str:
    return "" if value is None else f"{value:+.1f}\u00a0%".replace("-", "−")  # in one piece, on a phone too


def none(text: str) -> str:
    """How a difference is printed whose interval holds zero: grey on the site, and called none everywhere."""
    return f'<span class="none">none ({text})</span>'


def over(found: Sequence[dict]) -> str:
    """How many pictures some evaluations hold, and the range of their BD-rates: for the header of a table."""
    settings = found[0]["settings"]
    low, high = settings["bpp_range"]
    return f"{len(settings['images'])} pictures, {low:g} to {high:g} bpp"


def change(rates: Sequence[float]) -> str:
    """Mean of pictures' BD-rates with half its 95 % interval, bootstrapped over the pictures."""
    if len(rates) < 3:
        return percent(float(np.mean(rates))) if rates else ""
    low, high = interval(np.array([rates]), np.zeros((1, len(rates))))
    text = percent(float(np.mean(rates))).replace("\u00a0%", f"\u00a0±\u00a0{(high - low) / 2:.1f}\u00a0%")
    return none(text) if low < 0 < high else text


def frameworks(found: Sequence[dict], anchors: Sequence[str]) -> str:
    points, curves = pooled(found)
    grouped, rows = by_curve(points), []

    def against(anchor: str, name: str) -> list[float]:
        return [] if anchor == name else known_rates(grouped[anchor], grouped[name])

    for name, codec in [*((n, c.name) for n, c in FRAMEWORKS.items()), ("dnnc", "")]:
        if name in curves:
            own = against(codec, name) if codec else []
            counted = str(len(own or against(anchors[0], name)))
            rows.append([f"**{name}**", codec, change(own), counted, *(change(against(a, name)) for a in anchors)])
    plain = [c for c in curves if not c.startswith(("scic", "bicubic", "dnnc")) and c != "jpeg"]
    for c in plain:
        rows.append([c, "", "", str(len(against(anchors[0], c))), *(change(against(a, c)) for a in anchors)])
    header = [f"curve ({over(found)})", "its own codec", "against its own codec", "pictures"]
    return markdown([*header, *(f"against {a}" for a in anchors)], rows)


def steps(found: Sequence[dict]) -> str:
    points, _ = pooled(found)
    points += [p | {"curve": "scic-jpeg-x1"} for p in points if p["scale"] == 1 and p["curve"] == "scic-jpeg"]
    grouped = by_curve(points)
    rows = [[text, change(known_rates(grouped["jpeg"], grouped[name]))] for name, text in STEPS if name in grouped]
    return markdown([f"step ({over(found)})", "against jpeg"], rows)


def colour(found: Sequence[dict]) -> str:
    """BD-rate of PSNR over RGB of each framework against its own codec."""
    points, curves = pooled(found)
    grouped, rows = by_curve(points), []
    for curve in curves:
        own = next((c.name for n, c in FRAMEWORKS.items() if curve.startswith(f"{n}-")), "")
        if own:
            rates = known_rates(grouped[own], grouped[curve])
            rows.append([curve, own, change(rates), str(len(rates))])
    return markdown([f"curve ({over(found)})", "its own codec", "RGB, against its own codec", "pictures"], rows)


def crossovers() -> str:
    """Where half resolution stops winning, and what the better scale at each rate saves against each alone."""
    table = json.loads((RESULTS / "crossover.json").read_text())["table"]

    def rate(bpp: float | None) -> str:
        return "beyond" if bpp is None else f"{bpp:.2f}"

    lines = []
    for name, row in table.items():
        low, middle, high = map(rate, row["quartiles_bpp"])
        saved = [change([g for g in row["gains"][scale].values() if g is not None]) for scale in ("full", "half")]
        lines.append([name, middle, f"{low} to {high}", f"{row['half_leads_nowhere']} of {row['pictures']}", *saved])
    gray = published("set14-gray-jpeg.json")
    header = [f"framework ({over(gray)})", "crossover (bpp)", "middle half of the pictures"]
    return markdown([*header, "half resolution never ahead", "mixed against full", "mixed against half"], lines)


def deep() -> str:
    rows = json.loads((RESULTS / "deep.json").read_text())["codecs"]
    lines = []
    for row in rows:
        cells = []
        for anchor in ("jpeg", "jpeg2000"):
            known = [rates[anchor] for rates in row.get("bd_rate", {}).values() if rates[anchor] is not None]
            cells.append(f"{change(known) or percent(row[f'bd_rate_{anchor}'])} ({row[f'pictures_{anchor}']})")
        lines.append([row["codec"], *cells])
    gray = published("set14-gray-dnnc.json")
    return markdown([f"deep codec (of {over(gray)})", "against jpeg (pictures)", "against jpeg2000 (pictures)"], lines)


def points(value: float, low_high: Sequence[float]) -> str:
    """A difference of two BD-rates with its interval."""
    low, high = low_high
    text = f"{value:+.1f} ({low:+.1f} to {high:+.1f})".replace("-", "−")
    return none(text) if low < 0 < high else text


def gradients() -> str:
    """What each gradient is worth to a re-sampler, at each scale that was measured."""
    found = [json.loads(path.read_text()) for path in sorted(RESULTS.glob("gradients-*.json"), reverse=True)]
    lines = []
    for measured in found:
        scale = "half" if measured["settings"]["scale"] == 2 else "full"
        for row in measured["methods"]:
            seeds, difference = " ".join(percent(rate) for rate in row["bd_rate_of_seeds"]), row.get("against_control")
            worth = points(difference["points"], difference["interval"]) if difference else ""
            lines.append([scale, row["method"], percent(row["bd_rate_percent"]), seeds, worth])
    count = found[0]["settings"]["photographs"]
    against = f"against jpeg ({count} photographs, 0.05 to 0.6 bpp)"
    return markdown(["resolution", "re-sampler trained through", against, "each seed", "difference, points"], lines)


def worth() -> str:
    """Joint trainings of the networks that ship beside their controls: the same steps, without RSN."""
    rows = []
    for found in (json.loads(path.read_text()) for path in sorted(RESULTS.glob("worth-*.json"))):
        scale = "half" if found["scale"] == 2 else "full"
        rows.append([
            f"{found['codec']}, {scale} resolution", str(found["photographs"]), percent(found["with_rsn"]),
            percent(found["idn_alone"]), points(found["points"], found["interval"]),
        ])  # fmt: skip
    return markdown(["around", "photographs", "RSN and IDN", "IDN alone", "difference, points"], rows)


def joint() -> str:
    """Joint trainings that ship: BD-rate on held-out photographs, first look and best one."""
    paths = sorted((ROOT / "vcodec/weights").glob("scic-*.json"))
    cards = [card for card in map(json.loads, (path.read_text() for path in paths)) if "looks" in card]
    cards.sort(key=lambda card: (-card["scale"], "rsn" in card["parameters"]))
    rows = [
        [
            f"{card['codec']}, {'half' if card['scale'] == 2 else 'full'} resolution",
            "RSN and IDN" if "rsn" in card["parameters"] else "IDN alone",
            f"{card['steps_trained']:,}", percent(card["looks"][0][1]), percent(card["bd_rate_held_out"]),
        ]
        for card in cards
    ]  # fmt: skip
    return markdown(["around", "trained", "steps", "before", "after"], rows)


def chapters(link: str) -> str:
    """Title, question and seconds of every chapter, in the order of the contents. link: for a file's name."""
    times = json.loads((RESULTS / "chapters.json").read_text())
    rows = []
    for name in re.findall(r"file: book/(\w+)$", (ROOT / "_toc.yml").read_text(), re.M):
        path = ROOT / f"book/{name}.ipynb"
        if path.exists():
            first = nbformat.read(path, as_version=4).cells[0].source
            title, question = re.search(r"^# (.*)$", first, re.M), re.search(r"\*\*(.+?)\*\*", first, re.S)
            seconds = times.get(name)
            rows.append([
                f"[{title[1] if title else name}]({link.format(name)})",
                " ".join(question[1].split()) if question else "", f"{seconds} s" if seconds else "",
            ])  # fmt: skip
    return markdown(["chapter", "question", "on two processors"], rows)


def weights() -> str:
    """What ships: size of each network, the photographs it learned from, and where its last training began."""
    rows = []
    for path in sorted((ROOT / "vcodec/weights").glob("*.json")):
        card = json.loads(path.read_text())
        sizes = " + ".join(f"{count:,} {name.upper()}" for name, count in card["parameters"].items())
        begin = Path(card["start_from"]).stem if card.get("start_from") else ""
        rows.append([path.stem, sizes, f"{card['minutes']:.0f}", card["data"].replace(",", ", "), begin])
    return markdown(["weights", "parameters", "minutes", "learned from", "began with"], rows)


def torture(path: Path = RESULTS / "torture.json") -> str:
    """What was tried to break, how often, and what came of it."""
    found, rows = json.loads(path.read_text()), []
    for name, row in found["mutations"].items():
        rows.append([f"damaged file, {name}", *counted(row["outcomes"])])
    for part, text in (("kills", "killed while it works: {}"), ("full disk", "full disk: {}")):
        rows += [[text.format(name), *counted(row)] for name, row in found[part].items()]
    for name, row in found["bombs"].items():
        rows.append([f"bomb: {name}", "1", f"{row['outcome']}, {row['MB']} MB"])
    return markdown(["tried", "times", "what came of it"], rows)


def counted(row: dict[str, int]) -> tuple[str, str]:
    return f"{sum(row.values()):,}", ", ".join(f"{name} {count:,}" for name, count in row.items())


def foreign(path: Path = RESULTS / "foreign.json") -> str:
    """Files of other programs: the worst and the mean change of PSNR by restoring, in dB, and how many files without
    loss were changed; at first and now."""
    cases, rows = json.loads(path.read_text())["cases"], []
    for form in dict.fromkeys(case["format"] for case in cases):
        lossy, lossless = ([case for case in cases if case["format"] == form and key in case] for key in
                           ("change", "changed"))  # fmt: skip
        for version in ("at first", "now"):
            worst = min(lossy, key=lambda case, v=version: case["change"][v])
            mean = np.mean([case["change"][version] for case in lossy])
            where = f"{worst['picture']}, quality {worst['quality'] or 100}"
            loss = f"{sum(case['changed'][version] for case in lossless)} of {len(lossless)}" if lossless else ""
            least, mean = (round(float(value), 2) + 0.0 for value in (worst["change"][version], mean))  # no -0.00
            row = [form, version, f"{least:+.2f} ({where})", f"{mean:+.2f}"]
            rows.append([*(text.replace("-", "\N{MINUS SIGN}") for text in row), loss])
    return markdown(["format", "", "worst change, dB", "mean, dB", "lossless files changed"], rows)


def your_codec() -> str:
    """PSNR at a few rates of the codec of the chapters, JPEG's in brackets, for each photograph that its card names."""
    measured = json.loads((ROOT / "vcodec/your_codec.json").read_text())["measured"]
    photos, rows = measured["photos"].values(), []
    for i, rate in enumerate(measured["bpp"]):
        rows.append([str(rate), *(f"{photo['your_codec'][i]:.1f} ({photo['jpeg'][i]:.1f})" for photo in photos)])
    return markdown(["bpp", *measured["photos"]], rows)


def gray_file() -> str:
    """PSNR of RGB at a few rates of colour photographs in gray JPEGs, with and without RSN, and of JPEGs in colour."""
    found = json.loads((RESULTS / "gray-file.json").read_text())
    rows = [[name, *(f"{value:.1f}" for value in values)] for name, values in found["psnr_at_rates"].items()]
    low, high = found["interval"]
    gain = f"{found['gain_db']:+.1f} ({low:+.1f} to {high:+.1f})"
    rows.append(["RSN and IDN over IDN alone, mean of the rates", gain, *[""] * (len(found["rates"]) - 1)])
    header = f"PSNR of RGB (dB), {found['photographs']} photographs, at"
    return markdown([header, *(f"{rate} bpp" for rate in found["rates"])], rows)


def gpu(file: Path = RESULTS / "gpu.json") -> str:
    """What the trainings of the chapters have reached on a CPU, and on a GPU where tools/gpu_run.py has run there."""
    found = json.loads(file.read_text())["chapters"] if file.exists() else {}
    rows = []
    for path in gpu_run.chapters():
        notebook = nbformat.read(path, as_version=4)
        ours, theirs = gpu_run.reported(notebook), found.get(path.stem, {"printed": ["not measured"]})["printed"]
        title = notebook.cells[0].source.splitlines()[0].removeprefix("# ").partition(":")[0]
        rows.append([f"[{title}]({path.name})", "<br>".join(ours), "<br>".join(theirs)])
    return markdown(["chapter", "on a CPU", "on a GPU"], rows)


def commands(found: Sequence[dict]) -> str:
    """Each in lines that fit the page; an option and its value stay together."""
    joined = (re.sub(r"(--\S+) (?!-)", "\\1\0", result["settings"]["command"]) for result in found)
    folded = (wrap(c, 88, subsequent_indent="    ", break_on_hyphens=False, break_long_words=False) for c in joined)
    return "```sh\n" + "\n".join(" \\\n".join(lines) for lines in folded).replace("\0", " ") + "\n```"


def tables() -> dict[str, str]:
    """Every table by name."""
    gray = published("set14-gray-*.json")
    rgb, auto = published("set14-rgb-*.json"), published("auto-set14.json")
    return {
        "gray": frameworks(gray, ("jpeg", "jpeg2000")), "steps": steps(gray), "commands": commands(gray),
        "colour": colour(rgb), "colour command": commands(rgb), "auto command": commands(auto),
        "deep": deep(), "weights": weights(), "your codec": your_codec(), "torture": torture(), "foreign": foreign(),
        "crossover": crossovers(), "gradients": gradients(),
        "joint": joint(), "worth": worth(), "gray file": gray_file(),
        "chapters": chapters("book/{}.ipynb"), "pages": chapters("{}"), "gpu": gpu(),
    }  # fmt: skip


def renew(pages: Sequence[Path], found: dict[str, str]) -> None:
    """Put each table between its marks, on every page that has them."""
    for path in pages:
        text = path.read_text()
        for name, table in found.items():
            mark = f"<!-- table {name} -->"
            text = re.sub(
                f"{mark}\n.*?<!-- end -->", lambda _, m=mark, t=table: f"{m}\n{t}\n<!-- end -->", text, flags=re.S
            )
        path.write_text(text)


def main() -> None:
    from tools import course_tables, field_tables  # which are built on this module

    renew(PAGES, tables() | field_tables.field_tables())
    renew(course_tables.PAGES, course_tables.course_tables())


if __name__ == "__main__":
    main()

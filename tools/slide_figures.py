"""What a slide shows of a chapter: its stored figures, those that move and those that do not, and its diagrams in text.

A figure that moves carries its state and its JavaScript in the notebook. book/_static/anywidget-host.js brings it to
life on a slide as it does on the site, without a kernel; on paper, and until then, its still picture stands there."""

import json
import re
from base64 import b64encode
from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

import nbformat

from tools.quizzes import ROOT

VIEW = "application/vnd.jupyter.widget-view+json"
STATE = "application/vnd.jupyter.widget-state+json"
SECTION = re.compile(r"\[\*([^]]+)\*\]\(\.\./(\w+)\.ipynb\)")
NUMBERED = re.compile(r"figures? (\d+\.\d+(?: and \d+\.\d+)?)")
TEX = ((r"\\hat\s*\{?(\w)\}?", r"\1_hat"), (r"\\operatorname\{(\w+)\}", r"\1"), (r"\\times", "×"), (r"\\sigma", "σ"),
       (r"\\log", "log"), (r"\$", ""))  # fmt: skip
PICTURE = re.compile(r"\[([^]]+)\]\(\.\./_static/([\w-]+\.png)\)")


class Figure(NamedTuple):
    heading: str  # of the section, or a title
    number: str = ""  # as "3.1"; empty where it has none
    data: str = ""  # base64 of a PNG, text of an SVG
    caption: str = ""
    model: str = ""  # id of the model that makes it move
    diagram: str = ""  # drawn in text, instead of a picture

    def html(self) -> str:
        """On one line, for a text cell."""
        if self.diagram:
            return f"<pre>\n{self.diagram}\n</pre>"
        kind = ' class="still-of-a-figure"' if self.model else ""
        image = f'<img{kind} alt="{self.heading}" src="data:image/png;base64,{self.data}">'
        view = f'<script type="{VIEW}">{json.dumps({"model_id": self.model})}</script>' if self.model else ""
        return f'<div class="figure">{image}{view}</div>'


def name(chapter: str, model: str) -> str:
    """An id for slides: chapters number their models from the same start."""
    return f"{chapter}-{model}"


def without_tex(text: str) -> str:
    """Formulas as plain characters: speaker notes are shown by no program that sets them."""
    for old, new in TEX:
        text = re.sub(old, new, text)
    return text


def shown(notebook: nbformat.NotebookNode, kind: str = "image/png") -> list[Figure]:
    """Each figure of this kind that a chapter has stored."""
    found, heading = [], ""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            caption = re.match(r"\*\*Figure (\d+\.\d+)\.\*\* (.*)", cell.source)
            if caption and found:
                found[-1] = found[-1]._replace(number=caption[1], caption=without_tex(caption[2]))
            heading = [heading, *re.findall(r"^## (.*)$", cell.source, re.M)][-1]
        else:
            outputs = [output.data for output in cell.outputs if "data" in output and kind in output.data]
            found += [
                Figure(heading, data=data[kind], model=data.get(VIEW, {}).get("model_id", "")) for data in outputs
            ]
    return found


def diagrams(notebook: nbformat.NotebookNode) -> list[Figure]:
    """What a chapter draws in text: fenced blocks without a language, by the section where they stand."""
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    parts = re.split(r"^## (.*)$", text, flags=re.M)
    found = []
    for heading, part in zip(parts[1::2], parts[2::2], strict=True):
        blocks = re.findall(r"^```(\w*)\n(.*?)\n```$", part, re.M | re.S)
        found += [Figure(heading, diagram=drawn) for language, drawn in blocks if not language]
    return found


@cache
def figures(chapter: str) -> list[Figure]:
    """The chapter's PNGs, in base64 on one line, and then its diagrams."""
    stored = nbformat.read(ROOT / f"book/{chapter}.ipynb", as_version=4)
    found = [figure._replace(data="".join(figure.data.split())) for figure in shown(stored)]
    found = [figure._replace(model=name(chapter, figure.model)) if figure.model else figure for figure in found]
    return found + diagrams(stored)


def pictures(row: str) -> list[Figure]:
    """What a row of the guide shows: pictures that it links, the figures that it numbers, else of each section that it
    names the first one, or the first that moves where the row speaks of an explorer."""
    found = []
    for title, name in PICTURE.findall(row):
        data = b64encode((ROOT / "book/_static" / name).read_bytes()).decode()
        found.append(Figure(title[0].upper() + title[1:], data=data))
    numbers = re.findall(r"\d+\.\d+", " ".join(NUMBERED.findall(row)))
    for heading, chapter in SECTION.findall(row):
        chosen = [figure for figure in figures(chapter) if figure.number in numbers]
        there = [figure for figure in figures(chapter) if f"{figure.heading}:".startswith(f"{heading}:")]
        explorers = [figure for figure in there if figure.model and "explorer" in row]
        found += chosen or (explorers or there)[:1]
    return found


@cache
def states(chapter: str) -> dict[str, dict]:
    """State of each model of a chapter's figures, by its id on slides."""
    stored = nbformat.read(ROOT / f"book/{chapter}.ipynb", as_version=4)
    found = stored.metadata.get("widgets", {}).get(STATE, {}).get("state", {})
    return {name(chapter, model): state for model, state in found.items()}


def moving(chapters: Iterable[str], models: set[str]) -> dict:
    """The state of these models, as a notebook keeps it."""
    found = {model: state for chapter in chapters for model, state in states(chapter).items() if model in models}
    return {STATE: {"version_major": 2, "version_minor": 0, "state": found}}

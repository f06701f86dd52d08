"""Slides for each of the six sessions, made from what the teaching pages and the chapters have already.

The outcomes, questions and wrong answers come from book/teaching/six_weeks.md, the figures from the stored outputs of
the section that a row names, the quiz from its source. nbconvert writes reveal.js, which lies beside the slides, so
that a browser asks no other host for anything. Speaker notes (key S) hold the minutes and what to say."""

import re
import shutil
from functools import cache
from pathlib import Path
from typing import NamedTuple

import nbformat
from nbconvert import SlidesExporter
from nbformat.v4 import new_markdown_cell, new_notebook
from traitlets.config import Config

from tools.quizzes import LETTERS, ROOT, choices, quizzes

GUIDE = ROOT / "book/teaching/six_weeks.md"
SOURCE = ROOT / "book/teaching/source/slides"
SECTION = re.compile(r"\[\*([^]]+)\*\]\(\.\./(\w+)\.ipynb\)")
FIGURE = re.compile(r"figures? (\d+\.\d+(?: and \d+\.\d+)?)")


class Session(NamedTuple):
    number: int
    title: str
    outcomes: str  # a numbered list
    rows: list[list[str]]  # minutes, what, run or show, ask before
    wrong: list[tuple[str, str]]  # what a student says, what to say
    skip: str
    homework: str


def plain(text: str) -> str:
    """Without links: a slide is read away from the book."""
    return re.sub(r"\[([^]]+)\]\([^)]*\)", r"\1", text)


def sessions() -> list[Session]:
    """What the guide says of each session."""
    found = []
    for part in re.split(r"^## ", GUIDE.read_text(encoding="utf-8"), flags=re.M)[1:]:
        head = re.match(r"Session (\d): (.*)", part)
        if head:
            rows = [line.strip("| ").split(" | ") for line in re.findall(r"^\| \d.*$", part, re.M)]
            wrong = re.findall(r'^- \*"(.*?)"\* (.*)$', part, re.M)
            outcomes = "\n".join(re.findall(r"^\d\. .*$", part, re.M))
            skip, homework = re.search(r"\*\*Skip\*\*(.*?) \*\*Set\*\*: (.*)$", part, re.M).groups()
            found.append(Session(int(head[1]), head[2], outcomes, rows, wrong, skip.lstrip(": "), homework))
    return found


def shown(notebook: nbformat.NotebookNode, kind: str = "image/png") -> list[tuple[str, str, str]]:
    """Heading, number ("" where it has none) and data of each figure of this kind that a chapter has stored."""
    found, heading = [], ""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            caption = re.match(r"\*\*Figure (\d+\.\d+)\.\*\*", cell.source)
            if caption and found:
                found[-1] = (found[-1][0], caption[1], found[-1][2])
            heading = [heading, *re.findall(r"^## (.*)$", cell.source, re.M)][-1]
        else:
            images = [output.data.get(kind) for output in cell.outputs if "data" in output]
            found += [(heading, "", image) for image in images if image]
    return found


@cache
def figures(chapter: str) -> list[tuple[str, str, str]]:
    """As `shown`, of the chapter's PNGs, in base64 on one line."""
    stored = shown(nbformat.read(ROOT / f"book/{chapter}.ipynb", as_version=4))
    return [(heading, number, "".join(data.split())) for heading, number, data in stored]


def pictures(row: str) -> list[tuple[str, str]]:
    """Heading and <img> of what a row shows: the figures that it numbers, else the first one of each section."""
    numbers, found = re.findall(r"\d+\.\d+", " ".join(FIGURE.findall(row))), []
    for heading, chapter in SECTION.findall(row):
        chosen = [figure for figure in figures(chapter) if figure[1] in numbers]
        chosen = chosen or [figure for figure in figures(chapter) if f"{figure[0]}:".startswith(f"{heading}:")][:1]
        found += [(under, f'<img alt="{under}" src="data:image/png;base64,{data}">') for under, _, data in chosen]
    return found


def quiz_cells(session: Session, names: list[str]) -> list[tuple[str, str]]:
    """A slide with the question and one with its answer, for each of these quiz questions ("1.4")."""
    questions = quizzes()[session.number - 1].questions
    cells = []
    for name in names:
        question = questions[int(name.partition(".")[2]) - 1]
        answers = dict(zip(LETTERS, choices(question), strict=False))
        listed = "\n".join(f"- **{letter}.** {text}" for letter, (text, _) in answers.items())
        right = next(letter for letter, (_, why) in answers.items() if not why)
        whys = "\n".join(f"- {letter}: {why}" for letter, (_, why) in answers.items() if why)
        cells.append(("slide", f"## {question.name}\n\n{question.ask}\n\n{listed}"))
        cells.append(("slide", f"## {question.name}: {right}\n\n{question.right}\n\n{question.because}"))
        cells.append(("notes", f"What is wrong with the others:\n\n{whys}"))
    return cells


def row_cells(row: list[str]) -> list[tuple[str, str]]:
    """The question of a row, then the figures of the sections that it names."""
    minutes, what, show, ask = [plain(text) for text in row]
    notes = f"Minutes {minutes}. Show: {show}."
    cells = [("slide", f"## {what}\n\n" + (f"> {ask}" if ask else "")), ("notes", notes)]
    for heading, image in pictures(row[2]):
        cells += [("slide", f"## {heading}\n\n{image}"), ("notes", notes)]
    return cells


def deck(session: Session) -> nbformat.NotebookNode:
    """The slides of a session as a notebook: cells marked as slides and as notes."""
    cells = [("slide", f"# {session.title}\n\nSession {session.number}")]
    cells += [("notes", f"If time is short, skip: {plain(session.skip)}")]
    cells += [("slide", f"## Afterwards you can\n\n{session.outcomes}")]
    for row in [[*row, ""][:4] for row in session.rows]:
        if row[2].startswith("questions "):
            for said, reply in session.wrong:
                cells += [("slide", f"## True or false?\n\n> {said}"), ("notes", plain(reply))]
            cells += quiz_cells(session, re.findall(r"\d\.\d+", row[2]))
        else:
            cells += row_cells(row)
    cells += [("slide", f"## Until next time\n\n{plain(session.homework).capitalize()}")]
    made = [new_markdown_cell(text, metadata={"slideshow": {"slide_type": kind}}) for kind, text in cells]
    return new_notebook(cells=made, metadata={"title": f"Session {session.number}: {session.title}"})


def write_slides(folder: Path) -> list[Path]:
    """A page for each session, and reveal.js beside them."""
    shutil.copytree(SOURCE / "reveal", folder / "reveal", dirs_exist_ok=True)
    config = Config()
    config.SlidesExporter.update(
        reveal_url_prefix="reveal", reveal_theme="course",
        template_name="template", extra_template_basedirs=[str(SOURCE)],
    )  # fmt: skip
    exporter, written = SlidesExporter(config=config), []
    for session in sessions():
        notebook = deck(session)
        written.append(folder / f"session{session.number}.slides.html")
        written[-1].write_text(exporter.from_notebook_node(notebook)[0], encoding="utf-8")
    return written

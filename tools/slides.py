"""Slides for each of the six sessions, made from what the teaching pages and the chapters have already.

The outcomes, questions and wrong answers come from book/teaching/six_weeks.md, the figures from the section that a row
names (tools/slide_figures.py), the quiz from its source. Figures that move on the site move here, too. nbconvert writes
reveal.js, which lies beside the slides, so that a browser asks no other host for anything. Speaker notes (key S) hold
the minutes, the captions and what to say."""

import re
import shutil
from pathlib import Path
from typing import NamedTuple

import nbformat
from nbconvert import SlidesExporter
from nbformat.v4 import new_markdown_cell, new_notebook
from traitlets.config import Config

from tools.quizzes import LETTERS, ROOT, choices, quizzes
from tools.slide_figures import SECTION, moving, pictures

GUIDE = ROOT / "book/teaching/six_weeks.md"
SOURCE = ROOT / "book/teaching/source/slides"
HOST = ROOT / "book/_static/anywidget-host.js"
MOVES = (
    "It moves: drag and click. The arrow keys move what you touched last; click beside the figure to turn pages again."
)


class Session(NamedTuple):
    number: int
    title: str
    reading: str
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
            reading = chapters_to_read(re.search(r"^\*\*Chapters?\*\*: (.*)$", part, re.M)[1])
            found.append(Session(int(head[1]), head[2], reading, outcomes, rows, wrong, skip.lstrip(": "), homework))
    return found


def chapters_to_read(links: str) -> str:
    """In words: "the quick tour, chapter 1"."""
    names = re.findall(r"\[([^]]+)\]\(\.\./\w+\.ipynb\)", links)
    return ", ".join(f"chapter {name}" if name.isdigit() else f"the {name}" for name in names)


def quiz_cells(session: Session, names: list[str]) -> list[tuple[str, str]]:
    """A slide with the question and one with its answer, for each of these quiz questions ("1.4")."""
    questions = quizzes()[session.number - 1].questions
    cells = []
    for name in names:
        question = questions[int(name.partition(".")[2]) - 1]
        answers = dict(zip(LETTERS, choices(question), strict=False))
        listed = [f"- **{letter}.** {text}" for letter, (text, _) in answers.items()]
        marked = [
            f"- **{letter}. {text}**" if not why else f"- {letter}. {text}" for letter, (text, why) in answers.items()
        ]
        right = next(letter for letter, (_, why) in answers.items() if not why)
        whys = "\n".join(f"- {letter}: {why}" for letter, (_, why) in answers.items() if why)
        cells.append(("slide", "\n".join([f"## {question.name}\n\n{question.ask}\n", *listed])))
        cells.append(("slide", "\n".join([f"## {question.name}: {right}\n\n{question.because}\n", *marked])))
        cells.append(("notes", f"What is wrong with the others:\n\n{whys}"))
    return cells


def row_cells(row: list[str]) -> list[tuple[str, str]]:
    """The question of a row, then the figures that it names."""
    minutes, what, show, ask = [plain(text) for text in row]
    notes = f"Minutes {minutes}. Show: {show}."
    cells = [("slide", f"## {what}\n\n" + (f"> {ask}" if ask else "")), ("notes", notes)]
    for figure in pictures(row[2]):
        told = [
            notes,
            f"Figure {figure.number}: {figure.caption}" if figure.caption else "",
            MOVES * bool(figure.model),
        ]
        cells += [("slide", f"## {figure.heading}\n\n{figure.html()}"), ("notes", "\n\n".join(filter(None, told)))]
    return cells


def last_slide(session: Session, following: Session | None) -> str:
    """What there is to do at home."""
    lines = [
        f"- **At home**: {plain(session.homework)}",
        f"- **Quiz**: the six other questions of session {session.number}",
    ]
    if following:
        lines.append(f"- **To read before session {following.number}**: {following.reading}")
    return "\n".join(["## Until next time" if following else "## To end with", "", *lines])


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
    following = next((other for other in sessions() if other.number == session.number + 1), None)
    cells += [("slide", last_slide(session, following))]
    made = [new_markdown_cell(text, metadata={"slideshow": {"slide_type": kind}}) for kind, text in cells]
    title = f"Session {session.number}: {session.title}"
    return new_notebook(cells=made, metadata={"title": title, "widgets": alive(session)})


def alive(session: Session) -> dict:
    """The state of the figures that move."""
    shows = [row[2] for row in session.rows]
    models = {figure.model for show in shows for figure in pictures(show) if figure.model}
    return moving(sorted({chapter for show in shows for _, chapter in SECTION.findall(show)}), models)


def write_slides(folder: Path) -> list[Path]:
    """A page for each session, and beside them reveal.js and the script that makes figures move."""
    shutil.copytree(SOURCE / "reveal", folder / "reveal", dirs_exist_ok=True)
    shutil.copy(HOST, folder)
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

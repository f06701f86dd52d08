"""The quizzes of the course, from one source: python -m tools.quizzes

book/teaching/source/quizzes/session*.toml holds ten questions for each session. This writes the page
book/teaching/quizzes.md, with folded answers; `gift` gives the same questions in Moodle's GIFT format, which
tools/course.py writes into files. In a question:

    name       a few words, unique in its file
    ask        the question; in this and all other texts, `code` is the only markup
    right      the right answer
    because    one or two sentences why, shown to everybody afterwards
    wrong      pairs: a wrong answer that students give, and what is wrong with it
    check      for a number: a Python expression (with `math`) whose value stands first in the right answer"""

import html
import math
import random
import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import nbformat
from nbformat.v4 import new_markdown_cell, new_notebook

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "book/teaching/source/quizzes"
PAGE = ROOT / "book/teaching/quizzes.md"
LETTERS = "ABCDEF"
HEAD = """\
# Quizzes

Ten questions for each of the [six sessions](six_weeks.md), each with one right answer. The wrong ones are mistakes that
students make; under each question a folded box says what is wrong with them.

- **In class**: show a question, let everybody choose in silence, let neighbours convince each other for a minute, and
  choose again. Four questions fill ten minutes.
- **At home**: give a quiz after its session, as often as a student likes and without marks: the answers stand here.
- **In JupyterLab**: `make course` writes each quiz as a notebook with folded answers; students' packs have them, too.
- **In Moodle**: `make course` writes the questions in the format GIFT into `_build/course/quizzes`, a file for each
  session. Import them in the question bank (*Import*, *GIFT format*); each answer brings its explanation along, and
  each file its category.

The questions are kept in `book/teaching/source/quizzes`. After a change there,
`python -m tools.quizzes` renews this page.
"""


class Question(NamedTuple):
    name: str
    ask: str
    right: str
    because: str
    wrong: tuple[tuple[str, str], ...]  # (answer, what is wrong with it)
    check: str = ""


class Quiz(NamedTuple):
    number: int  # of the session
    title: str
    questions: tuple[Question, ...]


def read(path: Path) -> Quiz:
    """The quiz of one file, session3.toml. A key that is missing or unknown raises TypeError."""
    found = tomllib.loads(path.read_text(encoding="utf-8"))
    questions = (Question(**entry | {"wrong": tuple(map(tuple, entry["wrong"]))}) for entry in found["question"])
    return Quiz(int(path.stem.removeprefix("session")), found["title"], tuple(questions))


def quizzes() -> list[Quiz]:
    return [read(path) for path in sorted(SOURCE.glob("session*.toml"))]


def value(question: Question) -> float:
    """What the question's `check` comes to."""
    return float(eval(question.check, {"math": math}))


def choices(question: Question) -> list[tuple[str, str]]:
    """All answers with what is wrong with them ("" for the right one), in an order that the question decides."""
    answers = [(question.right, ""), *question.wrong]
    random.Random(question.ask).shuffle(answers)
    return answers


def asked(number: str, question: Question) -> str:
    """Question and choices in Markdown. number: as "1.4"."""
    listed = [f"- **{letter}.** {text}" for letter, (text, _) in zip(LETTERS, choices(question), strict=False)]
    return "\n".join([f"**{number} {question.name}.** {question.ask}", "", *listed])


def explained(question: Question) -> str:
    """The right answer, why it is right, and what is wrong with each of the others, in Markdown."""
    answers = dict(zip(LETTERS, choices(question), strict=False))
    right = next(letter for letter, (_, why) in answers.items() if not why)
    whys = [f"- **{letter}**: {why}" for letter, (_, why) in answers.items() if why]
    return "\n".join([f"**{right}** is right. {question.because}", "", *whys])


def notebook(quiz: Quiz) -> nbformat.NotebookNode:
    """A quiz to be taken in JupyterLab: a cell for each question, with the answer folded below it."""
    cells = [new_markdown_cell(f"# Quiz {quiz.number}: {quiz.title}", id="title")]
    for number, question in enumerate(quiz.questions, 1):
        folded = f"<details><summary>Answer</summary>\n\n{explained(question)}\n\n</details>"
        text = f"{asked(f'{quiz.number}.{number}', question)}\n\n{folded}"
        cells.append(new_markdown_cell(text, id=f"question-{number}"))
    return new_notebook(cells=cells)


def page(found: Iterable[Quiz]) -> str:
    """All quizzes as a page in MyST Markdown."""
    parts = [HEAD]
    for quiz in found:
        parts.append(f"## Session {quiz.number}: {quiz.title}\n")
        for number, question in enumerate(quiz.questions, 1):
            parts.append(asked(f"{quiz.number}.{number}", question) + "\n")
            parts.append(f":::{{dropdown}} Answer to {quiz.number}.{number}\n{explained(question)}\n:::\n")
    return "\n".join(parts)


def escape(text: str) -> str:
    """Text as HTML on one line, in which every character that GIFT reserves is escaped."""
    coded = re.sub(r"`([^`]*)`", r"<code>\1</code>", html.escape(" ".join(text.split()), quote=False))
    return re.sub(r"[\\~=#{}:]", r"\\\g<0>", coded)


def gift(quiz: Quiz) -> str:
    """One quiz in GIFT: a category, then a block for each question. A block has no empty line inside."""
    blocks = [f"$CATEGORY: vcodec/Session {quiz.number}"]
    for number, question in enumerate(quiz.questions, 1):
        name = escape(f"{quiz.number}.{number:02} {question.name}")
        lines = [f"::{name}::[html]{escape(question.ask)} {{"]
        for text, why in choices(question):
            lines.append(f"\t~{escape(text)}#{escape(why)}" if why else f"\t={escape(text)}#Right.")
        blocks.append("\n".join([*lines, f"\t####{escape(question.because)}", "}"]))
    return "\n\n".join(blocks) + "\n"


def main() -> None:
    PAGE.write_text(page(quizzes()), encoding="utf-8")


if __name__ == "__main__":
    main()

"""The tables of the teaching pages; python -m tools.tables writes them.

Exercises and reading times come from the notebooks, seconds from benchmarks/results/chapters.json, and what is set in
which week from book/teaching/source/plan.toml."""

import json
import re
import tomllib
from functools import cache

import nbformat

from tools.tables import RESULTS, ROOT, markdown

PAGES = sorted((ROOT / "book/teaching").glob("*.md"))
QUIZ = 10  # minutes


@cache
def plan() -> dict:
    return tomllib.loads((ROOT / "book/teaching/source/plan.toml").read_text(encoding="utf-8"))


@cache
def texts(chapter: str) -> tuple[str, ...]:
    """The Markdown cells of a chapter. chapter: as "ch03_resampler"."""
    cells = nbformat.read(ROOT / f"book/{chapter}.ipynb", as_version=4).cells
    return tuple(cell.source for cell in cells if cell.cell_type == "markdown")


def chapters() -> list[str]:
    """In the order of the contents."""
    listed = re.findall(r"file: book/(\w+)$", (ROOT / "_toc.yml").read_text(encoding="utf-8"), re.M)
    return [name for name in listed if (ROOT / f"book/{name}.ipynb").exists()]


def title(chapter: str) -> str:
    return re.search(r"^# (.*)$", texts(chapter)[0], re.M)[1]


def named(chapter: str) -> str:
    return f"chapter {title(chapter).partition('.')[0]}" if chapter.startswith("ch") else "tour"


def reading(chapter: str) -> int | None:
    """Minutes of reading that the chapter's head names, or None."""
    found = re.search(r"^\| (\d+) minutes \|", texts(chapter)[0], re.M)
    return int(found[1]) if found else None


def exercises(chapter: str) -> dict[int, str]:
    """Number and title of each exercise: what stands in bold below the heading "Exercises"."""
    below = "\n".join(texts(chapter)).partition("\n## Exercises")[2].partition("\n## ")[0]
    return {int(n): name.rstrip(".") for n, name in re.findall(r"^\*\*(\d+)\. (.+?)\*\*", below, re.M)}


def minutes(name: str) -> int:
    """For an exercise of this title, by the plan's list."""
    return next(m for start, m in plan()["minutes"].items() if name.startswith(start))


def exercise_table() -> str:
    """Every exercise with its minutes; a row for each chapter."""
    rows = []
    for chapter in chapters():
        found = exercises(chapter)
        if found:
            told = "; ".join(f"{n} {name}: {minutes(name)}" for n, name in found.items())
            together = str(sum(map(minutes, found.values())))
            rows.append([f"[{title(chapter).partition(':')[0]}](../{chapter}.ipynb)", told, together])
    return markdown(["chapter", "exercises, with minutes", "all"], rows)


def load_table(weeks: str) -> str:
    """Minutes of each week. weeks: a list of the plan."""
    rows = []
    for number, week in enumerate(plan()[weeks], 1):
        read = sum(reading(chapter) or 0 for chapter in week)
        work = sum(minutes(exercises(chapter)[n]) for chapter, numbers in week.items() for n in numbers)
        told = "; ".join(f"{named(chapter)}: {', '.join(map(str, numbers))}" for chapter, numbers in week.items())
        hours = f"{(read + work + QUIZ) / 60:.1f} h"
        rows.append([str(number), str(read), told, str(work), str(QUIZ), hours])
    return markdown(["week", "reading", "exercises set", "minutes", "quiz", "together"], rows)


def class_table() -> str:
    """Reading and running of each chapter."""
    seconds = json.loads((RESULTS / "chapters.json").read_text())
    rows = []
    for chapter in chapters():
        link = f"[{title(chapter).partition(':')[0]}](../{chapter}.ipynb)"
        rows.append([link, str(reading(chapter) or ""), str(seconds.get(chapter, ""))])
    rows.append(["all", str(sum(reading(chapter) or 0 for chapter in chapters())), str(sum(seconds.values()))])
    return markdown(["chapter", "reading (minutes)", "running on two processors (seconds)"], rows)


def course_tables() -> dict[str, str]:
    return {
        "exercises": exercise_table(), "class": class_table(),
        "six weeks": load_table("six_weeks"), "twelve weeks": load_table("twelve_weeks"),
    }  # fmt: skip

"""The teaching pages: do they name what the chapters have, and do their minutes add up?"""

import re
import subprocess
from functools import cache
from pathlib import Path

import nbformat
import pytest
import yaml

from tools.course_tables import course_tables, exercises, minutes, plan
from tools.quizzes import quizzes

TEACHING = Path(__file__).parents[2] / "book/teaching"
PAGES = {path.stem: path.read_text(encoding="utf-8") for path in sorted(TEACHING.glob("*.md"))}
TIMED = re.compile(r"^\| (\d+) to (\d+) \|", re.M)


@cache
def text_of(chapter: str) -> str:
    cells = nbformat.read(TEACHING.parent / f"{chapter}.ipynb", as_version=4).cells
    return "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def sections(page: str) -> list[str]:
    return re.split(r"^## ", PAGES[page], flags=re.M)[1:]


@pytest.mark.parametrize("name", course_tables())
def test_each_table_is_on_a_page_as_the_tool_writes_it(name):
    marked = [text for text in PAGES.values() if f"<!-- table {name} -->" in text]
    assert marked
    for text in marked:
        assert f"<!-- table {name} -->\n{course_tables()[name]}\n<!-- end -->" in text, "run: python -m tools.tables"


@pytest.mark.parametrize("page", PAGES)
def test_sections_and_figures_that_a_page_names_are_in_the_chapter(page):
    for heading, chapter in re.findall(r"\[\*([^]]+)\*\]\(\.\./(\w+)\.ipynb\)", PAGES[page]):
        assert re.search(rf"^#+ {re.escape(heading)}(:|$)", text_of(chapter), re.M), (
            f"{chapter} has no section {heading!r}"
        )
    for number in re.findall(r"figures? (?:\d+\.\d+ and )?(\d+\.\d+)", PAGES[page]):
        (chapter,) = TEACHING.parent.glob(f"ch{int(number.partition('.')[0]):02}_*.ipynb")
        assert f"**Figure {number}.**" in text_of(chapter.stem), f"{chapter.stem} has no figure {number}"


@pytest.mark.parametrize("page", ["two_sessions", "six_weeks", "twelve_weeks"])
def test_each_session_fills_ninety_minutes_without_a_gap(page):
    timed = [TIMED.findall(section) for section in sections(page)]
    for rows in filter(None, timed):
        starts, ends = ([int(row[i]) for row in rows] for i in (0, 1))
        assert starts == [0, *ends[:-1]] and ends[-1] == 90


def test_the_six_sessions_have_outcomes_wrong_answers_and_something_to_skip():
    found = [section for section in sections("six_weeks") if section.startswith("Session ")]
    assert len(found) == 6
    for section in found:
        told = section.partition("**Frequent wrong answers**")[2]
        assert len(re.findall(r'^- \*"', told, re.M)) == 3 and "**Skip**" in told and "**Set**" in told
        assert len(re.findall(r"^\d\. ", section, re.M)) == 5


def test_quiz_questions_that_a_page_names_exist():
    known = {f"{quiz.number}.{n}" for quiz in quizzes() for n, _ in enumerate(quiz.questions, 1)}
    for page in ("two_sessions", "six_weeks"):
        named = {n for line in re.findall(r"questions (\d.*?) \|", PAGES[page]) for n in line.split(", ")}
        assert named and named <= known


def test_what_a_session_sets_is_what_its_load_is_computed_from():
    found = [section for section in sections("six_weeks") if section.startswith("Session ")]
    for section, week in zip(found, plan()["six_weeks"], strict=True):
        told = section.partition("**Set**: ")[2].partition("\n")[0]
        said = set()
        for numbers, where in re.findall(r"exercises? ([\d, and]+) of (chapter \d+|the tour)", told):
            said |= {(where.split()[-1], int(n)) for n in re.findall(r"\d+", numbers)}
        chapter = {name: re.sub(r"ch0?(\d+)_\w+", r"\1", name).replace("quick_tour", "tour") for name in week}
        assert said == {(chapter[name], n) for name, numbers in week.items() for n in numbers}


def test_exercises_are_read_from_below_their_heading():
    assert exercises("ch06_post_processor")[5] == "Extend the method"  # and not the bold steps further up
    assert minutes("Extend the method") == 60 and minutes("A title of its own") == 20


def listings(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGES[page], re.M | re.S)


@pytest.mark.parametrize("page", [page for page in PAGES if listings(page, "sh")])
def test_commands_are_such_as_a_shell_reads(page):
    for listing in listings(page, "sh"):
        run = subprocess.run(["sh", "-n"], input=listing, capture_output=True, text=True)
        assert (run.returncode, run.stderr) == (0, ""), listing


def test_the_settings_for_kubernetes_give_a_student_what_the_page_promises():
    (listing,) = listings("running", "yaml")
    student = yaml.safe_load(listing)["singleuser"]
    assert set(student) <= {"image", "memory", "cpu", "extraEnv", "lifecycleHooks"}
    assert student["memory"]["limit"] == "2G" and "2 GB of memory" in PAGES["running"]
    assert isinstance(student["image"]["tag"], str) and student["extraEnv"] == {"OMP_NUM_THREADS": "1"}
    *shell, command = student["lifecycleHooks"]["postStart"]["exec"]["command"]
    assert shell == ["sh", "-c"] and subprocess.run(["sh", "-n"], input=command, text=True).returncode == 0
    (built,) = (listing for listing in listings("running", "sh") if "repo2docker" in listing)
    copied = re.search(r"cp -r (\S+)/book", command)[1]
    assert f"--target-repo-dir {copied} " in built and f"{student['image']['name']}:{student['image']['tag']} " in built

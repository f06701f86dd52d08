"""Assignments in nbgrader's form, from book/teaching/source/assignments: python -m tools.assignments [FOLDER]

A master is a Python file of cells. "# %%" begins one; the words after it say what it is:
    [markdown]            text, each line a comment; <<NAME>> stands for the variant's value of NAME
    variants              VARIANTS = {"a": {...}, "b": {...}}: the constants of each variant, and its title
    given                 code that a student reads and runs
    solution ID           code with ### BEGIN SOLUTION and ### END SOLUTION: what a student writes
    tests ID POINTS       asserts, those between ### BEGIN HIDDEN TESTS and ### END HIDDEN TESTS for the lecturer alone
    wrong ID LOST,LOST    a common mistake in the solution ID: comments that say why it is wrong, then "# - " before
                          what the solution says and "# + " before what stands there instead; and the tests that it
                          fails. In no notebook, but in the rubric and in the project's own tests
    only=a                behind any of these: in variant a alone
FOLDER, _build/course/nbgrader unless named, becomes a course of nbgrader: nbgrader_config.py, source and release; the
rubrics lie beside them."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

ROOT = Path(__file__).parent.parent
MASTERS = ROOT / "book/teaching/source/assignments"
EDIT = ("- ", "+ ")  # lines of a wrong answer
CONFIG = """\
c = get_config()
c.CourseDirectory.course_id = "vcodec"
c.ExecutePreprocessor.timeout = 300  # seconds for one cell
c.ClearSolutions.code_stub = {"python": "# Write your code here.\\nraise NotImplementedError"}
"""


class Cell(NamedTuple):
    kind: str  # "[markdown]", "given", "solution", "tests" or "wrong"
    name: str
    value: str  # of tests the points, of a wrong answer the tests that it fails
    text: str


class Assignment(NamedTuple):
    name: str  # as "dct_codec-a"
    constants: dict
    cells: list[Cell]

    def of(self, kind: str) -> list[Cell]:
        return [cell for cell in self.cells if cell.kind == kind]

    @property
    def marks(self) -> dict[str, int]:
        """Points of each group of tests."""
        return {cell.name: int(cell.value) for cell in self.of("tests")}


def explanation(wrong: Cell) -> str:
    """Why this answer is wrong."""
    return " ".join(line[2:] for line in wrong.text.splitlines() if line.startswith("# ") and line[2:4] not in EDIT)


def answer(assignment: Assignment, wrong: Cell) -> str:
    """The solution with the mistake in it. Raises ValueError where the solution has not exactly one place for it."""
    (text,) = (cell.text for cell in assignment.of("solution") if cell.name == wrong.name)
    for old, new in re.findall(r"((?:^# - .*\n)+)((?:^# \+ .*\n)*)", wrong.text + "\n", re.M):
        old, new = (re.sub(r"^# [-+] ", "", part, flags=re.M).rstrip("\n") for part in (old, new))
        if text.count(old) != 1:
            raise ValueError(f"{assignment.name}: the solution {wrong.name} has not one place with {old!r}")
        text = text.replace(old, new)
    return text


def split(master: str) -> list[tuple[list[str], str]]:
    """Words of the head and text of each cell."""
    parts = re.split(r"^# %%(.*)\n", master, flags=re.M)[1:]
    return [(head.split(), text.strip("\n")) for head, text in zip(parts[::2], parts[1::2], strict=True)]


def read(path: Path) -> list[Assignment]:
    """Every variant of a master. Raises ValueError for a head that says nothing known."""
    cells = split(path.read_text(encoding="utf-8"))
    (table,) = (text for words, text in cells if words == ["variants"])
    variants = ast.literal_eval(table.partition("VARIANTS = ")[2])
    return [
        Assignment(f"{path.stem}-{variant}", constants, list(resolved(cells, variant, constants)))
        for variant, constants in variants.items()
    ]


def resolved(cells: list[tuple[list[str], str]], variant: str, constants: dict):
    """The cells of one variant."""
    for words, text in cells:
        only = [word.partition("=")[2] for word in words if word.startswith("only=")]
        kind, name, value, *_ = [*(word for word in words if "=" not in word), "", "", ""]
        if only and variant not in only:
            continue
        if kind == "variants":
            lines = [f"{key} = {constant!r}" for key, constant in constants.items() if key.isupper()]
            text = "\n".join(["# The numbers of this variant", *lines])
            yield Cell("given", "variant", "", text)
        elif kind == "[markdown]":
            text = re.sub(r"^# ?", "", text, flags=re.M)
            yield Cell(kind, name, value, re.sub(r"<<(\w+)>>", lambda m: str(constants[m[1]]), text))
        elif kind in {"given", "solution", "tests", "wrong"}:
            yield Cell(kind, name, value, re.sub(r"\n+### (BEGIN|END) HIDDEN", r"\n### \1 HIDDEN", text))
        else:
            raise ValueError(f"a cell's head says {' '.join(words)!r}")


def graded(cell: Cell, identity: str) -> dict:
    """What nbgrader (schema 3) wants to know of a code cell."""
    tests, solution = cell.kind == "tests", cell.kind == "solution"
    told = {
        "grade": tests, "grade_id": identity, "locked": not solution, "schema_version": 3, "solution": solution,
        "task": False,
    }  # fmt: skip
    return told | ({"points": int(cell.value)} if tests else {})


def notebook(assignment: Assignment) -> nbformat.NotebookNode:
    """The source notebook: with solutions and hidden tests. A cell's id is its kind and its name or number."""
    cells = []
    for number, cell in enumerate(cell for cell in assignment.cells if cell.kind != "wrong"):
        identity = f"{cell.kind.strip('[]')}-{cell.name or number}"
        if cell.kind == "[markdown]":
            cells.append(new_markdown_cell(cell.text, id=identity))
        else:
            cells.append(new_code_cell(cell.text, id=identity, metadata={"nbgrader": graded(cell, identity)}))
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return new_notebook(cells=cells, metadata={"kernelspec": kernel, "language_info": {"name": "python"}})


def assignments() -> list[Assignment]:
    return [variant for path in sorted(MASTERS.glob("*.py")) for variant in read(path)]


def rubric(assignment: Assignment) -> str:
    """Marks of each task, and the wrong answers that come often with the marks that they get."""
    total = sum(assignment.marks.values())
    rows = [f"| {name} | {points} |" for name, points in assignment.marks.items()]
    lines = [f"# {assignment.constants['title']}: marks", "", "| tests | marks |", "| --- | --- |", *rows]
    lines += [f"| all | {total} |", "", "## Common wrong answers", ""]
    for cell in assignment.of("wrong"):
        lost = cell.value.split(",")
        left = total - sum(assignment.marks[name] for name in lost)
        lines += [f"- {explanation(cell)} It fails {', '.join(lost)} and gets {left} of {total} marks."]
    return "\n".join(lines) + "\n"


def write_source(folder: Path, assignment: Assignment) -> Path:
    """Its source notebook in a course of nbgrader. Returns the notebook's path."""
    path = folder / "source" / assignment.name / f"{assignment.name}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook(assignment), path)
    (folder / "nbgrader_config.py").write_text(CONFIG, encoding="utf-8")
    return path


def nbgrader(folder: Path, *arguments: str) -> str:
    """Run a command of nbgrader in a course, as a lecturer does. Returns what it says; raises RuntimeError."""
    command = [sys.executable, "-W", "ignore", "-m", "nbgrader", *arguments]
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"  # it calls alembic by name
    environment = os.environ | {"PATH": programs}
    run = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=900)
    if run.returncode:
        raise RuntimeError(f"nbgrader {' '.join(arguments)}: {run.stderr}")
    return run.stderr


def write_course(folder: Path) -> list[Assignment]:
    """A course of nbgrader with every assignment in both variants, released, and the rubrics beside them."""
    shutil.rmtree(folder, ignore_errors=True)
    found = assignments()
    (folder / "rubrics").mkdir(parents=True)
    for assignment in found:
        write_source(folder, assignment)
        (folder / "rubrics" / f"{assignment.name}.md").write_text(rubric(assignment), encoding="utf-8")
        nbgrader(folder, "generate_assignment", assignment.name)
    return found


def main(folder: Path = ROOT / "_build/course/nbgrader") -> None:
    marks = {assignment.name: sum(assignment.marks.values()) for assignment in write_course(folder)}
    print(f"{len(marks)} assignments in {folder}: {json.dumps(marks)}")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]))

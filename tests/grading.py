"""Marks that nbgrader gives: helper of the tests of the course."""

import re
from pathlib import Path

import nbformat

from tools.assignments import Assignment, answer, nbgrader, write_source


def failed(assignment: Assignment, answers: dict[str, str]) -> set[str]:
    """Tests that fail with these answers in the place of solutions: the notebook's cells, one after the other, here."""
    names: dict = {}
    missed = set()
    for cell in assignment.cells:
        if cell.kind in {"given", "solution", "tests"}:
            try:
                exec(answers.get(cell.name, cell.text) if cell.kind == "solution" else cell.text, names)
            except Exception:
                if cell.kind != "given":
                    missed.add(cell.name)
    return missed


def submit(folder: Path, assignment: Assignment, student: str, answers: dict[str, str]) -> None:
    """Hand in the released notebook with answers in the place of its solution cells, by their names."""
    name = f"{assignment.name}.ipynb"
    released = nbformat.read(folder / "release" / assignment.name / name, as_version=4)
    for cell in released.cells:
        kind, _, place = cell.id.partition("-")
        if kind == "solution":
            cell.source = answers.get(place, cell.source)
    path = folder / "submitted" / student / assignment.name / name
    path.parent.mkdir(parents=True)
    nbformat.write(released, path)


def scores(folder: Path, assignment: Assignment) -> dict[str, float]:
    """What each student reads at the top of the feedback."""
    pages = (folder / "feedback").glob(f"*/{assignment.name}/{assignment.name}.html")
    told = {page.parent.parent.name: page.read_text(encoding="utf-8") for page in pages}
    total = float(sum(assignment.marks.values()))
    return {who: float(re.search(rf"\(Score: ([\d.]+) / {total}\)", text)[1]) for who, text in told.items()}


def grade(folder: Path, assignment: Assignment, most: int = 99) -> tuple[dict[str, float], dict[str, float]]:
    """Release, hand in, grade: a solution, what was released, and that many wrong answers. Returns the marks of each
    student and the marks that they deserve."""
    write_source(folder, assignment)
    nbgrader(folder, "generate_assignment", assignment.name)
    solved = {cell.name: cell.text for cell in assignment.of("solution")}
    total = sum(assignment.marks.values())
    deserved = {"solution": total, "released": 0}
    submit(folder, assignment, "solution", solved)
    submit(folder, assignment, "released", {})
    for number, wrong in enumerate(assignment.of("wrong")[:most]):
        deserved[f"wrong{number}"] = total - sum(assignment.marks[name] for name in wrong.value.split(","))
        submit(folder, assignment, f"wrong{number}", solved | {wrong.name: answer(assignment, wrong)})
    nbgrader(folder, "autograde", assignment.name)
    nbgrader(folder, "generate_feedback", assignment.name)
    return scores(folder, assignment), deserved

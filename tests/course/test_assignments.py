"""Assignments: does nbgrader give each submission the marks that it deserves, and a student nothing but the tasks?"""

import csv
import re
from pathlib import Path

import nbformat
import pytest

from tools.assignments import Assignment, assignments, nbgrader, notebook, split, write_source

ASSIGNMENTS = assignments()
FIRST = [assignment for assignment in ASSIGNMENTS if assignment.name.endswith("-a")]


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


def scores(folder: Path) -> dict[str, float]:
    nbgrader(folder, "export", "--to", "grades.csv")
    with open(folder / "grades.csv", encoding="utf-8", newline="") as file:
        return {row["student_id"]: float(row["score"]) for row in csv.DictReader(file)}


def grade(folder: Path, assignment: Assignment) -> tuple[dict[str, float], dict[str, float]]:
    """Release, hand in, grade. Returns the marks of each student and the marks that they deserve."""
    write_source(folder, assignment)
    nbgrader(folder, "generate_assignment", assignment.name)
    solved = {cell.name: cell.text for cell in assignment.of("solution")}
    total = sum(assignment.marks.values())
    deserved = {"solution": total, "released": 0}
    submit(folder, assignment, "solution", solved)
    submit(folder, assignment, "released", {})
    for number, wrong in enumerate(assignment.of("wrong")):
        deserved[f"wrong{number}"] = total - sum(assignment.marks[name] for name in wrong.value.split(","))
        submit(folder, assignment, f"wrong{number}", solved | {wrong.name: wrong.text})
    nbgrader(folder, "autograde", assignment.name)
    nbgrader(folder, "generate_feedback", assignment.name)
    return scores(folder), deserved


@pytest.mark.slow
@pytest.mark.parametrize("assignment", FIRST, ids=lambda assignment: assignment.name)
def test_every_submission_gets_the_marks_that_it_deserves(tmp_path, assignment):
    found, deserved = grade(tmp_path, assignment)
    assert found == deserved
    for student in deserved:
        page = tmp_path / "feedback" / student / assignment.name / f"{assignment.name}.html"
        assert f"(Score: {found[student]} / {float(sum(assignment.marks.values()))})" in page.read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_released_notebook_has_no_solution_and_no_hidden_test(tmp_path):
    assignment = FIRST[0]
    write_source(tmp_path, assignment)
    nbgrader(tmp_path, "generate_assignment", assignment.name)
    (path,) = (tmp_path / "release").rglob("*.*")
    text = "\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells)
    for cell in [*assignment.of("solution"), *assignment.of("tests")]:
        for hidden in re.findall(r"### BEGIN \w+.*?\n(.*?)\s*### END", cell.text, re.S):
            assert hidden not in text
    assert "###" not in text and text.count("raise NotImplementedError") >= len(assignment.of("solution"))


@pytest.mark.parametrize("assignment", ASSIGNMENTS, ids=lambda assignment: assignment.name)
def test_an_assignment_tests_all_that_a_student_writes(assignment):
    solutions = {cell.name for cell in assignment.of("solution")}
    assert len(solutions) >= 3 and len(assignment.of("wrong")) >= 2
    for cell in assignment.of("solution"):
        assert cell.text.count("### BEGIN SOLUTION") == cell.text.count("### END SOLUTION") > 0
    for cell in assignment.of("tests"):
        assert cell.text.count("### BEGIN HIDDEN TESTS") == cell.text.count("### END HIDDEN TESTS") == 1
        visible = re.sub(r"### BEGIN HIDDEN.*?### END HIDDEN TESTS", "", cell.text, flags=re.S)
        assert "assert" in visible, f"{cell.name} shows a student no test"
    for cell in assignment.of("wrong"):
        assert cell.name in solutions and set(cell.value.split(",")) < set(assignment.marks)
        assert cell.text.startswith("# "), f"the wrong {cell.name} does not say why"


def test_variants_of_an_assignment_have_other_numbers_another_picture_and_another_task():
    for one, other in zip(ASSIGNMENTS[::2], ASSIGNMENTS[1::2], strict=True):
        assert one.constants.keys() == other.constants.keys() and one.marks == other.marks
        assert one.constants["PICTURE"] != other.constants["PICTURE"]
        numbers = [name for name, value in one.constants.items() if isinstance(value, int | float)]
        assert all(one.constants[name] != other.constants[name] for name in numbers if name != "MOST_BYTES")
        assert [cell.text for cell in one.of("solution")] != [cell.text for cell in other.of("solution")]


def test_an_unknown_head_is_refused():
    from tools.assignments import resolved

    with pytest.raises(ValueError, match="'solutoin codec'"):
        list(resolved(split("# %% solutoin codec\npass\n"), "a", {}))


def test_the_notebook_names_each_cell_once_and_carries_the_marks():
    for assignment in ASSIGNMENTS:
        told = [cell.metadata.nbgrader for cell in notebook(assignment).cells if cell.cell_type == "code"]
        assert len({cell.grade_id for cell in told}) == len(told)
        assert sum(cell.points for cell in told if cell.grade) == sum(assignment.marks.values())

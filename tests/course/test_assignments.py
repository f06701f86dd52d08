"""Assignments: does nbgrader give each submission the marks that it deserves, and a student nothing but the tasks?"""

import re

import nbformat
import numpy as np
import pytest
import torch
from grading import failed, grade

from tools.assignments import Assignment, Cell, answer, assignments, explanation, notebook, resolved, rubric, split
from vcodec import your_codec
from vcodec.metrics import psnr

ASSIGNMENTS = assignments()
QUICKEST = [assignment for assignment in ASSIGNMENTS if assignment.name == "quantiser-a"]  # all: make course-test
LIGHT = [each for each in ASSIGNMENTS if each.name.rpartition("-")[0] not in {"virtual_codec", "mixed_resolution"}]


def lines_between(text: str) -> list[str]:
    """What students must not see of a cell: the lines of its solutions and hidden tests."""
    parts = re.findall(r"### BEGIN \w+.*?\n(.*?)### END", text, re.S)
    return [line.strip() for part in parts for line in part.splitlines() if len(line.strip()) > 25]


@pytest.mark.slow
@pytest.mark.parametrize("assignment", QUICKEST, ids=lambda assignment: assignment.name)
def test_every_submission_gets_the_marks_that_it_deserves(tmp_path, assignment):
    found, deserved = grade(tmp_path, assignment, most=1)
    assert found == deserved
    (released,) = (tmp_path / "release").rglob("*.*")
    text = "\n".join(cell.source for cell in nbformat.read(released, as_version=4).cells)
    hidden = [line for cell in assignment.cells if cell.kind != "wrong" for line in lines_between(cell.text)]
    shown = re.sub(r"### BEGIN.*?### END", "", "\n".join(cell.text for cell in assignment.cells), flags=re.S)
    assert len(hidden) > 30 and [line for line in hidden if line in text and line not in shown] == []
    assert "###" not in text.replace("## ", "") and text.count("raise NotImplementedError\n") >= 3


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
        assert len(explanation(cell)) > 40, f"the wrong {cell.name} does not say why"


@pytest.mark.slow
@pytest.mark.parametrize("assignment", LIGHT, ids=lambda assignment: assignment.name)
def test_solutions_pass_and_a_mistake_fails_the_tests_that_its_rubric_names(assignment):
    assert failed(assignment, {}) == set()
    for wrong in assignment.of("wrong"):
        missed = failed(assignment, {wrong.name: answer(assignment, wrong)})
        assert missed == set(wrong.value.split(",")), explanation(wrong)


def test_a_mistake_that_has_not_one_place_in_the_solution_is_refused():
    solution, wrong = Cell("solution", "sum", "", "a + b + a"), Cell("wrong", "sum", "sum", "# Twice.\n# - a\n# + b")
    with pytest.raises(ValueError, match="not one place with 'a'"):
        answer(Assignment("sums-a", {}, [solution]), wrong)
    assert answer(Assignment("sums-a", {}, [solution]), wrong._replace(text="# No b.\n# - b +\n")) == "a +  a"


def test_variants_of_an_assignment_have_other_numbers_another_picture_and_another_task():
    for one, other in zip(ASSIGNMENTS[::2], ASSIGNMENTS[1::2], strict=True):
        assert one.marks == other.marks
        assert one.constants["PICTURE"] != other.constants["PICTURE"]
        numbers = [name for name, value in one.constants.items() if isinstance(value, int | float)]
        assert len([name for name in numbers if one.constants[name] != other.constants.get(name)]) >= 3
        assert [cell.text for cell in one.of("solution")] != [cell.text for cell in other.of("solution")]


def test_an_unknown_head_is_refused():
    with pytest.raises(ValueError, match="'solutoin codec'"):
        list(resolved(split("# %% solutoin codec\npass\n"), "a", {}))


def test_the_notebook_names_each_cell_once_and_carries_the_marks():
    for assignment in ASSIGNMENTS:
        told = [cell.metadata.nbgrader for cell in notebook(assignment).cells if cell.cell_type == "code"]
        assert len({cell.grade_id for cell in told}) == len(told)
        assert sum(cell.points for cell in told if cell.grade) == sum(assignment.marks.values())


def test_the_rubric_says_what_a_wrong_answer_gets():
    assignment = next(assignment for assignment in ASSIGNMENTS if assignment.name == "dct_codec-a")
    text = rubric(assignment)
    assert "| all | 12 |" in text and "| codec-pixels | 2 |" in text
    assert "The decoder truncates" in text and "It fails codec-pixels and gets 10 of 12 marks." in text


@pytest.mark.parametrize("variant", "ab")
def test_what_a_student_wrote_makes_a_codec(variant):
    written = {}
    for name in ("dct_codec", "quantiser", "arithmetic_coder"):
        (assignment,) = (each for each in ASSIGNMENTS if each.name == f"{name}-{variant}")
        written[name] = names = {}
        for cell in assignment.cells[:-1]:  # the last one prints a comparison
            if cell.kind in {"given", "solution"}:
                exec(cell.text, names)
    blocks, coding = written["dct_codec"], written["arithmetic_coder"]
    codec, photo = your_codec.Codec(1), blocks["photo"][:64, :64]
    codec.quantiser, step = written["quantiser"]["Quantiser"](), 20
    with torch.no_grad():
        y = codec.rsn(torch.from_numpy(photo)[None, None] / 255, step)
        integers = codec.quantiser(blocks["to_blocks"](y), step)[0].int().numpy()
        coder = coding["RangeCoder"](coding["Model"](your_codec.CONTEXTS))
        your_codec.code_blocks(coder, integers.shape, integers)
        decoder = coding["RangeCoder"](coding["Model"](your_codec.CONTEXTS), data := coder.finish())
        decoded = your_codec.code_blocks(decoder, integers.shape)
        y_hat = blocks["from_blocks"](codec.quantiser.inverse(torch.from_numpy(decoded)[None].float(), step))
        x_hat = (255 * codec.idn(y_hat, step)[0, 0]).round().clamp(0, 255).byte().numpy()
    assert np.array_equal(decoded, integers) and len(data) < photo.size / 2 and psnr(photo, x_hat) > 28

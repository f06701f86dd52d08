"""Every assignment in both variants, with every wrong answer, through nbgrader; and the packs: make course-test."""

import zipfile

import pytest
from grading import grade

from tools.assignments import assignments
from tools.course import main


@pytest.mark.parametrize("assignment", assignments(), ids=lambda assignment: assignment.name)
def test_every_submission_gets_the_marks_that_it_deserves(tmp_path, assignment):
    found, deserved = grade(tmp_path, assignment)
    assert found == deserved


def test_make_course_writes_three_packs(tmp_path, capsys):
    main(tmp_path)
    packs = {path.name: zipfile.ZipFile(path).namelist() for path in tmp_path.glob("*.zip")}
    assert set(packs) == {"student-a.zip", "student-b.zip", "instructor.zip"}
    for variant in "ab":
        notebooks = [name for name in packs[f"student-{variant}.zip"] if "/assignments/" in name]
        assert len(notebooks) == 5 and all(name.endswith(f"-{variant}.ipynb") for name in notebooks)
    assert len([name for name in packs["instructor.zip"] if "/nbgrader/source/" in name]) == 10
    assert "instructor.zip" in capsys.readouterr().out

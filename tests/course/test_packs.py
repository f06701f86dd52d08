"""Packs: do students get everything but the solutions, and can they still run what they get?"""

import ast
import builtins
import zipfile
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tools.assignments import assignments
from tools.packs import ROOT, student_files, without_solutions, write_zip

CHAPTERS = sorted((ROOT / "book").glob("*.ipynb"))


def names(source: str) -> tuple[set[str], set[str]]:
    """Names that a cell uses, and those that it gives, at any depth."""
    found = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)]
    used = {node.id for node in found if isinstance(node.ctx, ast.Load)}
    given = {node.id for node in found if not isinstance(node.ctx, ast.Load)}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            given.add(node.name)
        elif isinstance(node, ast.alias):
            given.add((node.asname or node.name).partition(".")[0])
        elif isinstance(node, ast.arg):
            given.add(node.arg)
        elif isinstance(node, ast.ExceptHandler) and node.name:
            given.add(node.name)
    return used, given


def test_a_solution_leaves_its_picture_and_nothing_else():
    shown = new_output("display_data", data={"image/png": "aGludA=="})
    cells = [
        new_markdown_cell("## Exercises\n\n**1. Fill in.**"), new_code_cell("answer = ..."),
        new_code_cell("# Solution 1\nanswer = 42", outputs=[shown]), new_code_cell("# Solution 2\nother = 43"),
        new_code_cell("assert answer == 42", metadata={"tags": ["remove-cell"]}),
        new_markdown_cell("## Next"), new_code_cell("assert True", metadata={"tags": ["remove-cell"]}),
    ]  # fmt: skip
    kept = without_solutions(new_notebook(cells=cells))
    nbformat.validate(kept)
    assert [cell.source.partition("\n")[0] for cell in kept.cells] == [
        "## Exercises", "answer = ...", "What the solution shows:", "## Next", "assert True",
    ]  # fmt: skip
    assert kept.cells[2].attachments["solution.png"] == {"image/png": "aGludA=="}


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_no_cell_of_a_student_needs_a_solution(path):
    chapter = nbformat.read(path, as_version=4)
    had = sum(cell.source.startswith("# Solution") for cell in chapter.cells)
    kept = [cell.source for cell in without_solutions(chapter).cells if cell.cell_type == "code"]
    assert had >= 3 or not path.stem.startswith("ch")
    assert not any("Solution" in source.partition("\n")[0] for source in kept)
    used, given = (set().union(*each) for each in zip(*map(names, kept), strict=True))
    assert sorted(used - given - set(dir(builtins)) - {"get_ipython", "__file__"}) == []


def test_a_student_gets_one_variant_and_the_zip_has_one_folder(tmp_path):
    for assignment in assignments():
        (tmp_path / "release" / assignment.name).mkdir(parents=True)
        (tmp_path / "release" / assignment.name / f"{assignment.name}.ipynb").write_text("{}")
    (tmp_path / "release/dct_codec-a/gradebook.db").write_text("names of students")
    path = write_zip(tmp_path / "student-a.zip", student_files(tmp_path, tmp_path, "a"))
    with zipfile.ZipFile(path) as pack:
        assert {Path(name).parts[0] for name in pack.namelist()} == {"student-a"} and not pack.testzip()
        handed = {Path(name).name for name in pack.namelist() if "/assignments/" in name}
        text = b"".join(pack.read(name) for name in pack.namelist() if name.endswith(".ipynb"))
    assert handed == {f"{a.name}.ipynb" for a in assignments() if a.name.endswith("-a")}
    assert b"# Solution" not in text and b"BEGIN SOLUTION" not in text

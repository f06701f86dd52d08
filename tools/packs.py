"""What students and instructors take home: zips of the course that need nothing else to open.

A student's pack has the chapters without solutions and the released assignments of one variant. The instructor's has
the course of nbgrader with solutions and hidden tests, the rubrics, the masters, slides, quizzes and the guide."""

import zipfile
from pathlib import Path

import nbformat
from nbformat.v4 import new_markdown_cell

from tools.assignments import MASTERS, ROOT, assignments

STUDENT = """\
# Learned image compression: your pack

chapters/ holds the book as notebooks. Where an exercise has a figure, you see the figure of its solution as a hint; the
solutions themselves are not here. assignments/ holds one notebook for each assignment, handouts/ the slides of each
session with room for your notes, quizzes/ ten questions a session with folded answers.

You need Python 3.11 or later and the package vcodec with its extra "book": your lecturer says from where. Then run
`jupyter lab` in this folder.
"""
INSTRUCTOR = """\
# Learned image compression: the instructor's pack

nbgrader/       a course of nbgrader: sources with solutions and hidden tests, what is released, and the rubrics
masters/        what the assignments are made from: one Python file for each, both variants
guide/          the pages for lecturers
slides/         six sessions; open them in a browser, the key S shows the notes
handouts/       their slides on paper, eight on a page
figures/        the book's figures as SVG, under CC BY 4.0: for slides of your own
quizzes/        six quizzes, as notebooks and for Moodle (GIFT)

guide/assignments.md says how to release and to grade. Keep this pack where students cannot read.
"""


def shown(cell: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    """The picture that a solution shows, as a text cell, or nothing."""
    pictures = [output.data["image/png"] for output in cell.outputs if "image/png" in output.get("data", {})]
    text = "What the solution shows:\n\n![The figure of the solution](attachment:solution.png)"
    attachments = [{"solution.png": {"image/png": picture}} for picture in pictures[:1]]
    return [new_markdown_cell(text, id=cell.id, attachments=each) for each in attachments]


def without_solutions(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The chapter without the solutions of its exercises and the checks of them, which name them. Changes it."""
    kept, exercises = [], False
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            headings = [line for line in cell.source.splitlines() if line.startswith("## ")]
            exercises = headings[-1] == "## Exercises" if headings else exercises
            kept.append(cell)
        elif cell.source.startswith("# Solution"):
            kept += shown(cell)
        elif not (exercises and "remove-cell" in cell.metadata.get("tags", [])):
            kept.append(cell)
    notebook.cells = kept
    return notebook


def files_below(folder: Path, inside: str) -> dict[str, bytes]:
    """Every file of a folder, by its path in the zip; no database, which would hold students' names."""
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix != ".db"]
    return {f"{inside}/{path.relative_to(folder).as_posix()}": path.read_bytes() for path in paths}


def student_files(course: Path, folder: Path, variant: str) -> dict[str, bytes]:
    """course: of nbgrader, with what it released; folder: where handouts and quizzes lie; variant: as "a"."""
    files = {"README.md": STUDENT.encode()} | files_below(ROOT / "book/_static", "chapters/_static")
    files |= files_below(folder / "handouts", "handouts")
    quizzes = sorted((folder / "quizzes").glob("*.ipynb"))
    files |= {f"quizzes/{path.name}": path.read_bytes() for path in quizzes}
    for path in sorted((ROOT / "book").glob("*.ipynb")):
        chapter = without_solutions(nbformat.read(path, as_version=4))
        files[f"chapters/{path.name}"] = nbformat.writes(chapter).encode()
    for assignment in assignments():
        if assignment.name.endswith(f"-{variant}"):
            files |= files_below(course / "release" / assignment.name, f"assignments/{assignment.name}")
    return files


def instructor_files(course: Path, folder: Path) -> dict[str, bytes]:
    """folder: where slides, handouts, figures and quizzes lie."""
    files = {"README.md": INSTRUCTOR.encode()}
    for name in ("source", "release", "rubrics"):
        files |= files_below(course / name, f"nbgrader/{name}")
    files["nbgrader/nbgrader_config.py"] = (course / "nbgrader_config.py").read_bytes()
    files |= {f"masters/{path.name}": path.read_bytes() for path in sorted(MASTERS.glob("*.py"))}
    files |= {f"guide/{path.name}": path.read_bytes() for path in sorted((ROOT / "book/teaching").glob("*.md"))}
    for name in ("slides", "handouts", "figures", "quizzes"):
        files |= files_below(folder / name, name)
    return files


def write_zip(path: Path, files: dict[str, bytes]) -> Path:
    """One folder with the zip's name, and the files in it."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as pack:
        for name, data in files.items():
            pack.writestr(f"{path.stem}/{name}", data)
    return path


def write_packs(folder: Path, course: Path) -> list[Path]:
    """One for the students of each variant, as student-a.zip, and instructor.zip."""
    variants = sorted({assignment.name.rpartition("-")[2] for assignment in assignments()})
    packs = [
        write_zip(folder / f"student-{variant}.zip", student_files(course, folder, variant)) for variant in variants
    ]
    return [*packs, write_zip(folder / "instructor.zip", instructor_files(course, folder))]

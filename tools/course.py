"""Write what a lecturer takes along from the sources of the course: python -m tools.course [FOLDER]

FOLDER, _build/course unless named, then holds quizzes/session1.gift.txt to session6.gift.txt for Moodle and
session1.ipynb to session6.ipynb,
slides/session1.slides.html to session6.slides.html for a browser, handouts/session1.pdf to session6.pdf, nbgrader/ with
the assignments, and the packs: student-a.zip and student-b.zip, one for each variant of the assignments, and
instructor.zip, with the figures that tools/figures.py has left in figures/."""

import sys
from pathlib import Path

import nbformat

from tools.assignments import write_course
from tools.handouts import write_handouts
from tools.packs import write_packs
from tools.quizzes import gift, notebook, quizzes
from tools.slides import write_slides

ROOT = Path(__file__).parent.parent


def write_quizzes(folder: Path) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for quiz in quizzes():
        written.append(folder / f"session{quiz.number}.gift.txt")
        written[-1].write_text(gift(quiz), encoding="utf-8")
        nbformat.write(notebook(quiz), folder / f"session{quiz.number}.ipynb")
    return written


def main(folder: Path = ROOT / "_build/course") -> None:
    written = write_quizzes(folder / "quizzes")
    print(f"{len(written)} quizzes, as notebooks and for Moodle (GIFT): {folder / 'quizzes'}")
    print(f"{len(write_slides(folder / 'slides'))} sessions as slides: {folder / 'slides'}")
    print(f"{len(write_handouts(folder / 'handouts'))} handouts: {folder / 'handouts'}")
    print("Releasing the assignments with nbgrader, about a minute.", flush=True)
    print(f"{len(write_course(folder / 'nbgrader'))} assignments, two variants of each: {folder / 'nbgrader'}")
    for pack in write_packs(folder, folder / "nbgrader"):
        print(f"{pack} ({pack.stat().st_size / 1e6:.1f} MB)")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]))

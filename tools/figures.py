"""The book's figures as SVG, in one folder with their licence (CC BY): python -m tools.figures [NAME ...]

Runs each chapter from a fresh kernel that draws SVG; no notebook changes. A figure with a number is called
figure-3.1.svg, another one by its chapter and section. Photographs inside a figure stay pixels.
NAME: of a chapter, as ch03_resampler; all unless named, which takes as long as they do."""

import argparse
import os
import re
import shutil
from pathlib import Path

import nbformat

from tools.course_tables import chapters
from tools.notebooks import ROOT, execute
from tools.slide_figures import shown

DIAGRAMS = ["your_codec.svg"]  # drawn by hand
SVG = ["--InlineBackend.figure_formats={'svg'}"]


def figure_files(chapter: str, notebook: nbformat.NotebookNode) -> dict[str, str]:
    """Name and text of each SVG that a chapter has stored."""
    files: dict[str, str] = {}
    for figure in shown(notebook, "image/svg+xml"):
        section = re.sub(r"\W+", "-", figure.heading.lower()).strip("-")
        name = f"figure-{figure.number}" if figure.number else f"{chapter}-{section}"
        copies = sum(re.fullmatch(rf"{re.escape(name)}(-\d+)?\.svg", other) is not None for other in files)
        files[f"{name}{f'-{copies + 1}' if copies else ''}.svg"] = figure.data
    return files


def write_figures(folder: Path, names: list[str]) -> None:
    """names: of chapters. Prints a line for each. The licence comes last: where it lies, all is there."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in DIAGRAMS:
        shutil.copy(ROOT / "book/_static" / name, folder)
    for chapter in names:
        path = ROOT / f"book/{chapter}.ipynb"
        drawn = execute(nbformat.read(path, as_version=4), path.parent, SVG)
        files = figure_files(chapter, drawn)
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")
        print(f"{chapter}: {len(files)} figures", flush=True)
    shutil.copy(ROOT / "book/LICENSE.md", folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--out", type=Path, default=ROOT / "_build/course/figures")
    args = parser.parse_args()
    os.environ["TQDM_DISABLE"] = "1"
    write_figures(args.out, args.names or chapters())


if __name__ == "__main__":
    main()

"""Collect the reader's own codec from the chapters: python tools/collect_parts.py

Writes vcodec/your_codec.py: an import block, then every cell tagged `part`, unchanged, in the order of the chapters.
A test asserts that the file in the repository is what the chapters say."""

import re
from pathlib import Path

import nbformat

ROOT = Path(__file__).parent.parent
MODULE = ROOT / "vcodec/your_codec.py"
HEAD = '''\
"""Your codec, in one file: a small deep codec for gray pictures, built in chapters 2 to 10.

Collected from the chapters by tools/collect_parts.py; change it there. Whole numbers decide
each probability, so a file decodes to the same integers everywhere."""

import struct
import zlib
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

WEIGHTS = Path(__file__).with_suffix(".npz")  # made by build(); its card is the .json
'''


def parts(path: Path) -> list[str]:
    """The sources of a chapter's cells that are tagged `part`."""
    cells = nbformat.read(path, as_version=4).cells
    return [cell.source for cell in cells if "part" in cell.metadata.get("tags", [])]


def collect() -> str:
    """The module's text."""
    text = HEAD
    for path in sorted((ROOT / "book").glob("ch*.ipynb")):
        chapter = int(re.match(r"ch(\d+)", path.name)[1])
        for count, source in enumerate(parts(path)):
            text += "\n\n" if count else f"\n# Chapter {chapter}\n"
            text += f"{source}\n"
    return text


if __name__ == "__main__":
    MODULE.write_text(collect(), encoding="utf-8")

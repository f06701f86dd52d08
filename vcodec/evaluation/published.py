"""The project's own measurements: what `evaluate` wrote into benchmarks/results. Book: chapters 8, 10 and 11."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vcodec.errors import CodecError


def published(pattern: str = "set14-gray-*.json") -> list[dict[str, Any]]:
    """The project's own results: what `evaluate` returned, by the names of the files in benchmarks/results.

    Raises CodecError where no file has such a name."""
    package = Path(__file__).parent.parent
    folders = package / "results", package.parent / "benchmarks/results"  # installed, or a copy of the project
    found = [json.loads(path.read_text()) for folder in folders for path in sorted(folder.glob(pattern))]
    if not found:
        raise CodecError(f"the project has no results called {pattern}")
    return found


def pooled(found: Sequence[dict]) -> tuple[list[dict], list[str]]:
    """Points of several evaluations of the same pictures, each curve once, and the names of all curves."""
    points, curves = [], []
    for result in found:
        new = [curve for curve in result["settings"]["curves"] if curve not in curves]
        points += [point for point in result["points"] if point["curve"] in new]
        curves += new
    return points, curves

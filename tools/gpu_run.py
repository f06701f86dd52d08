"""Run the chapters that train on a GPU and keep what they print: python -m tools.gpu_run

A cell tagged `gpu` trains, or prints what a training has reached. Its output on a CPU stands in the chapter; this
program runs the chapters on a GPU, a minute of training each, and writes what is printed there to
benchmarks/results/gpu.json. The notebooks stay as they are. `python -m tools.tables` makes the table with both columns.
Without a GPU it says so and ends with exit code 2. Everything together has to take less than ten minutes, and it says
when it did not."""

import json
import sys
import time
from pathlib import Path

import nbformat
import torch

from tools.notebooks import ROOT, execute

FILE = ROOT / "benchmarks/results/gpu.json"
LIMIT = 600  # seconds for all chapters
NO_GPU = "This machine has no GPU that PyTorch can use, so nothing was run and nothing was written."


def reported(notebook: nbformat.NotebookNode) -> list[str]:
    """The lines that the last printing cell of those tagged `gpu` has printed, with single spaces."""
    cells = [cell for cell in notebook.cells if "gpu" in cell.metadata.get("tags", [])]
    texts = [output.text for cell in cells for output in cell.outputs if output.output_type == "stream"]
    return [" ".join(line.split()) for text in texts[-1:] for line in text.splitlines()]


def chapters() -> list[Path]:
    """Those with a cell tagged `gpu`."""
    paths = sorted((ROOT / "book").glob("*.ipynb"))
    return [path for path in paths if '"gpu"' in path.read_text(encoding="utf-8")]


def main() -> int:
    if not torch.cuda.is_available():
        print(NO_GPU)
        return 2
    found, begin = {}, time.monotonic()
    for path in chapters():
        start = time.monotonic()
        notebook = execute(nbformat.read(path, as_version=4), path.parent)
        found[path.stem] = {"seconds": round(time.monotonic() - start), "printed": reported(notebook)}
        print(f"{path.stem}: {found[path.stem]['seconds']} s", flush=True)
    machine = {"gpu": torch.cuda.get_device_name(), "torch": torch.__version__}
    FILE.write_text(json.dumps({"machine": machine, "chapters": found}, indent=2) + "\n", encoding="utf-8")
    spent = time.monotonic() - begin
    if spent > LIMIT:
        print(f"All chapters took {spent:.0f} s, which is more than {LIMIT} s.")
    return 0


if __name__ == "__main__":
    sys.exit(main())

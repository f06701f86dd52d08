"""Run chapters from a fresh kernel and store their outputs: python tools/notebooks.py [book/NAME.ipynb ...]

Two runs of an unchanged chapter write the same bytes: no times are stored, progress bars stay silent, and
widgets are numbered in the order in which they appear. Figures are stored without loss in fewer bytes. With --no-run
only the cells that this program writes itself are renewed: the setup cell, from the address in _config.yml, and the
folding of solutions, drawings and checks.
How long each chapter took goes to benchmarks/results/chapters.json.
"""

import base64
import io
import json
import os
import re
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import yaml
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from PIL import Image
from traitlets.config import Config

from tools.setup_cell import setup_source

STATE = "application/vnd.jupyter.widget-state+json"
VIEW = "application/vnd.jupyter.widget-view+json"
REFERENCE = re.compile(r"IPY_MODEL_([0-9a-f]+)")
KERNEL = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
ROOT = Path(__file__).parent.parent
TIMES = ROOT / "benchmarks/results/chapters.json"
# How cells are folded in Colab and in JupyterLab; the site has its tags.
FOLDED = {"cellView": "form", "jupyter": {"source_hidden": True}}
SOLUTION = {"cellView": "form", "collapsed": True, "jupyter": {"source_hidden": True, "outputs_hidden": True}}


def configured() -> tuple[str, str]:
    """Address and branch of the repository, from _config.yml."""
    repository = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))["repository"]
    return repository["url"], repository["branch"]


def dress(notebook: nbformat.NotebookNode, address: str, branch: str) -> None:
    """Put the setup cell before the first code cell and fold what the site folds or leaves out: solutions, code that
    only draws, checks; for Colab and JupyterLab alike."""
    setup = next((cell for cell in notebook.cells if cell.id == "setup"), nbformat.v4.new_code_cell(id="setup"))
    setup.source = setup_source(address, branch)
    setup.metadata = nbformat.from_dict(FOLDED | {"tags": ["remove-cell"]})
    notebook.cells = [cell for cell in notebook.cells if cell is not setup]
    first = next(i for i, cell in enumerate(notebook.cells) if cell.cell_type == "code")
    notebook.cells.insert(first, setup)
    for cell in notebook.cells:
        tags = cell.metadata.get("tags", [])
        if "hide-cell" in tags:  # with its output, which would give it away
            cell.metadata.update(nbformat.from_dict(SOLUTION))
        elif "hide-input" in tags or "remove-cell" in tags:
            cell.metadata.update(nbformat.from_dict(FOLDED))


def number_cells(notebook: nbformat.NotebookNode) -> None:
    """Execution counts as after one run from top to bottom."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]
    for number, cell in enumerate(cells, start=1):
        cell.execution_count = number
        for output in cell.outputs:
            if "execution_count" in output:
                output.execution_count = number


def reachable(state: dict[str, Any], shown: list[str]) -> list[str]:
    """The ids of the models that are shown and of those they refer to, in order of first appearance."""
    order: list[str] = []

    def visit(model_id: str) -> None:
        if model_id in state and model_id not in order:
            order.append(model_id)
            for reference in REFERENCE.findall(json.dumps(state[model_id]["state"], sort_keys=True)):
                visit(reference)

    for model_id in shown:
        visit(model_id)
    return order


def number_widgets(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Drop the state of widgets that no output shows; give the others the ids 0, 1, 2, ..."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    shown = [output.data[VIEW]["model_id"] for output in outputs if VIEW in output.get("data", {})]
    widgets = notebook.metadata.pop("widgets", {}).get(STATE, {"state": {}})
    order = reachable(widgets["state"], shown)
    if not order:
        return notebook
    for model in widgets["state"].values():
        model.get("buffers", []).sort(key=lambda buffer: [str(key) for key in buffer["path"]])
        if "msg_id" in model["state"]:  # of an Output widget: differs from run to run
            model["state"]["msg_id"] = ""
    widgets["state"] = {model_id: widgets["state"][model_id] for model_id in order}
    notebook.metadata["widgets"] = {STATE: widgets}
    numbers = {model_id: f"{number:032x}" for number, model_id in enumerate(order)}
    text = re.sub("|".join(order), lambda found: numbers[found.group()], nbformat.writes(notebook))
    return nbformat.reads(text, as_version=4)


def smaller_png(text: str) -> str:
    """The same pixels in fewer bytes, base64: a palette where 256 colours are enough, no alpha where all is opaque."""
    data = base64.b64decode(text)
    with Image.open(io.BytesIO(data)) as image:
        opaque = image.mode == "RGBA" and image.getextrema()[3] == (255, 255)
        picture = image.convert("RGB" if opaque or image.mode == "RGB" else "RGBA")
        if picture.mode == "RGB" and picture.getcolors(256):
            pixels = np.asarray(picture)
            colours, numbers = np.unique(pixels.reshape(-1, 3), axis=0, return_inverse=True)
            picture = Image.fromarray(numbers.reshape(pixels.shape[:2]).astype(np.uint8))
            picture.putpalette(colours.ravel().tolist())
        buffer = io.BytesIO()
        picture.save(buffer, "PNG", optimize=True, dpi=image.info.get("dpi", (100, 100)))
    return base64.b64encode(min(data, buffer.getvalue(), key=len)).decode()


def shrink_figures(notebook: nbformat.NotebookNode) -> None:
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                output.data["image/png"] = smaller_png(output.data["image/png"])


def note_time(path: Path, seconds: float, file: Path = TIMES) -> None:
    """Keep how long a chapter ran. What differs by less than a quarter is the machine's mood and stays."""
    known = json.loads(file.read_text()) if file.exists() else {}
    if abs(known.get(path.stem, 0) - seconds) > max(2, seconds / 4):
        known[path.stem] = round(seconds)
        file.write_text(json.dumps(known, indent=2, sort_keys=True) + "\n")


def execute(notebook: nbformat.NotebookNode, folder: Path, options: Iterable[str] = ()) -> nbformat.NotebookNode:
    """Run every cell in a fresh kernel that starts in `folder` with these options, and number its widgets."""
    notebook.metadata.pop("widgets", None)
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        extra_arguments=list(options),
        config=Config(KernelManager={"transport_encryption": "auto"}),  # else the kernel warns
        timeout=None,
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(folder)}},
    )
    client.execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # when a cell ran, from an earlier run in JupyterLab
    shrink_figures(notebook)
    notebook.metadata.update(KERNEL)
    return number_widgets(notebook)


def run(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    dress(notebook, *configured())
    start = time.perf_counter()
    notebook = execute(notebook, path.parent)
    seconds = time.perf_counter() - start
    nbformat.write(notebook, path)
    note_time(path, seconds)
    print(f"{path}: {seconds:.0f} s, {path.stat().st_size / 1024:.0f} kB", flush=True)


def renew(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    dress(notebook, *configured())
    number_cells(notebook)
    nbformat.write(notebook, path)


def main() -> None:
    os.environ["TQDM_DISABLE"] = "1"
    arguments = [word for word in sys.argv[1:] if word != "--no-run"]
    paths = [Path(name) for name in arguments] or sorted(Path("book").glob("*.ipynb"))
    for path in paths:
        if "--no-run" in sys.argv:
            renew(path)
            continue
        print(f"Running {path}", flush=True)
        try:
            run(path)
        except CellExecutionError as error:
            sys.exit(f"{path} stopped; it stays as it was.\n{error}")


if __name__ == "__main__":
    main()

"""Run chapters from a fresh kernel and store their outputs: python tools/notebooks.py [book/NAME.ipynb ...]

Two runs of an unchanged chapter write the same bytes: no times are stored, progress bars stay silent, and
widgets are numbered in the order in which they appear. Figures are stored without loss in fewer bytes.
"""

import base64
import io
import json
import os
import re
import sys
import time
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from PIL import Image
from traitlets.config import Config

STATE = "application/vnd.jupyter.widget-state+json"
VIEW = "application/vnd.jupyter.widget-view+json"
REFERENCE = re.compile(r"IPY_MODEL_([0-9a-f]+)")
KERNEL = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


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


def run(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata.pop("widgets", None)
    start = time.perf_counter()
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        config=Config(KernelManager={"transport_encryption": "auto"}),  # else the kernel warns
        timeout=None,
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(path.parent)}},
    )
    client.execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # when a cell ran, from an earlier run in JupyterLab
    shrink_figures(notebook)
    notebook.metadata.update(KERNEL)
    nbformat.write(number_widgets(notebook), path)
    print(f"{path}: {time.perf_counter() - start:.0f} s, {path.stat().st_size / 1024:.0f} kB", flush=True)


def main() -> None:
    os.environ["TQDM_DISABLE"] = "1"
    paths = [Path(name) for name in sys.argv[1:]] or sorted(Path("book").glob("*.ipynb"))
    for path in paths:
        print(f"Running {path}", flush=True)
        try:
            run(path)
        except CellExecutionError as error:
            sys.exit(f"{path} stopped; it stays as it was.\n{error}")


if __name__ == "__main__":
    main()

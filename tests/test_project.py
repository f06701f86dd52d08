"""The project's own papers agree with each other: dependencies, versions, tasks and stored chapters."""

import os
import re
import subprocess
import tomllib
from pathlib import Path

import nbformat
import pytest
import yaml

from tools.notebooks import STATE, VIEW, number_widgets
from tools.tables import tables

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CHAPTERS = sorted((ROOT / "book").glob("*.ipynb"))


def test_environment_yml_repeats_the_dependencies():
    conda = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    pip = next(entry["pip"] for entry in conda if isinstance(entry, dict))
    torch = next(entry.replace("pytorch-cpu", "torch") for entry in conda if "pytorch-cpu" in entry)
    assert sorted([torch, *pip]) == sorted(
        ["-e .", *PROJECT["dependencies"], *PROJECT["optional-dependencies"]["book"]]
    )
    assert f"python{PROJECT['requires-python']}" in conda


def test_the_lock_has_every_dependency():
    def name(requirement: str) -> str:
        return re.split(r"[<>=\[ ]", requirement)[0].lower().replace("_", "-")

    locked = {name(line) for line in (ROOT / "requirements.lock").read_text().splitlines()}
    for requirements in (PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()):
        assert {name(requirement) for requirement in requirements} <= locked


def test_citation_has_the_package_version():
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == PROJECT["version"]


def test_make_alone_lists_every_task():
    makefile = (ROOT / "Makefile").read_text()
    tasks = set(re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[1].split())
    printed = subprocess.run(["make", "-C", str(ROOT)], capture_output=True, text=True, check=True).stdout
    assert set(re.findall(r"^  make ([a-z]+) ", printed, re.MULTILINE)) == tasks
    assert tasks >= {"book", "test", "lab", "notebooks", "serve", "train", "bench", "lock", "clean"}


def test_ci_run_is_executable():
    assert os.access(ROOT / ".ci/run", os.X_OK)


def test_every_chapter_is_in_the_table_of_contents():
    listed = (ROOT / "_toc.yml").read_text()
    assert [chapter.name for chapter in CHAPTERS if f"book/{chapter.stem}\n" not in listed] == []


def test_the_readme_says_what_was_measured():
    text = (ROOT / "README.md").read_text()
    for name, table in tables().items():
        assert f"<!-- table {name} -->\n{table}\n<!-- end -->" in text, "run: python tools/tables.py"


def widget_notebook(ids: list[str]) -> nbformat.NotebookNode:
    """One shown widget, its layout and a widget that nothing shows, stored in the order of their ids."""
    shown, layout, forgotten = ids
    state = {
        shown: {"state": {"layout": f"IPY_MODEL_{layout}"}, "buffers": [{"path": ["b"]}, {"path": ["a"]}]},
        layout: {"state": {}},
        forgotten: {"state": {}},
    }
    cell = nbformat.v4.new_code_cell(id="a")
    cell.outputs = [nbformat.v4.new_output("display_data", {VIEW: {"model_id": shown}})]
    metadata = {"widgets": {STATE: {"state": dict(sorted(state.items()))}}}
    return nbformat.v4.new_notebook(cells=[cell], metadata=metadata)


def test_widget_ids_do_not_depend_on_the_run():
    one, other = (number_widgets(widget_notebook(ids)) for ids in (["a1", "b2", "c3"], ["f9", "e8", "d7"]))
    assert nbformat.writes(one) == nbformat.writes(other)
    assert list(one.metadata.widgets[STATE].state) == [f"{0:032x}", f"{1:032x}"]  # the forgotten one is gone


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
class TestStoredChapter:
    def test_was_run_once_from_top_to_bottom(self, path):
        cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
        counts = [cell.execution_count for cell in cells if cell.source.strip()]
        assert counts == list(range(1, len(counts) + 1)), "run: make notebooks"

    def test_stores_no_error_and_no_warning(self, path):
        for cell in nbformat.read(path, as_version=4).cells:
            for output in cell.get("outputs", []):
                assert output.output_type != "error", output.get("evalue")
                assert "Warning" not in output.get("text", ""), output.text

    def test_is_small_enough_to_read_online(self, path):
        assert path.stat().st_size < 3_000_000

    def test_stores_the_state_of_what_it_shows_and_no_more(self, path):
        notebook = nbformat.read(path, as_version=4)
        outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
        shown = {output.data[VIEW].model_id for output in outputs if VIEW in output.get("data", {})}
        widgets = notebook.metadata.get("widgets", {})
        state = next(iter(widgets.values())).state if widgets else {}
        assert shown <= set(state), "run: make notebooks"
        assert set(state) == {f"{number:032x}" for number in range(len(state))}, "run: make notebooks"

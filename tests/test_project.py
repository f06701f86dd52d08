"""The project's own papers agree with each other: dependencies, versions, tasks and stored chapters."""

import copy
import json
import os
import re
import subprocess
import tomllib
from pathlib import Path

import nbformat
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

import vcodec
from tools.field_tables import field_tables
from tools.metadata import absolute, repository, urls
from tools.notebooks import STATE, TIMES, VIEW, configured, dress, note_time, number_widgets
from tools.site_repairs import mend
from tools.tables import PAGES, tables

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CHAPTERS = sorted((ROOT / "book").glob("*.ipynb"))
ADDRESS = "https://example.org/someone/vcodec"


def test_environment_yml_repeats_the_dependencies():
    conda = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    pip = next(entry["pip"] for entry in conda if isinstance(entry, dict))
    torch = next(entry.replace("pytorch-cpu", "torch") for entry in conda if "pytorch-cpu" in entry)
    extras = PROJECT["optional-dependencies"]
    book = [*extras["widgets"], *(entry for entry in extras["book"] if entry != "vcodec[widgets]")]
    assert sorted([torch, *pip]) == sorted(["-e .", *PROJECT["dependencies"], *book])
    (python,) = (entry for entry in conda if isinstance(entry, str) and entry.startswith("python="))
    assert python.removeprefix("python=") in SpecifierSet(PROJECT["requires-python"])


def test_the_lock_has_a_version_of_every_dependency_that_is_allowed():
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    locked = dict(line.lower().replace("_", "-").split("==") for line in lines if "==" in line)
    for requirements in (PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()):
        for wanted in map(Requirement, requirements):
            name = wanted.name.lower().replace("_", "-")
            assert name == "vcodec" or locked.get(name) in wanted.specifier, wanted


def test_every_dependency_has_a_lower_bound():
    lists = PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()
    entries = {entry for entries in lists for entry in entries} - {"vcodec[widgets]"}
    assert [entry for entry in entries if not re.search(r"[>=]=\d", entry)] == []


def test_citation_has_the_package_version():
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == vcodec.__version__


def test_the_package_finds_the_one_address_and_its_readme_leads_there():
    readme = (ROOT / "README.md").read_text()
    where = repository((ROOT / "_config.yml").read_text())
    assert where == configured() and absolute(readme, "", "main") == readme and urls("", "main") == {}
    given = repository((ROOT / "_config.yml").read_text().replace('url: ""', f'url: "{ADDRESS}/"'))
    assert given == (ADDRESS, "main") and urls(*given)["Issues"] == f"{ADDRESS}/issues"
    links = re.findall(r"\]\(([^)]*)\)", absolute(readme, *given))
    assert f"{ADDRESS}/raw/main/book/_static/cover.png" in links and f"{ADDRESS}/blob/main/LICENSE" in links
    assert [link for link in links if not link.startswith("https://")] == []


def test_make_alone_lists_every_task():
    makefile = (ROOT / "Makefile").read_text()
    tasks = set(re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[1].split())
    printed = subprocess.run(["make", "-C", str(ROOT)], capture_output=True, text=True, check=True).stdout
    assert set(re.findall(r"^  make ([a-z-]+) ", printed, re.MULTILINE)) == tasks
    assert tasks >= {"book", "test", "lab", "notebooks", "serve", "train", "bench", "lock", "clean"}


def test_ci_run_is_executable():
    assert os.access(ROOT / ".ci/run", os.X_OK)


def test_every_chapter_is_in_the_table_of_contents():
    listed = (ROOT / "_toc.yml").read_text()
    assert [chapter.name for chapter in CHAPTERS if f"book/{chapter.stem}\n" not in listed] == []


def test_the_readme_and_the_first_page_say_what_was_measured():
    texts = [path.read_text() for path in PAGES]
    for name, table in (tables() | field_tables()).items():
        marked = [text for text in texts if f"<!-- table {name} -->" in text]
        assert marked, f"no page has the table {name}"
        for text in marked:
            assert f"<!-- table {name} -->\n{table}\n<!-- end -->" in text, "run: python -m tools.tables"


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


def test_every_entry_of_the_bibliography_is_there_once_and_can_be_found():
    entries = re.split(r"^@", (ROOT / "book/references.bib").read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    keys = [re.match(r"\w+\{([^,]+),", entry)[1] for entry in entries]
    titles = [re.sub(r"\W", "", re.search(r"\btitle\s*=\s*(.*)", entry)[1]).lower() for entry in entries]
    assert sorted(set(keys)) == sorted(keys) and sorted(set(titles)) == sorted(titles)
    assert [entry for entry in entries if not re.search(r"\burl\b|\bdoi\b|arXiv|\bisbn\b", entry)] == []


def test_drawings_and_checks_are_folded_and_solutions_with_what_they_print():
    cells = [nbformat.v4.new_code_cell(id=tag, metadata={"tags": [tag]}) for tag in ("hide-input", "remove-cell")]
    cells += [nbformat.v4.new_code_cell(id="hide-cell", metadata={"tags": ["hide-cell"]}), nbformat.v4.new_code_cell()]
    notebook = nbformat.v4.new_notebook(cells=cells)
    dress(notebook, "", "main")
    _setup, drawing, check, solution, lesson = (cell.metadata.get("jupyter", {}) for cell in notebook.cells)
    assert drawing == check == {"source_hidden": True} and lesson == {}
    assert solution == {"source_hidden": True, "outputs_hidden": True}


def test_the_site_calls_what_is_folded_by_its_name():
    page = '<p class="collapsed admonition-title">Show the {}</p>'
    assert mend(page.format("source")) == page.format("code")
    assert mend(page.format("content")) == page.format("solution")


def test_times_are_renewed_only_when_they_say_something_new(tmp_path):
    file = tmp_path / "times.json"
    for chapter, seconds, known in (("b", 40, 40), ("a", 9, 9), ("b", 45.2, 40), ("b", 60.4, 60)):
        note_time(Path(f"book/{chapter}.ipynb"), seconds, file)
        assert json.loads(file.read_text())[chapter] == known
    assert file.read_text().splitlines()[1] == '  "a": 9,'


def test_no_chapter_takes_longer_than_a_reader_waits():
    times = json.loads(TIMES.read_text())
    assert set(times) <= {path.stem for path in CHAPTERS}, "run: make notebooks"
    assert max(times.values()) <= 150 and sum(times.values()) < 900


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
class TestStoredChapter:
    def test_was_run_once_from_top_to_bottom(self, path):
        cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
        counts = [cell.execution_count for cell in cells if cell.source.strip()]
        assert counts == list(range(1, len(counts) + 1)), "run: make notebooks"

    def test_is_set_up_and_folded_as_the_tool_does_it(self, path):
        notebook = nbformat.read(path, as_version=4)
        again = copy.deepcopy(notebook)
        dress(again, *configured())
        assert again == notebook, "run: .venv/bin/python tools/notebooks.py --no-run"

    def test_starts_with_its_number_and_question_and_has_named_cells(self, path):
        cells = nbformat.read(path, as_version=4).cells
        number = re.match(r"ch(\d+)_", path.stem)
        assert cells[0].source.startswith(f"# {int(number[1])}. " if number else "# ") and "\n**" in cells[0].source
        assert len({cell.id for cell in cells}) == len(cells)

    def test_solutions_are_the_hidden_cells_and_assert_something(self, path):
        cells = nbformat.read(path, as_version=4).cells
        hidden = [cell.source for cell in cells if "hide-cell" in cell.metadata.get("tags", [])]
        # JupyterLab shows the first line of what is folded: it must not give the rest away.
        solutions = [cell.source for cell in cells if re.match(r"# Solution \d+\n", cell.source)]
        assert solutions or path.stem == "gallery"  # which has figures to try instead of exercises
        assert hidden == solutions and all("assert " in source for source in solutions)

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

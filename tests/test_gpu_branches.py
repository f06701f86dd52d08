"""Would the chapters run on a GPU? Their training cells as a GPU runs them, two small steps on a CPU each."""

import ast
import json
import symtable
from collections.abc import Iterator

import nbformat
import pytest
from IPython.display import DisplayHandle

import vcodec.training
from tools import gpu_run
from tools.tables import gpu
from vcodec.training import Budget, Steps

CHAPTERS = gpu_run.chapters()


class Pretended(Budget):
    """A GPU's budget whose loops end after two steps: the one place where these tests save time."""

    def steps(self, on_cpu: int, share: float = 1.0, on_gpu: int | None = None) -> Steps:
        return Steps(2)


def names(source: str) -> tuple[set[str], set[str]]:
    """Names that a cell gives to the notebook, and those that it takes from cells before it."""
    made, taken = set[str](), set[str]()
    for statement in ast.parse(source).body:
        top = symtable.symtable(ast.unparse(statement), "cell", "exec")
        tables = [top]
        for table in tables:
            tables += table.get_children()
            used = [s for s in table.get_symbols() if s.is_referenced() and (table is top or s.is_global())]
            taken |= {s.get_name() for s in used} - made
        made |= {s.get_name() for s in top.get_symbols() if s.is_assigned() or s.is_imported() or s.is_namespace()}
    return made, taken


def needed(notebook: nbformat.NotebookNode) -> Iterator[str]:
    """The cells tagged `gpu` and all that they need, directly or not, in order."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    cells = [cell for cell in cells if not {"remove-cell", "hide-cell"} & set(cell.metadata.get("tags", []))]
    wanted, chosen = set(), []
    for cell in reversed(cells):
        made, taken = names(cell.source)
        if "gpu" in cell.metadata.get("tags", []) or made & wanted:
            wanted = wanted - made | taken
            chosen.append(cell.source)
    return reversed(chosen)


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_the_training_cells_run_with_what_a_gpu_is_given(path, monkeypatch, single_precision):
    plan = Pretended("cpu", True, 1e-4, "tiny", 2, 64)
    monkeypatch.setattr(vcodec.training, "budget", lambda *_, **__: plan)
    monkeypatch.setattr(DisplayHandle, "update", lambda *_: None)
    place = {"display": lambda *_, **__: DisplayHandle(), "__name__": "__main__"}
    for source in needed(nbformat.read(path, as_version=4)):
        source = source.replace("from IPython.display import display\n", "")
        exec(compile(source, path.stem, "exec"), place)
    assert place["plan"] is plan


def test_the_tool_says_that_there_is_no_gpu(monkeypatch, capsys):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert gpu_run.main() == 2 and capsys.readouterr().out == gpu_run.NO_GPU + "\n"


def test_the_table_shows_both_or_says_what_is_missing(tmp_path):
    assert "not measured" in gpu(tmp_path / "missing.json")
    printed = {"ch04_quantiser": {"seconds": 9, "printed": ["trained through STE +2.25 dB"]}}
    (tmp_path / "gpu.json").write_text(json.dumps({"machine": {"gpu": "one"}, "chapters": printed}))
    row = next(line for line in gpu(tmp_path / "gpu.json").splitlines() if "quantiser" in line)
    assert "+1.72 dB" in row and "+2.25 dB" in row

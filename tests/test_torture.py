"""A small part of `make torture`."""

import json

import numpy as np
import pytest

from benchmarks.foreign import FORMATS
from tools import mutants, tables, torture
from vcodec.images import write_file


@pytest.mark.parametrize("name", mutants.FORMATS)
def test_damaged_files_are_refused_or_decoded_and_nothing_else_happens(name):
    found, bad = mutants.mutations(name, 0, 60)
    assert sum(found.values()) == 60 and found["refused"] > 10
    assert found["crashed"] == 0, bad


def test_a_mutant_differs_and_an_unharmed_file_has_the_right_size():
    for name in mutants.FORMATS:
        assert {mutants.outcome(name, data) for data in mutants.files(name)} == {"right size"}
    data, other = mutants.files("dnnc")
    made = [mutants.mutant(data, other, np.random.default_rng(seed)) for seed in range(40)]
    assert sum(m != data for m in made) > 35 and len(set(made)) > 35


@pytest.mark.parametrize("name", mutants.FORMATS)
def test_a_file_cut_anywhere_is_refused_in_one_sentence_or_decoded(name):
    """JPEG 2000 cut behind the first byte of a marker was an IndexError."""
    data = mutants.files(name)[0]
    outcomes = {mutants.outcome(name, data[:length]) for length in range(len(data) // 2)}
    assert outcomes <= {"refused", "right size"}


@pytest.mark.parametrize("name", mutants.bombs())
def test_a_bomb_is_refused(name):
    outcome, _ = torture.bomb(name)
    assert outcome == "refused"


def test_a_full_disk_is_told_from_a_broken_file(tmp_path):
    path = tmp_path / "x"
    assert torture.full_disks(lambda: write_file(path, bytes(999)), path, 3) == {"refused": 3, "broken": 0}
    assert (
        torture.full_disks(lambda: path.write_bytes(bytes(999)) if not path.exists() else None, path, 2)["broken"] == 2
    )


def test_weights_survive_full_disks(tmp_path):
    assert {name: row["broken"] for name, row in torture.all_disks(0.03, tmp_path).items()} == {
        "picture": 0,
        "checkpoint": 0,
        "weights": 0,
    }


def test_the_page_holds_the_table_of_the_last_run():
    text = (tables.ROOT / "book/what_we_tried.md").read_text()
    assert tables.torture() in text
    found = json.loads((tables.RESULTS / "torture.json").read_text())
    assert set(found["mutations"]) == set(mutants.FORMATS) and not torture.broken(found)


def test_the_page_holds_the_matrix_of_other_programs_files_and_none_is_made_worse():
    assert tables.foreign() in (tables.ROOT / "book/what_we_tried.md").read_text()
    cases = json.loads((tables.RESULTS / "foreign.json").read_text())["cases"]
    assert len(cases) == 5 * 6 * 6 * 2 and {case["format"] for case in cases} == set(FORMATS)
    assert all(case["change"]["now"] >= -0.1 if "change" in case else not case["changed"]["now"] for case in cases)

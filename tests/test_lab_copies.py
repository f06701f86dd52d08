"""Does a reader's work in JupyterLab leave the project alone, and does `make lab` leave the reader's work alone?"""

import pytest

from tools.lab import renew


@pytest.fixture
def book(tmp_path):
    folder = tmp_path / "book"
    (folder / "_static").mkdir(parents=True)
    (folder / ".ipynb_checkpoints").mkdir()
    (folder / "teaching/source").mkdir(parents=True)
    (folder / "teaching/source/solved.py").write_text("solved")
    for name in ("one.ipynb", "two.ipynb", "_static/logo.svg", ".ipynb_checkpoints/one.ipynb"):
        (folder / name).write_text("first")
    return folder


def test_copies_follow_the_book_until_a_reader_changes_them(book, tmp_path):
    lab = tmp_path / "lab"
    assert renew(book, lab) == [] and (lab / "_static/logo.svg").read_text() == "first"
    assert not (lab / ".ipynb_checkpoints").exists() and not (lab / "teaching").exists()
    (lab / "one.ipynb").write_text("mine")
    assert renew(book, lab) == []  # the chapter has not changed: nothing to say
    for name in ("one.ipynb", "two.ipynb"):
        (book / name).write_text("second")
    for _ in range(2):  # and again: what was said once stays true
        assert renew(book, lab) == ["one.ipynb"]
        assert [(lab / name).read_text() for name in ("one.ipynb", "two.ipynb")] == ["mine", "second"]
    assert (book / "one.ipynb").read_text() == "second"


def test_deleting_a_copy_brings_the_chapter_back(book, tmp_path):
    lab = tmp_path / "lab"
    renew(book, lab)
    (lab / "one.ipynb").write_text("mine")
    (lab / "one.ipynb").unlink()
    assert renew(book, lab) == [] and (lab / "one.ipynb").read_text() == "first"

"""Many pictures by one command: all that can be is encoded, and each that cannot is named."""

import os
from pathlib import Path

import pytest

from vcodec.cli import main
from vcodec.images import load_image, save_image

pytestmark = pytest.mark.usefixtures("own_folder_and_signals")


@pytest.fixture
def encode(weights, photo):
    """A folder of two pictures, a hidden file and a note; one picture beside it; and the command."""
    os.mkdir("set")
    for name in ("set/a.png", "set/b.jpg", "c.png"):
        save_image(name, photo[:40, :48])
    Path("set/._a.png").write_bytes(b"\0\5\x16\7")
    Path("set/notes.txt").write_text("no picture")
    common = ["--quality", "20", "--passes", "0", "--scale", "1", "--weights", str(weights)]
    return lambda *words: main(["encode", *words, *common])


def test_a_folder_and_a_file_in_one_go(encode, capsys):
    assert encode("set", "c.png", "--out-dir", "new/out", "--format", "webp") == 0
    assert sorted(os.listdir("new/out")) == ["a.webp", "b.webp", "c.webp"]
    assert load_image("new/out/c.webp").shape == (40, 48, 3)
    assert capsys.readouterr().out == "new/out: 3 pictures\n"


def test_what_a_folder_run_skips_is_named_but_for_hidden_files(encode, caplog):
    """Among these are those that macOS leaves beside each file on other disks (AppleDouble)."""
    assert encode("set", "--out-dir", "out", "--format", "jpg") == 0
    assert "not pictures, and skipped: notes.txt" in caplog.text and "._a.png" not in caplog.text
    assert sorted(os.listdir("out")) == ["a.jpg", "b.jpg"]


def test_each_failure_has_a_line_and_the_others_are_done(encode, capsys):
    Path("bad.png").write_text("no picture")
    assert encode("bad.png", "missing.png", "c.png", "--out-dir", "out", "--format", "jpg") == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("vcodec: ")]
    assert os.listdir("out") == ["c.jpg"] and len(lines) == 3
    assert "bad.png is not an image" in lines[0] and "missing.png" in lines[1] and "2 of 3 pictures" in lines[2]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [(["set", "--out-dir", "out"], "--format jpg"), (["c.png"], "or pictures and --out-dir"),
     (["set", "set/a.png", "a.png", "--out-dir", "out", "--format", "jpg"], "would both become"),
     (["set", "--out-dir", "out", "--format", "png"], "must end in one of"),
     (["empty", "--out-dir", "out", "--format", "jpg"], "holds no images")],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused_before_anything_is_written(words, sentence, encode, capsys):
    os.mkdir("empty")
    assert encode(*words) == 2
    assert sentence in capsys.readouterr().err and not os.path.exists("out")


def test_a_picture_is_never_overwritten_by_its_own_file(encode, capsys):
    before = Path("set/b.jpg").read_bytes()
    assert encode("set/b.jpg", "--out-dir", "set", "--format", "jpg") == 2
    assert "the input itself" in capsys.readouterr().err and Path("set/b.jpg").read_bytes() == before

"""Standard input and output, and what terminals, pipes and disks do to a program's words and files."""

import errno
import io
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock

import numpy as np
import pytest

from vcodec import images
from vcodec.cli import main
from vcodec.errors import CodecError
from vcodec.images import check_output, load_image, read_file, save_image
from vcodec.metrics import psnr
from vcodec.standard import TUNED_JPEG

pytestmark = pytest.mark.usefixtures("own_folder_and_signals")
FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def piped(monkeypatch, data: bytes, *arguments) -> int:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(data)))
    return main([str(argument) for argument in arguments])


def test_a_dash_is_standard_input_and_output(photo, weights, monkeypatch, capsysbinary):
    use = ["--weights", weights]
    save_image("cat.png", photo)
    assert piped(monkeypatch, read_file("cat.png"), "encode", "-", "-", "--quality", 30, "--format", "jpg", *use) == 0
    file, words = capsysbinary.readouterr()
    assert words.startswith(b"standard output: %d bytes" % len(file))
    assert main(["encode", "cat.png", "cat.jpg", "--quality", "30", *map(str, use)]) == 0
    assert file == read_file("cat.jpg") and capsysbinary.readouterr().err == b""
    assert piped(monkeypatch, file, "info", "-") == 0
    assert b"scic-jpeg" in capsysbinary.readouterr().out
    assert piped(monkeypatch, file, "decode", "-", "-", *use) == 0
    restored = load_image(capsysbinary.readouterr().out)
    assert restored.shape == photo.shape and psnr(restored, photo) > 25
    assert sorted(os.listdir()) == ["cat.jpg", "cat.png"]


def test_standard_output_needs_a_format_and_a_file_takes_none(cat, weights, capsys):
    for out, options, words in (("-", [], "say its format"), ("a.jpg", ["--format", "webp"], "what its suffix says")):
        assert main(["encode", cat, out, "--quality", "9", "--weights", str(weights), *options]) == 2
        assert words in capsys.readouterr().err
    assert os.listdir() == [cat]


def test_an_empty_standard_input_is_called_by_its_name(monkeypatch, capsys):
    assert piped(monkeypatch, b"", "encode", "-", "out.jpg", "--quality", 9) == 2
    assert capsys.readouterr().err == "vcodec: standard input is empty\n"


def test_a_full_device_gets_one_sentence_and_a_closed_pipe_silence():
    command = [sys.executable, "-m", "vcodec", "--version"]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2 and done.stderr == f"vcodec: {FULL.strerror}\n"
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(write)
    assert done.returncode == 0 and done.stderr == ""


def test_a_name_that_the_terminal_cannot_show_is_printed_with_escapes(cat, weights, monkeypatch):
    terminal, name = io.TextIOWrapper(io.BytesIO(), "ascii"), os.fsdecode(b"\xc3\xa9t\xc3\xa9-\xff.jpg")
    monkeypatch.setattr(sys, "stdout", terminal)
    assert main(["encode", cat, name, "--quality", "9", "--passes", "0", "--weights", str(weights)]) == 0
    terminal.seek(0)
    assert terminal.read().startswith("\\xe9t\\xe9-\\udcff.jpg: ") and os.path.exists(name)


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="files without a disk are Linux's")
def test_encoders_write_no_picture_into_the_folder_for_temporary_files(photo, monkeypatch):
    monkeypatch.setattr(tempfile, "mkdtemp", Mock(side_effect=FULL))
    assert load_image(TUNED_JPEG.encode(photo, 30)).shape == photo.shape


@pytest.mark.parametrize("full", ["mkdtemp", "NamedTemporaryFile"])  # ours; that of jpeglib, which stays empty
def test_where_they_must_a_full_disk_gets_one_sentence(full, photo, monkeypatch):
    monkeypatch.delattr(os, "memfd_create", raising=False)
    assert load_image(TUNED_JPEG.encode(photo, 30)).shape == photo.shape
    monkeypatch.setattr(tempfile, full, Mock(side_effect=FULL))
    with pytest.raises(CodecError, match="temporary file"):
        TUNED_JPEG.encode(photo, 30)


def test_a_folder_that_cannot_be_written_is_refused_before_the_work(monkeypatch):
    monkeypatch.setattr(images.os, "access", Mock(return_value=False))
    with pytest.raises(CodecError, match="may be written"):
        check_output(Path("out.jpg"))


@pytest.mark.parametrize("suffix", [".jpg", ".webp", ".avif", ".heic", ".jp2"])
def test_a_restored_picture_is_hardly_changed_by_the_format_it_is_saved_in(suffix, photo):
    save_image(f"out{suffix}", photo)
    saved = load_image(f"out{suffix}")
    assert np.array_equal(saved, photo) if suffix in (".webp", ".jp2") else psnr(saved, photo) > 42

"""What does `make test` do about programs that are missing: install them where it may, name them where it may not?"""

import os
import subprocess

import pytest

from tools import programs

NAMES = [need.program for need in programs.NEEDS]


def test_another_program_of_the_same_name_does_not_count(tmp_path, monkeypatch):
    for words, expected in (("Identifies a disk.", False), ("Version: ImageMagick 6.9", True)):
        (tmp_path / "identify").write_text(f"#!/bin/sh\necho '{words}'\n")
        (tmp_path / "identify").chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
        assert programs.is_there("identify") == expected


@pytest.fixture
def bare(monkeypatch):
    """A machine with none of the programs, and the commands that would have been run there; all of them fail."""
    calls: list[list[str]] = []

    def run(call, **_):
        calls.append(call)
        return subprocess.CompletedProcess(call, 100, "", "no such package\n")

    monkeypatch.setattr(programs, "is_there", lambda program: False)
    monkeypatch.setattr(programs.subprocess, "run", run)
    return calls


@pytest.mark.parametrize("manager", [*programs.INSTALL, None])
def test_who_may_not_install_is_told_what_is_missing_what_brings_it_and_what_is_left_out(
    bare, manager, monkeypatch, capsys
):
    monkeypatch.setattr(programs, "may_install", lambda: False)
    monkeypatch.setattr(programs.shutil, "which", lambda name: name if name == manager else None)
    monkeypatch.setattr(programs.sys, "argv", ["programs"])
    assert programs.main() == 0 and bare == []
    lines = capsys.readouterr().out.splitlines()
    for line, need in zip(lines, programs.NEEDS, strict=True):
        assert line.startswith(f"{need.program} is missing: ") and line.endswith(f": {need.checks}.")
        assert manager is None or f"`{programs.INSTALL[manager]} {need.packages[manager]}`" in line


def test_root_on_debian_installs_each_and_is_told_what_failed(bare, monkeypatch, capsys):
    monkeypatch.setattr(programs, "may_install", lambda: True)
    monkeypatch.setattr(programs.sys, "argv", ["programs", "--strict"])
    assert programs.main() == 1
    assert [call[:2] for call in bare] == [["apt-get", "update"], *[["apt-get", "install"]] * len(NAMES)]
    printed = capsys.readouterr()
    assert printed.err.count("no such package") == len(bare)
    assert [line.split()[0] for line in printed.out.splitlines()] == ["Installing", *NAMES]

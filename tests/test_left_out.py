"""Does the count of checks that were left out say each, with its reason, and is only the GPU's excused?"""

import os
import subprocess
import sys

import pytest

from tools import left_out

TESTS = """\
import pytest

@pytest.mark.skipif({reason!r} != "", reason={reason!r})
@pytest.mark.parametrize("number", [1, 2])
def test_one(number): pass

@pytest.mark.skipif(True, reason="no GPU; files do not depend on one")
def test_two(): pass

@pytest.mark.xfail(reason="known")
def test_three(): raise ValueError
"""


@pytest.fixture
def stamp(tmp_path, monkeypatch, capsys):
    """What the tool prints of a run that leaves a GPU's test out, and two others for a reason where there is one."""

    def run(reason: str, *options: str) -> str:
        (tmp_path / "test_it.py").write_text(TESTS.format(reason=reason))
        call = [sys.executable, "-m", "pytest", "-q", "--junitxml=report.xml", "--rootdir=."]
        bare = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        subprocess.run(call, cwd=tmp_path, env=bare, capture_output=True, check=True)
        monkeypatch.setattr(left_out.sys, "argv", ["left_out", str(tmp_path / "report.xml"), *options])
        left_out.main()
        return capsys.readouterr().out

    return run


def test_every_check_left_out_counts_and_an_expected_failure_does_not(stamp):
    assert stamp("no Chromium found; a page needs one").endswith("; 3 left out: no Chromium found (2), no GPU (1)\n")


def test_strict_excuses_the_gpu_alone(stamp):
    assert stamp("", "--strict").endswith("; 1 left out: no GPU (1)\n")
    with pytest.raises(SystemExit, match=r"no GPU is needed for: 2 left out: no such program \(2\)\.$"):
        stamp("no such program", "--strict")

"""Does the wheel work where there is no checkout: the README's round trip, and types for a user's mypy?"""

import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tools.downloads import build_wheel

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parent.parent

USER = """import vcodec
data: bytes = vcodec.load("scic-jpeg").encode(b"", quality=10)
words: str = vcodec.load("scic-jpeg").decode(data)
"""
# The types of these libraries are their own affair, and take a minute to read.
MYPY = """[mypy-torch.*,scipy.*,skimage.*,matplotlib.*]
follow_imports = skip
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory) -> Path:
    """The Python of an environment that holds the wheel, and finds what it depends on among what is installed here.

    A line of a .pth file adds a folder and reads no .pth file in it, so that the checkout stays out of reach."""
    folder = tmp_path_factory.mktemp("wheel")
    wheel = build_wheel(folder)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "env"], check=True)
    python = folder / "env/bin/python"
    install = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index", wheel]
    subprocess.run(install, check=True, env=os.environ | {"PIP_DISABLE_PIP_VERSION_CHECK": "1"})
    (packages,) = (folder / "env/lib").glob("python*/site-packages")
    (packages / "here.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


def outside(command: list, folder: Path) -> subprocess.CompletedProcess:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment)


def test_the_readmes_round_trip_runs_where_there_is_no_checkout(python, tmp_path):
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    small = code.replace('embedded("astronaut")', 'embedded("astronaut")[40:168, 150:310]')
    assert small != code
    code = f"{small}\nprint(vcodec.__file__, data[:2].hex(), restored.shape)"
    done = outside([python, "-c", code], tmp_path)
    assert done.returncode == 0, done.stderr
    file, start, shape = done.stdout.splitlines()[-1].split(maxsplit=2)
    assert Path(file).is_relative_to(python.parent.parent) and (start, shape) == ("ffd8", "(128, 160, 3)")
    assert outside([python.parent / "vcodec", "--version"], tmp_path).stdout.startswith("vcodec ")


def test_mypy_sees_the_types_of_the_wheel(python, tmp_path):
    (tmp_path / "user.py").write_text(USER)
    (tmp_path / "mypy.ini").write_text(MYPY)
    done = outside([sys.executable, "-m", "mypy", "--strict", "--python-executable", python, "user.py"], tmp_path)
    lines = {line.split(":")[1] for line in done.stdout.splitlines() if ": error:" in line}
    assert lines == {"2", "3"}, done.stdout

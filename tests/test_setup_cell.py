"""The chapters' first code cell: what does it do where vcodec is there, on Colab, and elsewhere?"""

import importlib.util
import subprocess
import sys
import types
import zipfile

import pytest

from tools.downloads import build_wheel, chapter_files
from tools.setup_cell import setup_source

ADDRESS = "https://example.org/someone/vcodec"
WHEEL = "vcodec-0.1.0-py3-none-any.whl"


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    """The folder of the notebook, empty, on a machine without vcodec."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    return tmp_path


@pytest.fixture
def asked(monkeypatch) -> list[list[str]]:
    """The commands that the setup cell starts; none of them runs, and each ends well."""
    commands: list[list[str]] = []

    def start(command, **_):
        commands.append(command)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", start)
    return commands


def play_colab(monkeypatch, chosen: dict[str, bytes]) -> None:
    """A stand-in for Colab's module of uploads, whose dialog saves and returns the chosen files: name -> bytes."""
    colab = types.ModuleType("google.colab")
    colab.files = types.SimpleNamespace(upload=lambda: chosen)
    monkeypatch.setitem(sys.modules, "google", types.ModuleType("google"))
    monkeypatch.setitem(sys.modules, "google.colab", colab)


def test_it_does_nothing_where_the_package_is(asked, monkeypatch, capsys):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    for address in ("", ADDRESS):
        exec(setup_source(address), {})
    assert asked == [] and capsys.readouterr() == ("", "")


@pytest.mark.parametrize("address", ["", ADDRESS])
def test_it_is_no_longer_than_a_cell_may_be(address):
    lines = setup_source(address).splitlines()
    assert len(lines) <= 30 and max(map(len, lines)) <= 96 + len(address)


def test_it_installs_from_the_one_address(asked, capsys):
    exec(setup_source(ADDRESS + "/", "main"), {})
    (command,) = asked
    assert command[:4] == [sys.executable, "-m", "pip", "install"]
    assert command[-1] == f"vcodec[widgets] @ git+{ADDRESS}@main"
    assert ADDRESS in capsys.readouterr().out


@pytest.mark.parametrize("address", ["", ADDRESS])
def test_a_wheel_beside_the_notebook_comes_first(asked, folder, address):
    (folder / WHEEL).touch()
    exec(setup_source(address), {})
    assert asked[0][-1] == f"{WHEEL}[widgets]"


@pytest.mark.parametrize("name", [WHEEL, WHEEL.replace(".whl", " (1).whl")], ids=["once", "downloaded twice"])
def test_on_colab_without_an_address_it_installs_what_it_is_given(asked, monkeypatch, capsys, folder, name):
    play_colab(monkeypatch, {name: b"the package"})
    exec(setup_source(""), {})
    assert (folder / WHEEL).read_bytes() == b"the package"
    assert asked[0][-1] == f"{WHEEL}[widgets]"
    assert "Choose the file vcodec-" in capsys.readouterr().out


@pytest.mark.parametrize("chosen", [{}, {"cat.jpg": b""}], ids=["cancelled", "another file"])
def test_on_colab_without_a_wheel_it_says_what_to_do(asked, monkeypatch, chosen):
    play_colab(monkeypatch, chosen)
    with pytest.raises(ModuleNotFoundError, match=r"put vcodec-.*run this cell again\.$"):
        exec(setup_source(""), {})
    assert asked == []


def test_elsewhere_without_an_address_it_says_what_to_do(asked):
    with pytest.raises(ModuleNotFoundError, match=r"put vcodec-.*'Setting up' beside this notebook"):
        exec(setup_source(""), {})
    assert asked == []


def test_it_repeats_what_pip_complained_of(monkeypatch):
    def complain(command, **_):
        return subprocess.CompletedProcess(command, 1, "", "no disk\n")

    monkeypatch.setattr(subprocess, "run", complain)
    with pytest.raises(RuntimeError, match=f"{ADDRESS}@main: no disk$"):
        exec(setup_source(ADDRESS), {})


@pytest.mark.slow
def test_the_wheel_that_the_site_offers_can_be_installed_and_imported(monkeypatch, folder):
    wheel = build_wheel(folder)
    play_colab(monkeypatch, {wheel.name: wheel.read_bytes()})
    monkeypatch.setenv("PIP_NO_DEPS", "1")
    monkeypatch.setenv("PIP_TARGET", str(folder / "installed"))
    exec(setup_source(""), {})
    script = f"import sys; sys.path.insert(0, {str(folder / 'installed')!r}); import vcodec; print(vcodec.__file__)"
    done = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(str(folder / "installed"))
    with zipfile.ZipFile(wheel) as opened:
        names = opened.namelist()
    assert "vcodec/weights/scic-jpeg-x2.safetensors" in names


def test_the_zip_has_every_chapter():
    names = set(chapter_files())
    assert {"ch01_pictures_bits_damage.ipynb", "quick_tour.ipynb", "README.md", "LICENSE.md"} <= names

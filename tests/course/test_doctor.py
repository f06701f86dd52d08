"""Does the doctor say what is there, what is missing, and how long the chapters take?"""

import json
import re
from pathlib import Path

import pytest

from tools import foretold
from vcodec.cli import main
from vcodec.course import doctor

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.usefixtures("own_folder_and_signals")


@pytest.fixture
def healthy(monkeypatch):
    """A machine like the one where the chapters were measured."""
    monkeypatch.setattr(doctor, "measured", lambda device: doctor.reference())
    monkeypatch.setattr(doctor, "gpu", lambda: "")
    monkeypatch.setattr(doctor, "memory", lambda: 8.0)
    monkeypatch.setattr(doctor, "browser", lambda: "/usr/bin/browser")
    monkeypatch.setattr(doctor, "packages", lambda: ({"torch": "2.9", "numpy": "2.0"}, []))


def test_on_the_machine_of_the_measurements_chapters_take_what_was_measured(healthy, capsys):
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    seconds = json.loads((ROOT / "benchmarks/results/chapters.json").read_text())
    for name, value in seconds.items():
        assert re.search(rf"^  {name} +{value / 60:.1f}$", out, re.MULTILINE), name
    assert out.endswith("Nothing is missing.\n")


def test_what_trains_by_the_clock_takes_as_long_everywhere():
    slow, there, gpu = (
        doctor.minutes(step, with_gpu)
        for step, with_gpu in ((4 * doctor.reference(), False), (doctor.reference(), False), (doctor.reference(), True))
    )
    assert slow["ch02_inside_a_codec"] == pytest.approx(4 * there["ch02_inside_a_codec"])
    for name, (seconds, on_gpu) in doctor.CLOCKED.items():
        assert slow[name] == pytest.approx(4 * there[name] - 3 * seconds / 60), name
        assert gpu[name] == pytest.approx(there[name] + (on_gpu - seconds) / 60), name


def test_the_clocks_are_those_of_the_chapters():
    lines = {
        "quick_tour": ("minutes = 10 if torch.cuda.is_available() else 0.5", 30, 600),
        "ch03_resampler": ("plan = budget(minutes=1)", 0, 60),
        "ch06_post_processor": ("plan = budget(minutes=1, patch=48)", 0, 60),
        "ch08_end_to_end": ("plan = budget(minutes=1, patch=48)", 0, 60),
        "ch10_deep_codec": ("plan = budget(minutes=3, batch=4, patch=96)", 0, 180),
        "gallery": ("plan = budget(minutes=1, on_cpu=0.5, batch=4)", 30, 60),
    }
    assert {name: numbers for name, (_, *numbers) in lines.items()} == {n: [*c] for n, c in doctor.CLOCKED.items()}
    for name, (line, *_) in lines.items():
        assert line in (ROOT / f"book/{name}.ipynb").read_text(), name


def test_what_is_missing_is_said_in_one_sentence(healthy, monkeypatch, capsys):
    monkeypatch.setattr(doctor, "memory", lambda: 1.0)
    monkeypatch.setattr(doctor, "browser", lambda: "")
    assert main(["doctor"]) == 2
    out, err = capsys.readouterr()
    assert "Nothing" not in out and err.count("\n") == 1 and "2 GB" in err and "a browser" in err


def test_packages_are_looked_for_by_the_names_that_the_project_gives(monkeypatch):
    assert not doctor.packages()[1] or doctor.packages()[0]["torch"]
    wanted = ["no-such-package>=2", 'none-either; extra == "book"', 'pytest; extra == "test"', "numpy"]
    monkeypatch.setattr(doctor, "requires", lambda name: wanted)
    found, missing = doctor.packages()
    assert list(found) == ["numpy"] and missing == ["no-such-package", "none-either"]


def test_this_machine_is_described():
    assert doctor.cores() >= 1 and (doctor.memory() or 1.0) > 0.1


def test_the_step_can_be_measured():
    from vcodec.course.yardstick import step_seconds

    assert 0 < step_seconds("cpu", warm=0, steps=1)


def test_what_is_foretold_is_compared_with_what_a_chapter_takes(monkeypatch, capsys):
    monkeypatch.setattr(foretold.doctor, "measured", lambda device: doctor.reference())
    monkeypatch.setattr(foretold.doctor, "gpu", lambda: "")
    there = {name: 60 * value for name, value in doctor.minutes(doctor.reference(), False).items()}
    monkeypatch.setattr(foretold, "seconds", lambda name: 1.6 * there[name] if name.startswith("ch09") else there[name])
    monkeypatch.setattr("sys.argv", ["foretold"])
    with pytest.raises(SystemExit, match=r"1\.5: ch09_mixed_resolution$"):
        foretold.main()
    out = capsys.readouterr().out
    assert out.count("!") == 1 and "furthest off: ch09_mixed_resolution, 1.60 times" in out


def test_a_chapter_that_is_too_quick_counts_as_much_as_one_that_is_too_slow():
    told = foretold.furthest({"a": (60, 72), "b": (60, 45)})
    assert told == "furthest off: b, 0.75 times what was foretold; all: 2.0 and 1.9 minutes"


def test_seconds_and_step_are_stored_together(tmp_path, monkeypatch):
    times, yardstick = tmp_path / "chapters.json", tmp_path / "yardstick.json"
    monkeypatch.setattr(foretold, "TIMES", times)
    monkeypatch.setattr(foretold, "YARDSTICK", yardstick)
    times.write_text('{"gallery": 30}')
    foretold.store(0.25, {"gallery": 36.4})
    assert json.loads(times.read_text()) == {"gallery": 36} and json.loads(yardstick.read_text()) == {"step": 0.25}

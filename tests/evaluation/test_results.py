"""Do the plan, the stored results and the pages agree, and is what is out of date said to the reader?"""

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tools import results

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "book/results.md").read_text()
BY_HAND = ("--processes", "--out")  # options that change no number


def test_each_stored_result_was_made_by_the_command_of_the_plan():
    for measurement in results.plan():
        settings = json.loads((results.RESULTS / measurement["out"]).read_text()).get("settings", {})
        if "command" not in settings:
            continue
        words = shlex.split(settings["command"])
        for option in BY_HAND:
            if option in words:
                del words[words.index(option) : words.index(option) + 2]
        assert sorted(words) == sorted(shlex.split(measurement["command"])), measurement["out"]


def test_every_result_is_in_the_plan_which_says_of_the_others_who_writes_them():
    planned = {measurement["out"] for measurement in results.plan()}
    others = {path.name for path in results.RESULTS.glob("*.json")} - planned - {results.MEASURED.name}
    (said, *_) = (ROOT / "benchmarks/plan.toml").read_text().split("[[measurement]]", 1)
    assert {name for name in others if name not in said} == set()


def test_what_begins_with_a_training_of_its_own_is_left_out_until_that_is_there():
    measurement = next(m for m in results.plan() if "needs" in m)
    assert results.lacks(measurement) and not results.lacks(measurement | {"needs": "README.md"})


def test_the_page_names_every_result_that_is_out_of_date():
    for name in results.out_of_date():
        assert f"`{name}`" in PAGE, f"{name} was measured with other networks, and the results page does not say so"


def test_a_changed_network_or_command_puts_a_result_out_of_date(monkeypatch):
    measurement = next(m for m in results.plan() if m["out"] not in results.out_of_date())
    changed = measurement | {"command": measurement["command"] + " --at 0.3"}
    monkeypatch.setattr(results, "plan", lambda: [changed])
    assert results.out_of_date() == [measurement["out"]]


@pytest.mark.slow
def test_the_commands_of_the_plan_work():
    done = subprocess.run(
        [sys.executable, "-m", "tools.results", "--quick"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    tried = [m for m in results.plan() if results.shortened(m)]
    assert len(tried) >= 15 and f"\n{len(tried)} of {len(results.plan())} measurements" in done.stdout, done.stdout

"""An interrupted training cell: one sentence, networks that can be used, and a next run that goes on."""

import os
import signal
import sys
import threading
from types import SimpleNamespace

import pytest
from small_rounds import PICTURES

from vcodec.networks import load_weights
from vcodec.training import JointSettings, JointTrainer
from vcodec.training.interrupt import Steps, interrupts_noted

SMALL = JointSettings(network="tiny", patch=32, batch=2, steps=20, lead_in=1, check=100, judged=1)


@pytest.fixture
def kernel(monkeypatch):
    """As in a cell of a notebook, with Python's own answer to Ctrl-C, as a kernel sets it for each cell."""
    shell = SimpleNamespace(kernel="a kernel")
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def test_a_trainer_stops_after_its_row_and_the_next_call_goes_on(kernel, tmp_path, capsys):
    trainer, rows = JointTrainer(SMALL, PICTURES[:2], PICTURES[2:], tmp_path, device="cpu"), []
    trainer.train(on_log=lambda row: (rows.append(row), interrupt()))
    said = capsys.readouterr().out
    assert said.count("\n") == 1 and said.startswith("Stopped after") and "50% of the training" in said
    assert [row["steps"] for row in rows] == [10], "the row in hand is finished and was shown"
    assert load_weights(trainer.weights_path).idn is not None
    trainer.train(on_log=rows.append)
    assert [row["steps"] for row in rows] == [10, 20] and capsys.readouterr().out == ""
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_trainer_can_be_stopped_from_another_thread(tmp_path, capsys):
    trainer, enough = JointTrainer(SMALL, PICTURES[:2], PICTURES[2:], tmp_path, device="cpu"), threading.Event()
    work = threading.Thread(target=trainer.train, kwargs={"on_log": lambda row: enough.set(), "stop": enough.is_set})
    work.start()
    work.join()
    assert trainer.steps_done == 10 and (tmp_path / "checkpoint.pt").exists() and capsys.readouterr().out == ""


def test_a_written_out_loop_goes_on_where_it_was_interrupted(kernel, capsys):
    steps, taken = Steps(5), []
    for step in steps:
        taken.append(step)
        if step == 2:
            interrupt()
    assert taken == [1, 2] and "Stopped after 2 steps, 40% of the training." in capsys.readouterr().out
    taken += list(steps)
    assert taken == [1, 2, 3, 4, 5] and steps.share == 1 and list(steps) == []


def test_the_second_interrupt_stops_at_once(kernel):
    with interrupts_noted() as noted:
        interrupt()
        assert noted()
        with pytest.raises(KeyboardInterrupt):
            interrupt()


def test_in_a_program_an_interrupt_passes():
    with pytest.raises(KeyboardInterrupt):
        for _ in Steps(5):
            interrupt()


def test_steps_by_the_clock_are_at_least_so_many():
    now = [0.0]
    steps = Steps(3, minutes=0.1, clock=lambda: now[0])
    shares = []
    for _ in steps:
        now[0] += 1.0
        shares.append(steps.share)
    assert steps.taken == 6 and shares[:2] == [0, pytest.approx(1 / 6)], "six seconds, a step each"
    now[0], slow = 0.0, Steps(3, minutes=0.1, clock=lambda: now[0])
    for _ in slow:
        now[0] += 10.0
    assert slow.taken == 3, "on a slow machine the steps count"

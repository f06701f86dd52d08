"""Does an evaluation survive a kill, Ctrl-C, and a picture that one codec cannot hold?"""

import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest

from vcodec.cli import main
from vcodec.errors import CodecError
from vcodec.evaluation import curves, evaluate
from vcodec.evaluation.jobs import Kept, finished, key_of
from vcodec.images import save_image
from vcodec.limits import at_most, limit

pytestmark = pytest.mark.usefixtures("own_folder_and_signals")

# The first job ends; then both processes sleep for an hour.
ASLEEP = """
import sys, time
from vcodec import __main__, cli
def evaluate(args):
    from vcodec.evaluation.jobs import finished
    for index, _ in finished(time.sleep, [(0,), (3600,), (3600,)], processes=2):
        print("begins", flush=True)
cli.evaluate = evaluate
if __name__ == "__main__":
    sys.exit(__main__.main())
"""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_processes_end_with_their_parent(number, run):
    job = run("evaluate", "set", "--processes", 2, code=ASLEEP)
    assert job.stdout.readline() == "begins\n"
    job.send_signal(number)
    _, err = job.communicate(timeout=100)  # it ends when nobody can write there any more
    killed = number == signal.SIGKILL  # Python's resource tracker then has a word to say
    assert job.returncode == -number if killed else (job.returncode, err) == (130, "vcodec: stopped\n")


def test_a_picture_that_one_codec_cannot_hold_is_left_out_and_said(photo, caplog):
    wide = np.zeros((8, 17_000), np.uint8)
    results = evaluate({"wide": wide, "cat": photo[:32, :32]}, ["jpeg", "webp"], qualities=(40,))
    settings = results["settings"]
    assert settings["images"] == ["cat"] == sorted({point["image"] for point in results["points"]})
    assert "wide is left out: webp: " in caplog.text and "16383" in settings["left_out"]["wide"]
    with pytest.raises(CodecError, match="no picture is left to measure; webp"):
        evaluate({"wide": wide}, ["jpeg", "webp"], qualities=(40,))


def test_a_run_that_was_stopped_goes_on(photo, monkeypatch, capsys):
    os.mkdir("set")
    for index in range(2):
        save_image(f"set/{index}.png", photo[32 * index :][:32, :40])
    command = ["evaluate", "set", "--curves", "jpeg,webp", "--qualities", "20,60", "--out", "x.json"]
    assert main([*command[:-1], "whole.json"]) == 0

    real, calls = curves.measure, []

    def stop_at_the_sixth(*args):
        calls.append(args)
        if len(calls) == 6:
            raise KeyboardInterrupt
        return real(*args)

    monkeypatch.setattr(curves, "measure", stop_at_the_sixth)
    assert main(command) == 130 and not Path("x.json").exists() and Path("x.json.part").exists()
    with open("x.json.part", "a") as file:
        file.write('\n["half a li')  # killed as it wrote
    assert main(command) == 0 and len(calls) == 6 + 4  # the two curves that had ended are not measured again
    assert sorted(os.listdir()) == ["set", "whole.json", "x.json"]
    whole, resumed = (json.loads(Path(name).read_text())["points"] for name in ("whole.json", "x.json"))
    for point in whole + resumed:
        del point["encode_s"], point["decode_s"]
    assert whole == resumed


def test_results_are_saved_before_they_are_printed(photo, monkeypatch):
    """Whoever reads them may have gone, and the disk behind standard output may be full."""
    os.mkdir("set")
    save_image("set/cat.png", photo[:32, :32])

    def no_reader(*_):
        raise BrokenPipeError

    monkeypatch.setattr(curves, "report", no_reader)
    monkeypatch.setattr("vcodec.streams.silence", lambda: None)  # which closes standard output
    main(["evaluate", "set", "--curves", "jpeg", "--qualities", "40", "--out", "x.json"])
    assert json.loads(Path("x.json").read_text())["points"] and not Path("x.json.part").exists()


@pytest.mark.parametrize("processes", [1, 2])
def test_workers_obey_max_pixels_as_their_parent_does(processes):
    with at_most(150_000_000):
        assert [most for _, most in finished(limit, [(), ()], processes)] == [150_000_000] * 2
    assert [most for _, most in finished(limit, [()], 1)] == [100_000_000]


def test_evaluate_refuses_a_picture_of_more_than_max_pixels(photo, capsys):
    os.mkdir("set")
    save_image("set/cat.png", photo)
    assert main(["evaluate", "set", "--curves", "jpeg", "--max-pixels", "1000"]) == 2
    assert "160x128 pixels; the limit is 0.001 megapixels" in capsys.readouterr().err


def test_what_was_measured_with_other_pictures_weights_or_settings_does_not_count(photo, weights, half_only):
    path = Path("kept")
    Kept(path).add(key_of(photo, weights, "cat", [20]), [{"psnr": 1.5}])
    kept = Kept(path).rows
    assert kept == {key_of(photo.copy(), weights, "cat", [20]): [{"psnr": 1.5}]}
    others = key_of(photo, half_only, "cat", [20]), key_of(photo, weights, "cat", [21])
    assert not {*others, key_of(255 - photo, weights, "cat", [20])} & kept.keys()

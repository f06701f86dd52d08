"""Do honest submissions get what they deserve, and do cheats get nothing and harm nobody?"""

import contextlib
import json
import os
import time
from pathlib import Path

import numpy as np
import pytest
from isolation import SLEEPS, isolation_or_skip

from vcodec.cli import main
from vcodec.course import sandbox
from vcodec.course.challenge import BASELINES, MAX_SOURCE, Score, challenge, refusal, standings
from vcodec.course.sandbox import trusting
from vcodec.images import load_image, save_image

pytestmark = pytest.mark.usefixtures("own_folder_and_signals")

SHRINK = """
import numpy as np
def encode(image, max_bytes):
    return bytes([image.shape[0], image.shape[1]]) + image[::8, ::8].tobytes()
def decode(data):
    height, width = data[:2]
    small = np.frombuffer(data[2:], np.uint8).reshape(-(-height // 8), -(-width // 8), 3)
    return small.repeat(8, 0).repeat(8, 1)[:height, :width]
"""
MEAN = """
import numpy as np
def encode(image, max_bytes):
    print("what is printed does not mix with the file")
    return bytes(image.shape[:2]) + image.mean((0, 1)).round().astype(np.uint8).tobytes()
def decode(data):
    return np.full((data[0], data[1], 3), list(data[2:]), np.uint8)
"""
JPEG = (BASELINES / "jpeg.py").read_text()
HONEST = {"jpeg": JPEG, "dct": (BASELINES / "dct.py").read_text(), "shrink": SHRINK, "mean": MEAN}

READS_ORIGINALS = """
import numpy as np
from pathlib import Path
from PIL import Image
def encode(image, max_bytes):
    return b"x"
def decode(data):
    return np.asarray(Image.open(next(Path("FOLDER").rglob("*.png"))))
"""
LEAVES_FILES = """
import numpy as np
from pathlib import Path
ROOMS = [Path(__file__).parent, Path("/tmp"), Path("/dev/shm"), Path("FOLDER")]
PLACES = [folder / "left.npy" for folder in ROOMS]
def encode(image, max_bytes):
    for place in PLACES:
        try:
            np.save(place, image)
        except OSError:
            pass
    return b"x"
def decode(data):
    return np.load(next(place for place in PLACES if place.exists()))
"""
TOO_LARGE = "def encode(image, max_bytes):\n    return image.tobytes()\n"
ENDLESS = "def encode(image, max_bytes):\n    while True:\n        pass\n"
FORK_BOMB = "import os\ndef encode(image, max_bytes):\n    while True:\n        os.fork()\n"
CRASH = "import os, sys\nprint('<b>bold</b>', file=sys.stderr, flush=True)\nos.abort()\n"
CHEATS = {
    "originals": (READS_ORIGINALS, "decode: "), "leaves-files": (LEAVES_FILES, "decode: StopIteration"),
    "too-large": (TOO_LARGE, "bytes where"), "endless": (ENDLESS, "ended after"),
    "fork-bomb": (FORK_BOMB, "encode: "), "crash": (CRASH, "encode: "),
}  # fmt: skip


@pytest.fixture
def class_of_ten(photo):
    """Folders `images` and `submissions`: four are honest and six cheat."""
    for folder in ("images", "submissions"):
        Path(folder).mkdir()
    save_image("images/eye.png", photo[:64, :72])
    for name, source in {**HONEST, **{name: source for name, (source, _) in CHEATS.items()}}.items():
        Path(f"submissions/{name}.py").write_text(source.replace("FOLDER", str(Path.cwd())))


def processes_of_submissions() -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found.append(path.read_text().replace("\0", " "))
    return [line for line in found if "inside.py" in line and any(f"/{name}.py" in line for name in CHEATS)]


def test_four_honest_and_six_cheating_submissions(class_of_ten, photo, capsys):
    isolation_or_skip("images")
    before = sorted(Path().rglob("*"))
    arguments = ["--images", "images", "--budgets", "1.5", "--baselines", "", "--seconds", "3", "--out", "league"]
    assert main(["challenge", "submissions", *arguments]) == 0
    assert "isolation: namespaces" in capsys.readouterr().out
    scores = {s["submission"]: s for s in json.loads(Path("league/results.json").read_text())["scores"]}
    assert len(scores) == 10
    for name in HONEST:
        assert scores[name]["error"] == "" and scores[name]["psnr"] > 10, name
        assert 0 < scores[name]["bytes"] <= scores[name]["max_bytes"] == 864
    assert scores["jpeg"]["psnr"] > scores["mean"]["psnr"] and scores["dct"]["psnr"] > scores["mean"]["psnr"]
    for name, (_, why) in CHEATS.items():
        assert (scores[name]["psnr"], scores[name]["ms_ssim"]) == (0, 0) and why in scores[name]["error"], name
    assert processes_of_submissions() == []
    assert [path for path in sorted(Path().rglob("*")) if path.parts[0] != "league"] == before
    assert np.array_equal(load_image("images/eye.png"), photo[:64, :72])
    page = Path("league/index.html").read_text()
    assert all(name in page for name in scores) and "<b>" not in page and "http" not in page
    assert page.count("<img") == 1 + len(HONEST) and len(list(Path("league/pictures").iterdir())) == 1 + len(HONEST)
    assert Path("league/marks.csv").read_text().count("\n") == 11


def test_nothing_is_left_running_when_the_command_is_killed(photo, run):
    isolation_or_skip()
    for folder in ("images", "submissions"):
        Path(folder).mkdir()
    save_image("images/eye.png", photo[:64, :72])
    Path("submissions/endless.py").write_text(SLEEPS)
    job = run("challenge", "submissions", "--images", "images", "--baselines", "")
    while not processes_of_submissions():
        assert job.poll() is None, job.communicate()
        time.sleep(0.05)
    job.kill()
    job.wait()
    while processes_of_submissions():  # for ever, if they were left
        time.sleep(0.05)


def test_without_isolation_nothing_is_run(class_of_ten, monkeypatch, capsys):
    monkeypatch.setattr(sandbox.shutil, "which", lambda *_, **__: None)
    assert main(["challenge", "submissions", "--images", "images"]) == 2
    sentence = capsys.readouterr().err
    assert "util-linux" in sentence and "--trust" in sentence and not Path("league").exists()


def test_trusted_submissions_run_without_isolation(photo, capsys):
    Path("images").mkdir()
    save_image("images/eye.png", photo[:64, :72])
    Path("mean.py").write_text(MEAN)
    assert main(["challenge", "mean.py", "--images", "images", "--budgets", "1", "--baselines", "", "--trust"]) == 0
    assert "isolation: none" in capsys.readouterr().out and "--trust" in Path("league/index.html").read_text()


@pytest.mark.parametrize(
    "arguments",
    ["missing --images images", "empty --images images", "submissions --images embedded",
     "submissions --images empty", "submissions --images images --baselines gif --trust",
     "submissions --images images --trust --out submissions/jpeg.py"],
)  # fmt: skip
def test_what_cannot_be_run_is_refused_in_a_sentence(arguments, class_of_ten, capsys):
    Path("empty").mkdir()
    assert main(["challenge", *arguments.split()]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("vcodec: ") and err.count("\n") == 1


def test_a_submission_is_one_file_of_its_own(photo):
    Path("jpeg.py").write_text(JPEG)
    os.symlink("jpeg.py", "link.py")
    Path("large.py").write_text("#" * (MAX_SOURCE + 1))
    assert refusal(Path("jpeg.py")) == "" and "own" in refusal(Path("link.py"))
    assert f"{MAX_SOURCE} are allowed" in refusal(Path("large.py"))


def test_a_failure_counts_as_zero_in_the_mean():
    scores = [Score("a", "x", 0.1, 9, 9, 30.0, 0.9), Score("a", "y", 0.1, 9, error="encode: no")]
    scores += [Score("b", "x", 0.1, 9, 9, 20.0, None), Score("b", "y", 0.1, 9, 9, 24.0, None)]
    first, second = standings(scores)
    assert (first.submission, first.psnr, first.failures) == ("b", 22.0, 0) and first.at == {0.1: (22.0, None)}
    assert (second.psnr, second.failures, second.error) == (15.0, 1, "encode: no")


def test_the_example_on_the_page_is_a_submission(photo):
    page = Path(__file__).parents[2] / "book/teaching/challenge.md"
    Path("half_size.py").write_text(page.read_text().split("```python\n")[1].split("```")[0])
    images = {"colour": photo[:65, :72], "gray": photo[:65, :72, 0]}
    scores = challenge({"half_size": Path("half_size.py")}, images, trusting(), budgets=[2.0])
    assert all(score.psnr > 20 and 0 < score.bytes <= score.max_bytes for score in scores), scores

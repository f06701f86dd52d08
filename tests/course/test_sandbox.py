"""Is a submission shut in, and ended where it takes too much?"""

import platform
from pathlib import Path

import numpy as np
import pytest
from isolation import SLEEPS, isolation_or_skip

from vcodec.course import sandbox
from vcodec.course.inside import KEYCTL, forget_keys, pack, unpack
from vcodec.course.sandbox import Limits, isolated, trusting

pytestmark = pytest.mark.usefixtures("own_folder_and_signals")


def test_the_trial_run_finds_what_it_looks_for():
    isolation_or_skip()
    seen = isolated([]).run("probe", Path(sandbox.inside.__file__), b"", Limits(), "/usr/bin/env")
    assert "originals can be seen" in seen.error


SHARED_MEMORY = """
import mmap
import time
def encode(image, max_bytes):
    blocks = [mmap.mmap(-1, 2**24) for _ in range(40)]
    for block in blocks:
        for start in range(0, 2**24, 4096):
            block[start] = 1
    time.sleep(1000)
"""


@pytest.mark.parametrize(
    ("source", "limits", "why"),
    [
        (SHARED_MEMORY, Limits(memory=2**29), "ended with more than 0.5 GB of memory"),  # setrlimit does not count it
        (SLEEPS, Limits(seconds=1, waiting=2), "ended after 2 seconds of waiting"),
    ],
)
def test_what_the_system_does_not_limit_is_ended_from_outside(source, limits, why, photo):
    isolation = isolation_or_skip()
    Path("greedy.py").write_text(source)
    outcome = isolation.run("encode", Path("greedy.py"), pack(photo), limits, 100)
    assert (outcome.error, outcome.limit) == (why, True)


KEYS = """
import ctypes
import numpy as np
system = ctypes.CDLL(None).syscall
def encode(image, max_bytes):
    for keyring in (-3, -4, -5):  # of the session, the user, the user's session
        system(ADD_KEY, b"user", b"left", image.tobytes(), 1000, keyring)
    return b"x"
def decode(data):
    for keyring in (-3, -4, -5):
        if system(KEYCTL, 10, keyring, b"user", b"left", 0) > 0:
            return np.zeros((1, 1), np.uint8)
    raise LookupError("no keys")
"""


def test_no_keys_pass_from_an_encode_to_its_decode(photo):
    isolation = isolation_or_skip()
    if not (number := KEYCTL.get(platform.machine())):
        pytest.skip(f"the number of the system call is not known for {platform.machine()}")
    Path("keys.py").write_text(KEYS.replace("ADD_KEY", str(number - 2)).replace("KEYCTL", str(number)))
    forget_keys()  # as after a login: this process has a keyring that others can inherit
    assert isolation.run("encode", Path("keys.py"), pack(photo), Limits(), 100).output == b"x"
    assert isolation.run("decode", Path("keys.py"), b"x", Limits()).error == "LookupError: no keys"


def test_originals_are_covered_where_they_lie_inside_what_is_visible():
    inside_python = Path(sandbox.sys.prefix).resolve() / "lib"
    assert sandbox.covered([inside_python, Path("/nowhere")]) == [inside_python]


def test_without_isolation_there_are_limits_still(photo):
    Path("greedy.py").write_text("def encode(image, max_bytes):\n    return bytes(2**40)\n")
    outcome = trusting().run("encode", Path("greedy.py"), pack(photo), Limits(), 100)
    assert outcome.error.startswith("MemoryError") and outcome.limit


def test_pictures_survive_the_way_in_and_out(photo):
    for image in (photo, photo[..., 0]):
        assert np.array_equal(unpack(pack(image)), image)
    for damaged in (b"", b"abc", pack(photo)[:-1]):
        with pytest.raises(ValueError):
            unpack(damaged)

"""The isolation of submissions to the challenge, for the tests that need it."""

from pathlib import Path

import pytest

from vcodec.course.sandbox import Limits, Sandbox, find_sandbox
from vcodec.errors import CodecError

SLEEPS = "import time\ndef encode(image, max_bytes):\n    time.sleep(1000)\n"


def isolation_or_skip(hidden: str = ".") -> Sandbox:
    """With the reason where this system permits none. hidden: a folder that submissions must not see."""
    try:
        return find_sandbox([Path(hidden)], Limits())
    except CodecError as error:
        pytest.skip(str(error))

"""What is slow to import is imported where it is used."""

import subprocess
import sys

import pytest

SLOW = {"torch", "scipy", "matplotlib", "bjontegaard"}


@pytest.mark.parametrize(
    ("code", "allowed"),
    [
        ("import vcodec; vcodec.CodecError", set()),
        ("from vcodec.cli import build_parser; build_parser()", set()),
        ("import vcodec; vcodec.load; vcodec.Dnnc; vcodec.Scic", {"torch"}),
    ],
)
def test_the_package_imports_only_what_it_needs(code, allowed):
    code += f"; import sys; print(*sorted({SLOW!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) <= allowed


def test_a_name_that_is_not_there_is_an_attribute_error():
    import vcodec

    with pytest.raises(AttributeError, match="nothing"):
        _ = vcodec.nothing

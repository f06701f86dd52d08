"""Standard input and output as files called "-", for the command line. Words beside a picture go to stderr."""

import contextlib
import os
import sys
from collections.abc import Iterable
from pathlib import Path

from vcodec.errors import CodecError

STANDARD = Path("-")


def read_input(path: Path) -> bytes:
    """The bytes of a file, or of standard input. Raises CodecError."""
    from vcodec.images import read_file  # with PyTorch, which takes a second: `main` needs this module before

    if path != STANDARD:
        return read_file(path)
    if sys.stdin is None:
        raise CodecError("there is no standard input")
    return sys.stdin.buffer.read()


def title(path: Path) -> str:
    return "standard input" if path == STANDARD else str(path)


def check_paths(out: Path, source: Path | None = None) -> None:
    """`check_output`, where `out` is a file."""
    from vcodec.images import check_output

    if out != STANDARD:
        check_output(out, None if source == STANDARD else source)
    elif sys.stdout is None:
        raise CodecError("there is no standard output")


def write_output(path: Path, data: bytes | Iterable[bytes], words: str) -> None:
    """Write a file, whole or in pieces, or to standard output; then print `words`, with the file's name before them."""
    from vcodec.images import write_file

    if path != STANDARD:
        write_file(path, data)
        print(f"{path}: {words}")
    else:
        sys.stdout.buffer.writelines([data] if isinstance(data, bytes) else data)
        sys.stdout.buffer.flush()
        print(f"standard output: {words}", file=sys.stderr)


def named(path: Path, suffix: str | None) -> Path:
    """`path`, or for standard output a name of the format that `suffix` says: "jpg". Raises CodecError where an output
    has neither, or both."""
    if path == STANDARD and suffix:
        return Path(f"-.{suffix.lstrip('.')}")
    if path == STANDARD:
        raise CodecError("standard output has no suffix: say its format, as --format jpg")
    if suffix:
        raise CodecError(f"--format is for standard output; the format of {path.name} is what its suffix says")
    return path


def show_all_names() -> None:
    """File names are bytes; those that a terminal cannot show are printed with escapes."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def silence() -> None:
    """Nothing more can be printed; nor shall Python try when it ends."""
    with contextlib.suppress(OSError):  # where there is no such file, nothing is left to fail
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

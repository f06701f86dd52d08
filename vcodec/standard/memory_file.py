"""A file that takes no disk, for libraries that read and write by path alone."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from vcodec.errors import CodecError

FILES = Path("/proc/self/fd")  # Linux: the files that a program has open, by number


@contextlib.contextmanager
def memory_file(data: bytes = b"") -> Iterator[Path]:
    """The path of a file that holds `data`, gone afterwards: in memory on Linux, in the folder for temporary files
    elsewhere. Raises CodecError where such a file cannot be written, also by the library that is given the path."""
    try:
        with contextlib.ExitStack() as until_then:
            if hasattr(os, "memfd_create") and FILES.is_dir():
                number = os.memfd_create("picture")
                until_then.callback(os.close, number)
                path = FILES / str(number)
            else:
                path = Path(until_then.enter_context(tempfile.TemporaryDirectory())) / "picture"
            path.write_bytes(data)
            yield path
    except OSError as error:
        raise CodecError(f"cannot write a temporary file: {error.strerror}") from None

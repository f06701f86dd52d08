"""What runs inside the isolation: one `encode` or one `decode` of one submission, under limits on its resources.

    python inside.py encode|decode FILE LIMITS [MAX_BYTES]        python inside.py probe FILE LIMITS [HIDDEN ...]

The input comes through stdin, the result goes to stdout, what the submission prints goes to stderr. A picture travels
as three 32-bit integers (height, width, channels; 1 is gray) and its samples. This file imports nothing of the package,
so that a submission starts in a tenth of a second."""

import ctypes
import importlib.util
import json
import os
import platform
import socket
import struct
import sys
from pathlib import Path

import numpy as np

SHAPE = struct.Struct("<III")
KEYCTL = {"x86_64": 250, "aarch64": 219}  # the system call's number
JOIN_SESSION_KEYRING = 1  # keyctl(2): without a name, a new one


def pack(image: np.ndarray) -> bytes:
    """A uint8 picture, (H, W) or (H, W, 3), as bytes."""
    height, width, channels = (*image.shape, 1)[:3]
    return SHAPE.pack(height, width, channels) + image.tobytes()


def unpack(data: bytes) -> np.ndarray:
    """The picture that `pack` wrote. Raises ValueError for anything else."""
    if len(data) < SHAPE.size:
        raise ValueError("no picture came back")
    height, width, channels = SHAPE.unpack_from(data)
    if channels not in (1, 3) or len(data) != SHAPE.size + height * width * channels:
        raise ValueError("what came back is not a whole picture")
    shape = (height, width) if channels == 1 else (height, width, channels)
    return np.frombuffer(data, np.uint8, offset=SHAPE.size).reshape(shape)


def set_limits(limits: dict[str, int]) -> None:
    """Of this process and all that it starts; nobody can raise them again."""
    import resource  # not on Windows

    seconds = limits["seconds"]
    wanted = {
        resource.RLIMIT_CPU: (seconds, seconds + 1),  # SIGXCPU, and SIGKILL a second later
        resource.RLIMIT_DATA: (limits["memory"],) * 2,
        resource.RLIMIT_FSIZE: (limits["file_size"],) * 2,
        resource.RLIMIT_NPROC: (limits["processes"],) * 2,
        resource.RLIMIT_NOFILE: (64, 64),
        resource.RLIMIT_CORE: (0, 0),
    }
    for which, values in wanted.items():
        resource.setrlimit(which, values)


def forget_keys() -> None:
    """The kernel keeps keys for a session: without a new keyring, an encode could leave some for its decode."""
    if number := KEYCTL.get(platform.machine()):
        ctypes.CDLL(None).syscall(number, JOIN_SESSION_KEYRING, None)  # fails where keys are forbidden altogether


def load(path: str) -> object:
    spec = importlib.util.spec_from_file_location("submission", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["submission"] = module
    spec.loader.exec_module(module)
    return module


def encode(path: str, data: bytes, max_bytes: int) -> bytes:
    coded = load(path).encode(unpack(data).copy(), max_bytes)  # type: ignore[attr-defined]
    if not isinstance(coded, (bytes, bytearray, memoryview)):
        raise TypeError(f"encode returned {type(coded).__name__}, not bytes")
    return bytes(coded)


def decode(path: str, data: bytes) -> bytes:
    image = np.asarray(load(path).decode(data))  # type: ignore[attr-defined]
    if image.dtype != np.uint8 or image.ndim not in (2, 3):
        raise TypeError(f"decode returned {image.dtype} of shape {image.shape}, not a uint8 picture")
    return pack(image)


def probe(hidden: list[str], processes: int) -> None:
    """Try what a submission must not be able to do. Raises RuntimeError where it can."""
    for path in hidden:
        if os.path.lexists(path):
            raise RuntimeError("the originals can be seen")
    if {name for _, name in socket.if_nameindex()} - {"lo"}:
        raise RuntimeError("there is a network")
    if sum(name.isdigit() for name in os.listdir("/proc")) > 8:
        raise RuntimeError("the processes of others can be seen")
    for folder in (Path(__file__).parent, Path(sys.prefix), Path("/submission")):
        if can_write(folder):
            raise RuntimeError(f"files can be written into {folder}")
    if not forks_end(processes + 1):
        raise RuntimeError("processes can be started without end")


def can_write(folder: Path) -> bool:
    try:
        (folder / ".probe").touch()
    except OSError:
        return False
    return True


def forks_end(tries: int) -> bool:
    """Whether the system refuses one of so many processes. The children wait until the parent is done."""
    ours, theirs = os.pipe()
    children = []
    try:
        for _ in range(tries):
            child = os.fork()
            if child == 0:
                os.close(theirs)
                os.read(ours, 1)
                os._exit(0)
            children.append(child)
    except OSError:
        return True
    finally:
        os.close(theirs)
        for child in children:
            os.waitpid(child, 0)
    return False


def main() -> None:
    job, path, limits, *rest = sys.argv[1:]
    result = os.dup(1)
    os.dup2(2, 1)  # what a submission prints must not mix with its result
    data = sys.stdin.buffer.read()
    forget_keys()
    set_limits(json.loads(limits))
    if job == "probe":
        probe(rest, json.loads(limits)["processes"])
        answer = b"isolated"
    else:
        answer = encode(path, data, int(rest[0])) if job == "encode" else decode(path, data)
    with open(result, "wb") as stream:
        stream.write(answer)


if __name__ == "__main__":
    try:
        main()
    except BaseException as error:  # one line for the table, also where a submission calls sys.exit
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        sys.stderr.flush()
        os._exit(1)
    os._exit(0)  # whatever a submission left behind, its threads and exit handlers, ends here

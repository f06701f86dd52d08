"""Ctrl-C and `kill`: "vcodec: stopped" and exit code 130 within two seconds, whatever the program is doing.

Python hears a signal between two steps of its own. While a library codes a large picture that takes longer; a thread
hears it at once, and ends the program where nothing would be lost. What is raised inside an import may become another
exception (NumPy's says that it was installed badly), so imports are ended without any."""

import os
import signal
import sys
import threading
import time
from types import FrameType

WORDS = "vcodec: stopped"
CODE = 130  # 128 + SIGINT, as shells say
PATIENCE = 1.0  # seconds in which the program may end by itself
saves = threading.Event()  # set by a training: it ends by itself, after it has saved, however long that takes


def interrupt(*_: object) -> None:
    """Signal handler. Whatever is half done is cleared away as the exception passes."""
    raise KeyboardInterrupt


def interrupt_program(_: int, frame: FrameType | None) -> None:
    """The same for a program of its own: inside an import, where nothing is half done, it ends here."""
    while frame:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            end()
        frame = frame.f_back
    interrupt()


def end() -> None:
    os.write(2, f"{WORDS}\n".encode())
    os._exit(CODE)


def listen(program: bool) -> None:
    """Make SIGINT and SIGTERM raise KeyboardInterrupt; end a `program` of its own where that is not heard."""
    if program and signal.getsignal(signal.SIGINT) is interrupt_program:
        return
    for number in (signal.SIGTERM, signal.SIGINT):  # shells start background jobs with Ctrl-C switched off
        signal.signal(number, interrupt_program if program else interrupt)
    if program:
        heard, bell = os.pipe()
        os.set_blocking(bell, False)
        signal.set_wakeup_fd(bell)
        threading.Thread(target=watch, args=(heard,), daemon=True).start()


def watch(heard: int) -> None:
    os.read(heard, 1)  # a byte for each signal
    time.sleep(PATIENCE)
    if not saves.is_set():
        end()


def stopped(program: bool) -> int:
    """Say so; a `program` ends at once, without the second that PyTorch takes to leave."""
    print(WORDS, file=sys.stderr, flush=True)
    if program and not saves.is_set():
        os._exit(CODE)
    return CODE

"""Interrupting a training cell: the step in hand is finished, one sentence says so, and the cell's next run goes on.

Only in a notebook. A program that is interrupted ends: there KeyboardInterrupt passes as ever. Book: chapter 3."""

import contextlib
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType

GO_ON = "The networks are as they are now; run this cell again to go on."


def in_notebook() -> bool:
    """Whether a kernel runs this code for a cell, in the thread that hears interrupts."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return hasattr(shell, "kernel") and threading.current_thread() is threading.main_thread()


@contextlib.contextmanager
def interrupts_noted() -> Iterator[Callable[[], bool]]:
    """In a notebook the first interrupt inside is noted: what the context hands out then returns True. A second one
    raises KeyboardInterrupt at once, as the first does elsewhere."""
    noted: list[int] = []
    if not in_notebook():
        yield lambda: False
        return
    before = signal.getsignal(signal.SIGINT)

    def note(number: int, _: FrameType | None) -> None:
        noted.append(number)
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, note)
    try:
        yield lambda: bool(noted)
    finally:
        if signal.getsignal(signal.SIGINT) is note:
            signal.signal(signal.SIGINT, before)


class Steps:
    """The steps of a training that a cell writes out, 1, 2, 3, ...: so many, or those of some minutes.

    `for step in steps` goes on where the last such loop was interrupted, so the cell that builds the networks makes
    the `Steps`, and the cell that trains them uses it. share: how much is done, 0 to 1, the present step included;
    learning rates fall with it. count: of steps; with minutes, of those that are made in any case. clock: seconds."""

    def __init__(self, count: int, minutes: float | None = None, clock: Callable[[], float] = time.monotonic):
        self.count, self.minutes, self.clock = count, minutes, clock
        self.taken, self.seconds, self._part = 0, 0.0, 0

    @property
    def share(self) -> float:
        share = self.taken / self.count
        return min(1.0, share if self.minutes is None else min(share, self.seconds / (60 * self.minutes)))

    def due(self, times: int) -> bool:
        """Whether the training has come into another of `times` equal parts: the time to look at it."""
        before, self._part = self._part, int(self.share * times + 1e-9)
        return self._part > before

    def __iter__(self) -> Iterator[int]:
        with interrupts_noted() as interrupted:
            while self.share < 1:
                begin = self.clock()
                self.taken += 1
                yield self.taken
                self.seconds += self.clock() - begin
                if interrupted() and self.share < 1:
                    print(f"Stopped after {self.taken} steps, {self.share:.0%} of the training. {GO_ON}")
                    return

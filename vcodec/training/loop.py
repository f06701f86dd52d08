"""One loop for every training: counted in steps or minutes, logged, saved every minute, resumed. Book: chapter 8."""

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from accelerate.utils import broadcast_object_list
from tqdm import tqdm

from vcodec.training.interrupt import GO_ON, interrupts_noted
from vcodec.training.run_folder import RunFolder

SAVE_EVERY = 60  # seconds between two checkpoints


class Loop(ABC):
    """A training and the folder of its run.

    A subclass does the work of one row of the log in `advance`, says in `done` which share of its steps is done, and
    writes and reads everything it consists of in `save` and `resume`."""

    folder: RunFolder
    rank: int
    state: dict[str, Any]  # "elapsed": seconds, "rows": rows of the log, both over all starts; and the subclass's own

    @abstractmethod
    def advance(self, share: float) -> dict[str, Any]:
        """The work of one row, a few seconds of it: {"phase": name, losses...}. share: of the training, 0 to 1."""

    @abstractmethod
    def save(self) -> None:
        """Write checkpoint, weights and card, each whole or not at all."""

    @abstractmethod
    def resume(self) -> bool:
        """Go on from the folder's checkpoint; False where there is none. Raises CodecError where it is damaged or
        belongs to other settings."""

    def alone(self) -> AbstractContextManager[None]:
        """Keeps other trainings out of the folder. Raises CodecError where one is at work."""
        return self.folder.locked() if self.rank == 0 else nullcontext()

    def done(self) -> float:
        """The share of the steps that are done; 0 for a training that goes by the clock alone."""
        return 0.0

    def finish(self) -> None:
        """What is written after the last row, or where a training was stopped."""
        self.save()

    def looked(self) -> dict[str, float]:
        """What is measured before each save, for the log."""
        return {}

    @property
    def log_fields(self) -> tuple[str, ...]:
        """Names of the log's columns, those of `advance` and `looked` among them."""
        raise NotImplementedError

    def train(
        self, minutes: float | None = None, on_log: Callable[[dict[str, Any]], None] = lambda row: None,
        clock: Callable[[], float] = time.monotonic, at_least: int = 0, stop: Callable[[], bool] = lambda: False,
    ) -> None:  # fmt: skip
        """Train until the steps are done or `minutes` are spent, whichever is first, over all starts of this run.

        The learning rates fall with the larger of the two shares, so that either end is a finished training.
        on_log: called with each row of the log, {"seconds", "phase", losses...}. clock: seconds. at_least: rows that
        are trained in any case, so that a slow machine takes longer instead of learning less. stop: asked after each
        row; where it says True, everything is saved, and `train` returns. The next `train` goes on from there. An
        interrupt does the same in a cell of a notebook, and says so. In a program the networks of that moment are
        saved, and KeyboardInterrupt goes on to the caller. Raises CodecError where another process trains in the same
        folder."""
        with self.alone(), interrupts_noted() as interrupted:
            self._train(minutes, on_log, clock, at_least, lambda: stop() or interrupted())
            if interrupted() and (share := self._share(minutes, at_least)) < 1:
                print(f"Stopped after {self.state['elapsed']:.0f} seconds, {share:.0%} of the training. {GO_ON}")

    def _train(
        self, minutes: float | None, on_log: Callable[[dict[str, Any]], None], clock: Callable[[], float],
        at_least: int, stop: Callable[[], bool],
    ) -> None:  # fmt: skip
        begin, before = clock(), self.state["elapsed"]
        last_save, unsaved = begin, False
        bar = tqdm(total=1000, desc="training", disable=self.rank > 0 or None,
                   bar_format="{desc} {percentage:3.0f}%|{bar}| {elapsed}, {remaining} left {postfix}")  # fmt: skip
        try:
            with bar:
                while (share := self._share(minutes, at_least)) < 1 and not stop():
                    unsaved = True
                    values = self.advance(share)
                    self.state["rows"] += 1
                    self.state["elapsed"] = before + clock() - begin
                    ends = self._share(minutes, at_least) >= 1
                    saving = ends or clock() - last_save > SAVE_EVERY
                    # All processes must agree on the time, or they would part ways at the next row.
                    self.state["elapsed"], saving = broadcast_object_list([self.state["elapsed"], saving])
                    row = {"seconds": round(self.state["elapsed"], 1)} | values | (self.looked() if saving else {})
                    if self.rank == 0:
                        self.folder.log(row, self.log_fields)
                        on_log(row)
                    numbers = {name: v for name, v in row.items() if isinstance(v, float) and name != "seconds"}
                    bar.set_postfix_str(" ".join(f"{name} {v:.3g}" for name, v in numbers.items()), refresh=False)
                    bar.update(min(round(1000 * self._share(minutes, at_least)), 1000) - bar.n)
                    if saving and not ends:
                        self.save()
                        last_save, unsaved = clock(), False
        except BaseException:
            if unsaved:
                self.save()
            raise
        if unsaved:
            self.finish()

    def _share(self, minutes: float | None, at_least: int) -> float:
        """How much of the training is done, 0 to 1."""
        spent = self.state["elapsed"] / (60 * minutes) if minutes else 0.0
        share = max(spent, self.done())
        return min(share, self.state["rows"] / at_least) if at_least else share


def falling(share: float) -> float:
    """Factor of the learning rates: half a cosine from 1 to a fiftieth. share: of the training, 0 to 1."""
    return 0.02 + 0.98 * (1 + math.cos(math.pi * min(share, 1.0))) / 2

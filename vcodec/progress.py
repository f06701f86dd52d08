"""One progress bar for work in stages: it names the stage, and its time left weighs the stages by what they cost.

`staged` opens it; within, `stage` names a part of the work, and loops over `steps` move it. Outside of `staged`,
`steps` shows a bar of its own."""

import contextlib
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from typing import Any, TypeVar

from tqdm import tqdm

Item = TypeVar("Item")
BAR = "{desc}{percentage:3.0f}%|{bar}| {elapsed}<{remaining}"


class Work:
    """A bar, and what the present stage may still move it."""

    def __init__(self, total: float):
        self.bar: Any = tqdm(total=total, delay=1, leave=False, miniters=0, disable=None, bar_format=BAR)
        self.left = 0.0

    def move(self, cost: float) -> None:
        cost = min(cost, self.left)
        self.left -= cost
        self.bar.update(cost)


_work: ContextVar[Work | None] = ContextVar("work", default=None)


@contextlib.contextmanager
def staged(total: float) -> Iterator[None]:
    """A bar over work of so much cost, in any unit. It shows after a second, and on a terminal alone."""
    work = Work(total)
    token = _work.set(work)
    try:
        yield
    finally:
        _work.reset(token)
        work.bar.close()


@contextlib.contextmanager
def stage(name: str, cost: float) -> Iterator[None]:
    """A part of the work that is open, in the unit of its total; without one nothing is shown."""
    work = _work.get()
    if work is None:
        yield
        return
    work.left = cost
    work.bar.set_description(name, refresh=work.bar.format_dict["elapsed"] > 1)
    yield
    work.move(cost)


def steps(items: Sequence[Item], name: str) -> Iterator[Item]:
    """The items; each moves the bar of the present stage by its share, or that of a bar called `name`."""
    work = _work.get()
    if work is None:
        yield from tqdm(items, desc=name, delay=1, disable=len(items) == 1 or None, leave=False)
        return
    share = work.left / max(1, len(items))
    for item in items:
        yield item
        work.move(share)

"""Jobs side by side in processes that end with their parent, and a file that keeps the finished ones."""

import hashlib
import json
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from importlib.metadata import version
from multiprocessing import active_children, get_context, parent_process
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import torch

from vcodec.errors import CodecError
from vcodec.limits import limit, set_limit


class Kept:
    """Results by key, a line of JSON each: what was stopped goes on. Without a path nothing is kept."""

    def __init__(self, path: Path | None):
        self.path, self.rows = path, {}
        for line in path.read_text(errors="replace").splitlines() if path and path.exists() else []:
            try:
                key, row = json.loads(line)
                self.rows[key] = row
            except (ValueError, TypeError):  # cut off, as the program was killed
                continue

    def add(self, key: str, row: Any) -> None:
        self.rows[key] = row
        if self.path:
            with open(self.path, "a") as file:
                file.write(f"\n{json.dumps([key, row])}")  # the new line first: the last one may be cut off


def key_of(image: np.ndarray, weights: str | Path, *words: Any) -> str:
    """The same for the same picture, weights, versions of the libraries, and `words`."""
    digest = hashlib.sha256(repr((words, image.shape, *map(version, ("vcodec", "pillow", "torch")))).encode())
    digest.update(image.tobytes())
    for path in sorted(Path(weights).glob("*.safetensors")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def finished(work: Callable[..., Any], jobs: Sequence[tuple], processes: int) -> Iterator[tuple[int, Any]]:
    """The index of each job, with what `work` makes of it, as they end. Raises CodecError where a process is killed."""
    if processes == 1:
        yield from ((index, work(*job)) for index, job in enumerate(jobs))
        return
    with workers(processes) as pool:
        with without_ctrl_c():
            futures = {pool.submit(work, *job): index for index, job in enumerate(jobs)}
        try:
            yield from ((futures[future], future.result()) for future in as_completed(futures))
        except BrokenProcessPool:
            raise CodecError("one of the processes was ended from outside; memory may be short") from None


@contextmanager
def workers(count: int) -> Iterator[ProcessPoolExecutor]:
    """Processes with one thread each and the limit of pixels that holds here. They end with this block, however it
    ends, and with this process."""
    others = set(active_children())
    with ProcessPoolExecutor(count, get_context("spawn"), initializer=begin, initargs=(limit(),)) as pool:
        try:
            yield pool
        except BaseException:  # Ctrl-C too; `pool` alone would wait until all jobs have ended
            for child in set(active_children()) - others:
                child.kill()
            raise


def begin(max_pixels: int) -> None:
    """In each process, first."""
    torch.set_num_threads(1)
    set_limit(max_pixels)
    Thread(target=end_with_parent, daemon=True).start()


def end_with_parent() -> None:
    parent = parent_process()
    if parent:
        parent.join()
        os._exit(1)


@contextmanager
def without_ctrl_c() -> Iterator[None]:
    """Processes that start here do not hear Ctrl-C: their parent does, a moment later, and ends them."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

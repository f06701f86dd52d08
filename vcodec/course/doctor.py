"""`vcodec doctor`: what this machine has, what is missing, and how long the chapters will take on it.

The seconds of each chapter were measured on one machine, and so was the time of one training step (yardstick.json).
Here they are scaled by that step's time on both machines; cells that train for a fixed time keep it. A busy machine is
a slow machine, and the numbers say so. Do they come true? python -m tools.foretold runs the chapters and compares."""

import os
import re
import shutil
import sys
import webbrowser
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import PackageNotFoundError, requires, version
from multiprocessing import get_context
from pathlib import Path

from vcodec.errors import CodecError
from vcodec.evaluation.published import published

CLOCKED = {  # seconds for which a chapter trains by the clock: without and with a GPU
    "quick_tour": (30, 600),
    "ch03_resampler": (0, 60),
    "ch06_post_processor": (0, 60),
    "ch08_end_to_end": (0, 60),
    "ch10_deep_codec": (0, 180),
    "gallery": (30, 60),
}
MEMORY = 2.0  # GB for a learner
NAMES = ("chromium", "chromium-browser", "google-chrome", "firefox", "safari", "msedge")


def packages() -> tuple[dict[str, str], list[str]]:
    """Versions of what the package and its chapters need, and the names of what is missing."""
    found, missing = {}, []
    for requirement in requires("vcodec") or []:
        name, _, extra = requirement.partition(";")
        if "extra" not in extra or re.search(r"[\"']book[\"']", extra):
            name = re.split(r"[\s<>=!~\[(]", name.strip())[0]
            try:
                found[name] = version(name)
            except PackageNotFoundError:
                missing.append(name)
    return found, missing


def memory() -> float | None:
    """GB that this process may use: of the machine, or of the container it runs in. None where nobody says."""
    sizes = []
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        sizes.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    limit = Path("/sys/fs/cgroup/memory.max")
    if limit.exists() and (text := limit.read_text().strip()).isdigit():
        sizes.append(int(text))
    return min(sizes) / 2**30 if sizes else None


def cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def gpu() -> str:
    """Its name, or an empty string."""
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else ""


def browser() -> str:
    """A browser that is installed here, or an empty string."""
    if path := next(filter(None, map(shutil.which, NAMES)), None):
        return path
    try:
        return getattr(webbrowser.get(), "name", "") or ""
    except webbrowser.Error:
        return ""


def measured(device: str) -> float:
    """Seconds of a training step, in a process of its own: what it loads is gone afterwards."""
    from vcodec.course.yardstick import step_seconds

    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(step_seconds, device).result()


def reference() -> float:
    """Seconds of the step where the chapters were measured: two cores without a GPU, with nothing else to do."""
    (stored,) = published("yardstick.json")
    return stored["step"]


def minutes(step: float, with_gpu: bool) -> dict[str, float]:
    """Of each chapter, by its name. step: seconds of a training step on this machine's CPU."""
    (seconds,) = published("chapters.json")
    foretold = {}
    for name, there in seconds.items():
        before, now = CLOCKED.get(name, (0, 0))[0], CLOCKED.get(name, (0, 0))[with_gpu]
        foretold[name] = (max(0, there - before) * step / reference() + now) / 60
    return foretold


def examine(lacks: list[str]) -> Iterator[str]:
    """Lines to print, as they are found. What is missing is added to `lacks`, a sentence each."""
    yield f"Python     {sys.version.split()[0]}"
    if not (3, 11) <= sys.version_info < (3, 15):
        lacks.append("Python 3.11 to 3.14")
    found, missing = packages()
    yield "packages   " + ", ".join(
        f"{n} {found[n]}" for n in ("torch", "numpy", "jupyterlab", "anywidget") if n in found
    )
    if missing:
        lacks.append(f"packages: pip install {' '.join(missing)}")
    size = memory()
    yield "memory     " + (f"{size:.1f} GB" if size else "this system does not say")
    if size and size < MEMORY:
        lacks.append(f"memory: a learner needs {MEMORY:g} GB")
    yield f"processor  {cores()} core{'s' * (cores() > 1)}"
    found_browser = browser()
    yield f"browser    {found_browser or 'none'}"
    if not found_browser:
        lacks.append("a browser, unless you sit at another machine")
    if missing:
        return
    name = gpu()
    yield f"GPU        {name or 'none; no chapter needs one'}"
    yield "Measuring a training step: about half a minute."
    step = measured("cpu")
    yield f"step       {1000 * step:.0f} ms; {1000 * reference():.0f} ms where the chapters were measured"
    if name:
        yield f"           {1000 * measured('cuda'):.0f} ms on the GPU"
    yield "\nMinutes that each chapter will take here, from its first cell to its last:"
    foretold = minutes(step, bool(name))
    yield from (f"  {chapter:24} {value:5.1f}" for chapter, value in foretold.items())
    yield f"  {'all':24} {sum(foretold.values()):5.1f}\n"


def examine_machine() -> None:
    """Print it all. Raises CodecError that says what is missing."""
    lacks: list[str] = []
    for line in examine(lacks):
        print(line, flush=True)
    if lacks:
        raise CodecError(f"missing here: {'; '.join(lacks)}")
    print("Nothing is missing.")

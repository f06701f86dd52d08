"""The training panel: choose resolution, target rate, network and minutes; start, stop and go on with a joint training.

    panel = TrainingPanel(photographs, held_out)
    panel

The training runs in a thread, so that the page and other cells stay alive. Each combination of choices has a folder
of its own: what was stopped there goes on later. Without a kernel the page plays the runs of `recorded`. Book: chapter
8 and the gallery."""

import base64
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import traitlets

from vcodec.errors import CodecError
from vcodec.training.at_rate import RateTrainer
from vcodec.training.minutes import Budget, budget
from vcodec.widgets.figure import script, style
from vcodec.widgets.training_monitor import TrainingMonitor

GAIN = "gain over JPEG at the target rate (dB)"
RESOLUTIONS = {"half": 2, "full": 1}
RATES = (0.2, 0.4)  # bits per pixel
MINUTES = (1, 3, 10)
SHOWN = (GAIN, "distortion", "rate")  # of a row of the log


class TrainingPanel(TrainingMonitor):
    """A `TrainingMonitor` with controls. What is trained lies in `folder`/NETWORK-RESOLUTION-RATE and is used as
    `vcodec.load("scic-jpeg", weights=...)`.

    images, held_out: uint8 photographs to learn from and to judge by, of which the first is shown. rates: to choose
    from, bits per pixel. recorded: runs by `key`, as `recording` makes them. folder: of the runs; without one they are
    lost with the kernel. State that a kernel can set: resolution, target_bpp, network, minutes; `start`, `stop` and
    `go_on` do what the buttons do, and `wait` waits for the training's end."""

    _esm = script("training_charts", "training_panel")
    _css = style("training_monitor", "training_panel")

    resolution = traitlets.Enum(list(RESOLUTIONS), "half").tag(sync=True)
    target_bpp = traitlets.Float(RATES[0]).tag(sync=True)
    network = traitlets.Enum(["tiny", "default"], "tiny").tag(sync=True)
    minutes = traitlets.Float(1.0).tag(sync=True)
    rates = traitlets.List(traitlets.Float()).tag(sync=True)
    choices = traitlets.List(traitlets.Float(), list(map(float, MINUTES))).tag(sync=True)  # of minutes
    activity = traitlets.Enum(["ready", "training", "stopping", "stopped", "finished"], "ready").tag(sync=True)
    message = traitlets.Unicode("").tag(sync=True)
    recorded = traitlets.Dict().tag(sync=True)
    recorded_pictures = traitlets.List(traitlets.Bytes()).tag(sync=True)
    wish = traitlets.Unicode("").tag(sync=True)  # of the page: start, stop or go on
    asked = traitlets.Int(0).tag(sync=True)  # by the page, a number;
    answered = traitlets.Int(0).tag(sync=True)  # the same, where a kernel answers

    def __init__(
        self, images: Sequence[np.ndarray], held_out: Sequence[np.ndarray], rates: Sequence[float] = RATES,
        recorded: Mapping[str, Any] | None = None, folder: Path | str | None = None, plan: Budget | None = None,
        clock: Callable[[], float] = time.monotonic, **state: Any,
    ):  # fmt: skip
        """plan: device, batch and patch in place of this machine's; clock: seconds, of the training."""
        files, recorded = unpacked(recorded or {})
        plan = plan or budget(batch=4, patch=48)
        chosen: dict[str, Any] = {"target_bpp": float(rates[0]), "network": plan.network} | state
        super().__init__(
            {GAIN: [GAIN]}, rates=list(rates), recorded=recorded, recorded_pictures=files, **chosen,
        )  # fmt: skip
        self.images, self.held_out, self.plan, self.train_clock = images, held_out, plan, clock
        self.folder = Path(folder or tempfile.mkdtemp(prefix="vcodec-panel-"))
        self._stop, self._idle = threading.Event(), threading.Event()
        self._idle.set()
        self._pages: dict[str, tuple[list, list]] = {}  # rows and strips by key, of this kernel's runs
        self.observe(self._on_choice, ["resolution", "target_bpp", "network"])
        self.observe(self._on_wish, "wish")
        self.observe(lambda change: setattr(self, "answered", change.new), "asked")
        self._on_choice()

    @property
    def key(self) -> str:
        """Name of the present combination, and of its folder."""
        return f"{self.network}-{self.resolution}-{self.target_bpp:g}"

    @property
    def run(self) -> Path:
        return self.folder / self.key

    # What the buttons do.

    def start(self) -> None:
        """Train from the beginning. Does nothing while a training runs, as `go_on`."""
        self._begin(anew=True)

    def go_on(self) -> None:
        """Train on from where this combination was stopped, until its minutes are spent."""
        self._begin(anew=False)

    def stop(self) -> None:
        """End the training after its present row; everything is kept."""
        if self.activity == "training":
            self.activity, self.message = "stopping", "Stopping after the present steps."
        self._stop.set()

    def wait(self) -> None:
        """Until the training has ended. An interrupt stops it, and waits for the end of its present row."""
        try:
            while not self._idle.wait(0.2):  # not Thread.join, which an interrupt can leave in a false state
                pass
        except KeyboardInterrupt:
            self.stop()
            self._idle.wait()
            print(self.message)

    def _begin(self, anew: bool) -> None:
        if not self._idle.is_set():
            return
        if anew:
            shutil.rmtree(self.run, ignore_errors=True)
            self._pages.pop(self.key, None)
        self._show(*self._pages.get(self.key, ([], [])))
        self._stop.clear()
        self._idle.clear()
        self.activity, self.message = "training", f"Preparing: {self._plan()}."
        threading.Thread(target=self._work, daemon=True).start()

    def _plan(self) -> Budget:
        plan = self.plan
        return Budget(plan.device, plan.by_clock, self.minutes, self.network, plan.batch, plan.patch)

    # The training, in its thread. The choices do not change meanwhile: the page and `_on_choice` see to it.

    def _work(self) -> None:
        try:
            trainer = RateTrainer(
                RESOLUTIONS[self.resolution], self.target_bpp, self._plan(), self.images, self.held_out, self.run
            )
            if trainer.resume():
                trainer.look()
            else:
                trainer.first_look()
                trainer.save()  # from here on it can be stopped
                self._note(trainer, {"seconds": 0.0}, looked=True)
            self._say(trainer)
            trainer.train(self.minutes, lambda row: self._note(trainer, row), self.train_clock, stop=self._stop.is_set)
            self._end(trainer)
        except CodecError as error:
            self.activity, self.message = "ready", str(error)
        except Exception as error:  # nobody else hears of it in a thread
            self.activity, self.message = "ready", f"The training ended with {type(error).__name__}: {error}"
            raise
        finally:
            self._idle.set()

    def _note(self, trainer: RateTrainer, row: Mapping[str, Any], looked: bool = False) -> None:
        kept = {name: value for name, value in row.items() if name in ("seconds", "phase", *SHOWN)}
        if looked or "bd_rate" in row:
            self.log(kept | {GAIN: trainer.gain()})
            self.show(**trainer.pictures())
        else:
            self.log(kept)
        if self.activity == "training":
            self._say(trainer)

    def _say(self, trainer: RateTrainer) -> None:
        low, high = trainer.qualities
        self.message = (
            f"Training: qualities {low} to {high}, {trainer.price:.0f} squared levels for a bit per pixel; "
            f"{trainer.steps_done} steps, {trainer.state['elapsed']:.0f} of {60 * self.minutes:.0f} seconds."
        )

    def _end(self, trainer: RateTrainer) -> None:
        if trainer.steps_done % trainer.settings.check:
            trainer.judge_now()
            trainer.save()
            self._note(trainer, {"seconds": trainer.state["elapsed"]}, looked=True)
        self.flush()
        self._pages[self.key] = self._all_rows, self._all_strips
        spent, all_of_it = trainer.state["elapsed"], trainer.state["elapsed"] >= 60 * self.minutes
        steps = f"after {spent:.0f} seconds and {trainer.steps_done} steps, {trainer.gain():+.2f} dB over JPEG"
        self.activity = "finished" if all_of_it else "stopped"
        self.message = f"{self.activity.capitalize()} {steps}. The networks are saved" + (
            "; choose more minutes to go on." if all_of_it else "; Go on continues from here."
        )

    # What the page asks for.

    def _on_wish(self, change: Any) -> None:
        work = {"start": self.start, "stop": self.stop, "go on": self.go_on}.get(change.new)
        if work:
            self.wish = ""
            work()

    def _on_choice(self, _: Any = None) -> None:
        """Show the run of the chosen combination: this kernel's, or the recorded one."""
        if not self._idle.is_set():
            return
        kept = (self.run / "checkpoint.pt").exists()
        run = self.recorded.get(self.key)
        if kept:
            self._show(*self._pages.get(self.key, ([], [])))
        elif run:
            files = [
                strip | {"files": [(n, self.recorded_pictures[i]) for n, i in strip["files"]]}
                for strip in run["strips"]
            ]
            self._show(run["rows"], files)
        else:
            self._show([], [])
        self.activity = "stopped" if kept else "ready"
        self.message = "Go on continues the training of this choice." if kept else run["about"] if run else ""

    def _show(self, rows: list, strips: list) -> None:
        self._all_rows, self._all_strips = list(rows), list(strips)
        self._stride, self._seen = 1, len(rows)
        self._publish()

    def recording(self, about: str, strips: int = 3) -> dict[str, Any]:
        """What the panel shows, as JSON: {"about", "rows", "strips", "pictures"}. about: a sentence for the page;
        strips: how many of pictures are kept, from the first to the last."""
        places = np.unique(np.linspace(0, len(self._all_strips) - 1, strips).round().astype(int))
        chosen = [self._all_strips[i] for i in places] if self._all_strips else []
        files = list(dict.fromkeys(file for strip in chosen for _, file in strip["files"]))
        kept = [strip | {"files": [[name, files.index(file)] for name, file in strip["files"]]} for strip in chosen]
        pictures = [base64.b64encode(file).decode() for file in files]
        return {"about": about, "rows": self._all_rows, "strips": kept, "pictures": pictures}


def unpacked(recorded: Mapping[str, Any]) -> tuple[list[bytes], dict[str, Any]]:
    """The pictures of all recordings, each once, and the recordings without them, with numbers in their place."""
    files: dict[bytes, int] = {}
    runs = {}
    for key, run in recorded.items():
        own = [files.setdefault(base64.b64decode(text), len(files)) for text in run["pictures"]]
        strips = [strip | {"files": [[name, own[i]] for name, i in strip["files"]]} for strip in run["strips"]]
        runs[key] = {"about": run["about"], "rows": run["rows"], "strips": strips}
    return list(files), runs

"""The training monitor: losses, RD points and pictures while a cell trains, and afterwards from the stored log.

    monitor = TrainingMonitor()
    display(monitor)
    trainer.train(minutes, on_log=monitor.log)

`monitor.show(x=..., y=..., z=..., x_hat=...)` adds a strip of pictures, as often as wanted, and
`TrainingMonitor({"PSNR (dB)": ["promised", "delivered"]})` draws two numbers of the log in one chart. A log that grows
is thinned out, so that a notebook stays small however long the training was. Book: chapters 3, 6 to 8, 10."""

import csv
import io
import math
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import traitlets
from PIL import Image
from torch import Tensor

from vcodec.errors import CodecError
from vcodec.images import read_file, to_array, to_uint8
from vcodec.metrics import psnr
from vcodec.widgets.figure import Figure, drawn, file_of, script, style

MAX_ROWS, MAX_STRIPS = 400, 12  # above these, every second one goes
THUMBNAIL = 128  # pixels a side, at most
PAUSE = 0.3  # seconds between two messages to the page
LINES = [("#0072B2", "-"), ("#D55E00", "--"), ("#009E73", ":"), ("#CC79A7", "-.")]  # of a chart, here and in the page


class TrainingMonitor(Figure):
    """Curves of every number in a training's log, RD points, and strips of pictures, over a slider of time.

    charts: by title, the names of numbers that are drawn together, at most four; every other number has a chart of its
    own. picture_quality: of the WebP thumbnails. A round that was undone, `kept` being 0 in its row, is a hollow dot.
    State that a kernel can read and set: value (title or name of what is drawn; empty: the first), at (seconds; the
    page shows the last strip and row up to there; negative: the newest)."""

    _esm = script("training_charts", "training_monitor")
    _css = style("training_monitor")

    rows = traitlets.List(traitlets.Dict()).tag(sync=True)
    strips = traitlets.List(traitlets.Dict()).tag(sync=True)
    pictures = traitlets.List(traitlets.Bytes()).tag(sync=True)
    charts = traitlets.Dict().tag(sync=True)
    value = traitlets.Unicode("").tag(sync=True)
    at = traitlets.Float(-1.0).tag(sync=True)

    def __init__(
        self, charts: Mapping[str, list[str]] | None = None, picture_quality: int = 80,
        clock: Callable[[], float] = time.monotonic, **state: Any,
    ):  # fmt: skip
        super().__init__(charts=dict(charts or {}), **state)
        self.picture_quality, self.clock = picture_quality, clock
        self._all_rows: list[dict[str, Any]] = []
        self._all_strips: list[dict[str, Any]] = []
        self._sent, self._stride, self._seen = -math.inf, 1, 0

    @classmethod
    def from_log(cls, log: str | Path | Iterable[Mapping[str, Any]], **options: Any) -> "TrainingMonitor":
        """A monitor that replays a finished log: rows as `Trainer.train` hands them out, or the path of the log.csv
        in a run's folder. Raises CodecError for a file that is no such log."""
        monitor = cls(**options)
        for row in read_log(log) if isinstance(log, str | Path) else log:
            monitor._keep(row)
        monitor._publish()
        return monitor

    def log(self, row: Mapping[str, Any]) -> None:
        """A row of the log: {"seconds": ..., "phase": ..., and numbers}. What is not a finite number is left out."""
        self._keep(row)
        self._publish(hurry=False)

    def _keep(self, row: Mapping[str, Any]) -> None:
        if "seconds" not in row:
            raise CodecError("a row of a training's log needs its seconds")
        numbers = {k: v for k, v in row.items() if k not in ("seconds", "phase") and _is_number(v)}
        kept = {"seconds": round(float(row["seconds"]), 3), "phase": str(row.get("phase", ""))}
        kept |= {name: float(f"{v:.5g}") for name, v in numbers.items()}
        if self._seen % self._stride == 0:
            self._all_rows.append(kept)
        else:  # only numbers that the row before lacks, such as one that is logged once a minute
            self._all_rows[-1] = kept | self._all_rows[-1]
        self._seen += 1
        if len(self._all_rows) > MAX_ROWS:
            seconds: list[dict[str, Any]] = [*self._all_rows[1::2], {}]
            self._all_rows = [later | row for row, later in zip(self._all_rows[::2], seconds, strict=False)]
            self._stride *= 2

    def show(
        self, bpp: float | None = None, psnr_db: float | None = None, seconds: float | None = None,
        **pictures: np.ndarray | Tensor,
    ) -> None:  # fmt: skip
        """A strip of pictures under their names, such as x, y, z and x_hat.

        pictures: uint8 (H, W) or (H, W, 3), or float tensors (1, C, H, W) or (C, H, W) in [0, 1]. Of large ones the
        middle is shown, 128 pixels a side of the largest and the same share of the others. bpp, psnr_db: the RD
        point, if there is one; without psnr_db that of x_hat against x counts. seconds: of the last row if not said."""
        arrays = {name: as_picture(picture) for name, picture in pictures.items()}
        if not arrays:
            raise CodecError("show needs at least one picture, such as x_hat=...")
        if psnr_db is None and {"x", "x_hat"} <= set(arrays) and arrays["x"].shape == arrays["x_hat"].shape:
            psnr_db = psnr(arrays["x_hat"], arrays["x"])
        last = self._all_rows[-1]["seconds"] if self._all_rows else 0.0
        strip = {"seconds": round(float(last if seconds is None else seconds), 3), "bpp": bpp, "psnr": psnr_db}
        share = min(1.0, THUMBNAIL / max(max(a.shape[:2]) for a in arrays.values()))
        files = [(n, file_of(middle(a, share), "WEBP", quality=self.picture_quality)) for n, a in arrays.items()]
        self._all_strips.append({k: v for k, v in strip.items() if _is_number(v)} | {"files": files})
        if len(self._all_strips) > MAX_STRIPS:
            del self._all_strips[1:-1:2]  # the first and the newest stay
        self._publish()

    def _publish(self, hurry: bool = True) -> None:
        """To the page; a training that logs often is not held up by it."""
        if not hurry and self.clock() - self._sent < PAUSE:
            return
        self._sent = self.clock()
        pictures = list(dict.fromkeys(file for strip in self._all_strips for _, file in strip["files"]))
        strips = [s | {"files": [[n, pictures.index(f)] for n, f in s["files"]]} for s in self._all_strips]
        with self.hold_sync():
            self.pictures, self.strips, self.rows = pictures, strips, list(self._all_rows)

    def flush(self) -> None:
        """Send what was held back since the last message; call it when a training is over."""
        self._publish()

    def names(self) -> list[str]:
        """Of all numbers in the log, in order of appearance."""
        return list(dict.fromkeys(k for row in self._all_rows for k in row if k not in ("seconds", "phase")))

    def _repr_mimebundle_(self, **options: Any) -> tuple[dict, dict]:
        self._publish()
        return super()._repr_mimebundle_(**options)

    def __repr__(self) -> str:
        last = self._all_rows[-1] if self._all_rows else {"seconds": 0.0}
        newest = {name: next(r[name] for r in reversed(self._all_rows) if name in r) for name in self.names()}
        numbers = "".join(f", {name} {value:.4g}" for name, value in newest.items())
        return f"TrainingMonitor({last['seconds']:.1f} s, {self._seen} rows, {len(self._all_strips)} strips{numbers})"

    def poster(self) -> np.ndarray:
        """The newest strip, and the chart that is chosen below it."""
        from matplotlib.figure import Figure as Canvas

        files = self._all_strips[-1]["files"] if self._all_strips else []
        tall = 0.3 + min(1.8, 6.4 / len(files)) if files else 0.0  # inches
        canvas = Canvas(figsize=(6.4, 2.6 + tall), dpi=75, layout="constrained")
        below: Any = canvas
        if files:
            parts: Any = canvas.subfigures(2, 1, height_ratios=[tall, 2.6])
            above, below = parts
            for axes, (name, file) in zip(np.ravel(above.subplots(1, len(files))), files, strict=True):
                axes.imshow(np.asarray(Image.open(io.BytesIO(file)).convert("RGB")))
                axes.set_title(name, fontsize=10)
                axes.axis("off")
        titles = list(self.charts) or self.names()[:1]
        title = self.value or (titles[0] if titles else "")
        axes = below.subplots()
        for name, (colour, dashes) in zip(self.charts.get(title, [title]), LINES, strict=False):
            at = [(row["seconds"], row[name]) for row in self._all_rows if name in row]
            axes.plot(*np.reshape(at, (-1, 2)).T, dashes, color=colour, label=name)
            undone = [(row["seconds"], row[name]) for row in self._all_rows if name in row and row.get("kept") == 0]
            axes.plot(*np.reshape(undone, (-1, 2)).T, "o", color=colour, markerfacecolor="white")
        if title in self.charts:
            axes.legend(frameon=False)
        axes.set(xlabel="seconds of training", title=title)
        axes.grid(alpha=0.3)
        return drawn(canvas)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and math.isfinite(value)


def read_log(path: str | Path) -> list[dict[str, Any]]:
    """The rows of a run's log.csv. Raises CodecError where they are none."""
    lines = read_file(path).decode("utf-8", "replace").splitlines()
    rows = list(csv.DictReader(lines))
    if not rows or "seconds" not in rows[0]:
        raise CodecError(f"{path} is not the log of a training")
    return [{k: _number(v) for k, v in row.items() if k and v not in ("", None)} for row in rows]


def _number(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return text


def as_picture(picture: np.ndarray | Tensor) -> np.ndarray:
    """uint8 (H, W) or (H, W, 3), from such an array or from a float tensor (1, C, H, W) or (C, H, W) in [0, 1]."""
    if not isinstance(picture, Tensor):
        return to_array(picture)
    planes = to_uint8(picture.detach().cpu()).numpy().reshape(-1, *picture.shape[-2:])
    if len(planes) not in (1, 3):
        raise CodecError(f"a picture has 1 or 3 planes, not the shape {tuple(picture.shape)}")
    return planes[0] if len(planes) == 1 else planes.transpose(1, 2, 0)


def middle(picture: np.ndarray, share: float) -> np.ndarray:
    """The middle of a picture, this share of both sides: pixels as they are, since artefacts are what one looks for."""
    (top, height), (left, width) = (
        (round(side * (1 - share) / 2), max(1, round(side * share))) for side in picture.shape[:2]
    )
    return np.ascontiguousarray(picture[top : top + height, left : left + width])

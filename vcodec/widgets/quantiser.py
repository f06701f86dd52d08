"""The quantiser explorer: rounding, and what stands in for it while a network learns, beside the truth.

Straight-through: Bengio and others 2013, arXiv:1308.3432. Additive noise: Balle and others 2017, arXiv:1611.01704.
Soft rounding: Agustsson and Theis 2020, arXiv:2006.09952. Book: chapter 4."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import traitlets

from vcodec.errors import CodecError
from vcodec.widgets.figure import Figure, drawn, script, side_by_side, style

SAMPLES = 128
REACH = 4.0  # signals lie within -4 to 4
STAND_INS = ("rounding", "straight-through", "noise", "soft rounding")


def rounded(x: np.ndarray, step: float, dead_zone: float = 0.0) -> np.ndarray:
    """x to the nearest multiple of the step, halves away from zero.

    dead_zone: 0 to 0.5 steps that every threshold lies further out, as in video encoders: the zero bin is
    (1 + 2 dead_zone) steps wide."""
    return np.sign(x) * step * np.floor(np.maximum(0, np.abs(x) / step + 0.5 - dead_zone))


def soft_rounded(x: np.ndarray, step: float, sharpness: float) -> np.ndarray:
    """Rounding without corners: the identity for sharpness near 0, rounding for a large one."""
    whole, rest = _whole_and_rest(x, step)
    return step * (whole + 0.5 + np.tanh(sharpness * rest) / (2 * np.tanh(sharpness / 2)))


def soft_gradient(x: np.ndarray, step: float, sharpness: float) -> np.ndarray:
    """d soft_rounded / dx."""
    _, rest = _whole_and_rest(x, step)
    return sharpness * (1 - np.tanh(sharpness * rest) ** 2) / (2 * np.tanh(sharpness / 2))


def _whole_and_rest(x: np.ndarray, step: float) -> tuple[np.ndarray, np.ndarray]:
    whole = np.floor(x / step)
    return whole, x / step - whole - 0.5


class QuantiserExplorer(Figure):
    """A signal, its rounded values, one stand-in for the rounding and the gradient that it lets through.

    State that a kernel can read and set: step (0.1 to 4), signal ("sine", "ramp" or "drawn"), drawn (128 values,
    -4 to 4; the reader draws them with the mouse, a finger or the arrow keys), stand_in ("rounding",
    "straight-through", "noise", "soft rounding"), dead_zone (0 to 0.5 steps; of the rounding), sharpness (1 to 20;
    of the soft rounding). Raises CodecError for a drawn signal of another length or range."""

    _esm = script("quantiser")
    _css = style("quantiser")

    signals = traitlets.Dict().tag(sync=True)
    noise = traitlets.List(traitlets.Float()).tag(sync=True)
    signal = traitlets.Enum(["sine", "ramp", "drawn"], "sine").tag(sync=True)
    drawn = traitlets.List(traitlets.Float()).tag(sync=True)
    stand_in = traitlets.Enum(STAND_INS, "noise").tag(sync=True)
    step = traitlets.Float(1.0, min=0.1, max=4.0).tag(sync=True)
    dead_zone = traitlets.Float(0.0, min=0.0, max=0.5).tag(sync=True)
    sharpness = traitlets.Float(6.0, min=1.0, max=20.0).tag(sync=True)

    def __init__(self, drawn: Sequence[float] | None = None, **state: Any):
        n = np.arange(SAMPLES)
        signals = {"sine": 3.3 * np.sin(2 * np.pi * n / SAMPLES), "ramp": 7 * (n / (SAMPLES - 1) - 0.5)}
        super().__init__(
            signals={name: values.round(6).tolist() for name, values in signals.items()},
            noise=np.random.default_rng(0).uniform(-0.5, 0.5, SAMPLES).round(6).tolist(),
            drawn=list(np.zeros(SAMPLES) if drawn is None else np.asarray(drawn, float)),
            **state,
        )

    @traitlets.validate("drawn")
    def _fits(self, proposal: Any) -> list[float]:
        values = np.asarray(proposal.value, float)
        if values.shape != (SAMPLES,) or not (np.abs(values) <= REACH).all():
            raise CodecError(f"a drawn signal is {SAMPLES} values from -{REACH:g} to {REACH:g}")
        return proposal.value

    @property
    def x(self) -> np.ndarray:
        """The signal, (128,)."""
        return np.array(self.drawn if self.signal == "drawn" else self.signals[self.signal])

    def forward(self) -> np.ndarray:
        """What the stand-in makes of the signal, (128,)."""
        if self.stand_in == "noise":
            return self.x + self.step * np.array(self.noise)
        if self.stand_in == "soft rounding":
            return soft_rounded(self.x, self.step, self.sharpness)
        return rounded(self.x, self.step, self.dead_zone)

    def gradient(self) -> np.ndarray:
        """The derivative of the stand-in as the backward pass has it, (128,)."""
        if self.stand_in == "soft rounding":
            return soft_gradient(self.x, self.step, self.sharpness)
        return np.full(SAMPLES, float(self.stand_in != "rounding"))

    def errors(self) -> dict[str, float]:
        """Mean squared errors: of the rounding, of the stand-in, and step^2 / 12 of a uniform error."""
        truth = rounded(self.x, self.step, self.dead_zone)
        return {
            "rounding": float(np.mean((truth - self.x) ** 2)),
            "stand-in": float(np.mean((self.forward() - self.x) ** 2)),
            "step^2/12": self.step**2 / 12,
        }

    def __repr__(self) -> str:
        errors = ", ".join(f"{name} {value:.4f}" for name, value in self.errors().items())
        zone = f", dead zone {self.dead_zone:g}" if self.dead_zone else ""
        return (
            f"QuantiserExplorer({self.signal}, step {self.step:g}{zone}, {self.stand_in}; mean squared error: {errors})"
        )

    def poster(self) -> np.ndarray:
        """The signal, its rounded values and the stand-in, with the gradient below."""
        from matplotlib.figure import Figure as Canvas

        canvas = Canvas(figsize=(6.4, 4), dpi=75, layout="constrained")
        top, bottom = canvas.subplots(2, 1, sharex=True, height_ratios=[3, 1])
        top.plot(self.x, color="gray", label="signal")
        top.step(range(SAMPLES), rounded(self.x, self.step, self.dead_zone), color="#D55E00", label="rounded")
        top.plot(self.forward(), ".", ms=3, color="#0072B2", label=self.stand_in)
        top.legend(frameon=False)
        bottom.plot(self.gradient(), color="#0072B2")
        bottom.set(ylabel="gradient", xlabel="sample")
        error = self.errors()
        return side_by_side(
            [drawn(canvas)],
            f"step {self.step:g}: mean squared error {error['rounding']:.4f}, step^2/12 is {error['step^2/12']:.4f}",
        )

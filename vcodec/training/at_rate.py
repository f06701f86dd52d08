"""A joint training for files of one target rate: its qualities, their price, and the gain over plain JPEG there.

The qualities are those at which the untrained networks' files have about that rate; the price of a bit is the slope
of the present curve at these qualities, as in every joint training. Book: chapter 8 and the gallery."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vcodec.metrics import bits_per_pixel, psnr, psnr_at_rate
from vcodec.scic import Scic
from vcodec.training.joint import JointSettings
from vcodec.training.joint_trainer import JointTrainer
from vcodec.training.judge import JUDGED
from vcodec.training.minutes import Budget
from vcodec.training.objectives import RateDistortion

AROUND = 1.4  # the qualities' files have the target rate, or up to so many times more or less


def settings_for(scale: int, plan: Budget) -> JointSettings:
    """Of a training of some minutes, that goes by the clock: larger learning rates, and a short average.

    At full resolution IDN learns alone, as it ships: with an RSN, 130 steps took a crop from 1.1 dB over JPEG to 0.5 dB
    below it."""
    return JointSettings(
        network=plan.network, scale=scale, gradient="vcn" if scale == 2 else "none", steps=10**6, batch=plan.batch,
        patch=plan.patch, lead_in=20, check=20, judged=1, average=0.95, lr=1e-3, rsn_lr=2e-4, foreign=0.0, wide=0.0,
    )  # fmt: skip


class RateTrainer(JointTrainer):
    """`JointTrainer` at the qualities of a target rate, in bits per pixel of the original."""

    def __init__(
        self, scale: int, bpp: float, plan: Budget, images: Sequence[np.ndarray], held_out: Sequence[np.ndarray],
        run: Path | str,
    ):  # fmt: skip
        super().__init__(settings_for(scale, plan), images, held_out, run, {"target_bpp": bpp}, plan.device)
        self.bpp = bpp

    def look(self) -> float:
        bd_rate = super().look()
        if "qualities" not in self.state:
            rates = np.log(self.curves[..., 0].mean(0))
            ends = (math.log(self.bpp) - math.log(AROUND), math.log(self.bpp) + math.log(AROUND))
            self.state["qualities"] = [int(np.rint(np.interp(end, rates, JUDGED))) for end in ends]
        self._narrow()
        return bd_rate

    def resume(self) -> bool:
        found = super().resume()
        self._narrow()
        return found

    def _narrow(self) -> None:
        low, high = self.state.get("qualities", self.qualities)
        self.qualities = low, high

    @property
    def price(self) -> float:
        """Of a bit per pixel, in squared levels, at the middle of the qualities."""
        assert isinstance(self.objective, RateDistortion)
        return float(self.objective.price[round(sum(self.qualities) / 2)])

    def gain(self) -> float:
        """dB over plain JPEG at the target rate, mean of the held-out pictures at the last look; NaN where a curve
        does not reach that rate."""
        both = [[psnr_at_rate(c, self.bpp) for c in two] for two in zip(self.curves, self.judge.anchors, strict=True)]
        gains = [ours - plain for ours, plain in both if ours is not None and plain is not None]
        return float(np.mean(gains)) if gains else float("nan")

    def pictures(self) -> dict[str, Any]:
        """The first held-out picture as x, y, z and x_hat, uint8, by the networks of now; and bpp and psnr_db."""
        codec, scale = Scic(self.codec, {self.settings.scale: self.pair()}), self.settings.scale
        x, quality = self.judge.photos[0], round(math.sqrt(self.qualities[0] * self.qualities[1]))
        data = codec.candidate(x, quality, scale).data
        x_hat = codec.decode(data)
        named = {"x": x, "y": codec.resample(x, quality, scale), "z": codec.codec.decode(data), "x_hat": x_hat}
        return named | {"bpp": bits_per_pixel(data, x), "psnr_db": psnr(x_hat, x)}

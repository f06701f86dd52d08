"""Who says whether a training helps: whole held-out photographs, real files, BD-rate. Book: chapters 8 and 11."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from vcodec import metrics
from vcodec.networks import NetworkPair
from vcodec.scic import FRAMEWORKS, Scic
from vcodec.standard import CODECS

JUDGED = (2, 3, 5, 8, 13, 21, 34, 55)  # qualities; about 0.05 to 0.6 bpp of a photograph at either scale


class Judge:
    """Rate-distortion curves of gray photographs through files that the encoder writes without hearing its decoder.

    codec: of the framework scic-<codec>. photos: uint8, (H, W)."""

    qualities: Sequence[int] = JUDGED

    def __init__(self, codec: str, scale: int, photos: Sequence[np.ndarray]):
        self.codec, self.scale, self.photos = FRAMEWORKS[f"scic-{codec}"], scale, photos
        self.plain = CODECS[codec]

    @cached_property
    def anchors(self) -> list[np.ndarray]:
        """(bpp, PSNR in dB) of each photograph by the plain codec at full resolution, at each of `JUDGED`."""
        return [np.array([
            point(p, data := self.plain.encode(p, q), self.plain.decode(data)) for q in JUDGED
        ]) for p in self.photos]  # fmt: skip

    def curves(self, pair: NetworkPair) -> np.ndarray:
        """(bpp, PSNR in dB) of each photograph at each of `JUDGED`: (photos, qualities, 2)."""
        codec = Scic(self.codec, {self.scale: pair})
        return np.array([
            [point(p, data := codec.candidate(p, q, self.scale).data, codec.decode(data)) for q in JUDGED]
            for p in self.photos
        ])  # fmt: skip

    def bd_rates(self, curves: np.ndarray) -> list[float]:
        """Change of bytes at equal PSNR against the plain codec at full resolution, in percent, for each photograph;
        NaN where the two curves share no range."""
        rates = [metrics.bd_rate(anchor, curve) for anchor, curve in zip(self.anchors, curves, strict=True)]
        return [float("nan") if rate is None else rate for rate in rates]

    def score(self, curves: np.ndarray) -> float:
        """What checkpoints are compared by, lower is better: the mean of `bd_rates` over the photographs that have
        one; NaN where none has."""
        found = [rate for rate in self.bd_rates(curves) if not np.isnan(rate)]
        return float(np.mean(found)) if found else float("nan")


def point(photo: np.ndarray, data: bytes, decoded: np.ndarray) -> tuple[float, float]:
    return metrics.bits_per_pixel(data, photo), metrics.psnr(decoded, photo)

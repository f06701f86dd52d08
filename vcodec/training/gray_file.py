"""Joint training of the networks that keep colour inside a gray file. Book: chapter 12."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from vcodec import metrics
from vcodec.networks import NetworkPair
from vcodec.networks.weights import save_weights
from vcodec.scic.gray_file import ColourPostProcessor, GrayFile, GrayReSampler, luma_of
from vcodec.standard import StandardCodec
from vcodec.training.data import PatchSampler
from vcodec.training.joint_trainer import JointTrainer
from vcodec.training.judge import point
from vcodec.training.run_folder import machine

QUALITIES = (5, 8, 13, 21, 34, 55, 80)
RATES = (0.3, 0.5, 0.7, 0.9)  # bits per pixel at which a run is judged


def psnr_at(curve: np.ndarray, rates: Sequence[float]) -> np.ndarray:
    """dB at each rate of a curve (n, 2) of rising bpp and dB; outside the curve its first or last dB."""
    return np.interp(rates, *metrics.upper_envelope(curve).T)


class ColourJudge:
    """Curves of colour photographs through gray files, PSNR over RGB. photos: uint8, (H, W, 3)."""

    qualities: Sequence[int] = QUALITIES

    def __init__(self, codec: StandardCodec, photos: Sequence[np.ndarray]):
        self.codec, self.photos = codec, photos

    def curves(self, pair: NetworkPair) -> np.ndarray:
        """(bpp, PSNR in dB over RGB) of each photograph at each of `QUALITIES`: (photos, qualities, 2)."""
        assert pair.idn is not None
        files = GrayFile(self.codec, pair.rsn, pair.idn)
        return np.array([
            [point(p, data := files.encode(p, q), files.decode(data)) for q in QUALITIES] for p in self.photos
        ])  # fmt: skip

    def score(self, curves: np.ndarray) -> float:
        """What checkpoints are compared by, lower is better: minus the mean PSNR in dB at `RATES`."""
        return -float(np.mean([psnr_at(curve, RATES) for curve in curves]))


class GrayFileTrainer(JointTrainer):
    """`JointTrainer` around a gray JPEG at full resolution, for colour pictures."""

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.qualities = (5, 80)

    def _patches(self, images: Sequence[np.ndarray]) -> PatchSampler:
        s, colour = self.settings, [image for image in images if image.ndim == 3]
        return PatchSampler(colour, s.patch, s.seed + 1000 * self.rank, convert=lambda image: image)

    def _judge(self, photos: Sequence[np.ndarray]) -> Any:
        return ColourJudge(self.codec, photos)

    def _networks(self) -> tuple[nn.Module, nn.Module]:
        return GrayReSampler(), ColourPostProcessor()

    def _plain(self, x: Tensor) -> Tensor:
        return luma_of(x)

    @property
    def weights_path(self) -> Path:
        kind = "gray-file-control" if self.settings.gradient == "none" else "gray-file"
        return self.folder.path / f"{kind}.safetensors"

    def export(self) -> None:
        s, pair, looks = self.settings, self.pair(), self.state["looks"]
        assert pair.idn is not None
        save_weights(self.weights_path, pair.rsn, pair.idn, {
            "framework": "gray file", "codec": s.codec, "scale": 1, "network": "gray-file", "seed": s.seed,
            "steps_trained": self.steps_done, "minutes": round(self.state["elapsed"] / 60, 1), "looks": looks,
            "torch": torch.__version__, "machine": machine(self.device.type), "settings": asdict(s), **self.facts,
        })  # fmt: skip

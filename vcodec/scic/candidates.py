"""The files that an encoder chooses from: one picture at several qualities and scales, each made once.

Book: chapter 9."""

import hashlib
from collections.abc import Callable, Iterator
from functools import cached_property
from itertools import islice

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from vcodec.networks.layers import double, halve, pad_to_even
from vcodec.networks.tiles import NetworkPair
from vcodec.scic.feedback import Trial
from vcodec.scic.planes import luma_plane

ENCODES = 12  # at most, for a file of a wanted size or PSNR


class RestoredPlanes:
    """What IDN made of decoded luma planes, within one encode: the search for a PSNR and feedback ask for the same.

    Holds at most `most` bytes; the oldest planes go first."""

    def __init__(self, most: int = 1 << 28):
        self.most, self._planes = most, dict[tuple[int, float, bytes], Tensor]()

    def restore(self, pair: NetworkPair, z: Tensor, step: float) -> Tensor:
        """pair.restore(z, step): (1, 1, h, w) in [0, 1] -> (1, 1, scale h, scale w)."""
        if pair.idn is None:
            return pair.restore(z, step)
        key = pair.scale, step, hashlib.blake2b(z.cpu().contiguous().numpy().tobytes()).digest()
        if key not in self._planes:
            self._planes[key] = pair.restore(z, step)
        found = self._planes[key]
        while sum(plane.nbytes for plane in self._planes.values()) > self.most:
            del self._planes[next(iter(self._planes))]
        return found


class Candidate:
    """A picture at one quality and scale: its first file, and those of the feedback passes, each made when asked for.

    passes: the files in order, with their errors. has_feedback: whether there is more than one. price: the squared
    error, summed over pixels, that a bit must save there. pixels: of the original."""

    def __init__(
        self, quality: int, scale: int, data: bytes, passes: Iterator[Trial], has_feedback: bool, price: float,
        pixels: int,
    ):  # fmt: skip
        self.quality, self.scale, self.data, self.has_feedback = quality, scale, data, has_feedback
        self.price, self.pixels = price, pixels
        self._passes, self._tried = passes, list[Trial]()

    def tried(self, passes: int = 0) -> list[Trial]:
        """The first file and up to `passes` more."""
        self._tried += islice(self._passes, max(0, passes + 1 - len(self._tried)))
        return self._tried[: passes + 1]

    def best(self, passes: int) -> Trial:
        """The file of least (squared error + price * bits)."""
        return min(self.tried(passes), key=lambda trial: trial.error + self.price * 8 * len(trial.data))

    def file(self, passes: int) -> bytes:
        """Its bytes; without feedback nothing needs to be decoded for them."""
        return self.best(passes).data if passes and self.has_feedback else self.data

    @property
    def encodes(self) -> int:
        return max(1, len(self._tried))


class Files:
    """The files of one picture, each made once. make(quality, scale, softness) -> Candidate."""

    def __init__(self, make: Callable[[int, int, float], Candidate], step: Callable[[int], float], x: np.ndarray):
        self._make, self._step, self.x = make, step, x
        self._made: dict[tuple[int, int, float], Candidate] = {}

    def at(self, quality: int, scale: int, soft: float = 0.0) -> Candidate:
        key = quality, scale, soft
        if key not in self._made:
            self._made[key] = self._make(quality, scale, soft)
        return self._made[key]

    def made(self, scale: int) -> list[Candidate]:
        return [candidate for (_, s, _), candidate in self._made.items() if s == scale]

    @property
    def left(self) -> int:
        """Encodes that a wanted size or PSNR may still cost."""
        return ENCODES - sum(candidate.encodes for candidate in self._made.values())

    def step(self, candidate: Candidate) -> float:
        return self._step(candidate.quality)

    def quality_of_step(self, step: float) -> int:
        """The lowest quality that quantises as finely."""
        return next((q for q in range(1, 101) if self._step(q) <= step), 100)

    @cached_property
    def detail(self) -> float:
        """Mean squared error in levels of a picture halved and doubled: what half resolution cannot hold."""
        x = luma_plane(self.x)
        small = double(halve(pad_to_even(x)))[..., : x.shape[-2], : x.shape[-1]]
        return 255**2 * F.mse_loss(small, x).item()


def softened(y: np.ndarray, amount: float) -> np.ndarray:
    """A picture between itself (0) and itself blurred by [1 2 1] / 4 both ways (1): a file between two qualities."""
    padded = np.pad(y.astype(np.float32), [(1, 1), (1, 1), (0, 0)][: y.ndim], mode="edge")
    rows = (padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4
    blurred = (rows[:, :-2] + 2 * rows[:, 1:-1] + rows[:, 2:]) / 4
    return np.rint(y + amount * (blurred - y)).clip(0, 255).astype(np.uint8)

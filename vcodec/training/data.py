"""Training data: patches of photographs, and the damage that a real codec does to them: patches through the codec one
by one, or whole photographs coded once.

No network appears here and nothing has a gradient. Book: chapters 6 and 7."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from vcodec.errors import CodecError
from vcodec.images import luma, named_images, to_uint8
from vcodec.standard.protocol import StandardCodec


def sample_qualities(count: int, random: np.random.Generator) -> np.ndarray:
    """Qualities 1 to 100, (count,); the low ones more often, because their steps differ more."""
    return (1 + np.floor(100 * random.random(count) ** 1.5)).clip(1, 100).astype(int)


class PatchSampler:
    """Random square patches, flipped and turned, from pictures that are kept in memory.

    images: uint8 arrays; convert: what of a picture is learned from, uint8 (H, W) or (H, W, 3).
    `sample(n)` -> float32 (n, 1 or 3, size, size) in [0, 1]."""

    def __init__(
        self, images: Sequence[np.ndarray], size: int = 96, seed: int = 0,
        convert: Callable[[np.ndarray], np.ndarray] = luma,
    ):  # fmt: skip
        planes = [convert(image) for image in images]
        self.planes = [plane for plane in planes if min(plane.shape[:2]) >= size]
        if not self.planes:
            raise CodecError(f"no training image is as large as a patch of {size}x{size} pixels")
        self.size = size
        self.random = np.random.default_rng(seed)
        areas = np.array([plane.shape[0] * plane.shape[1] for plane in self.planes], float)
        self.weights = areas / areas.sum()

    def sample(self, count: int) -> Tensor:
        patches = [self._one(self.planes[i]) for i in self.random.choice(len(self.planes), count, p=self.weights)]
        batch = torch.from_numpy(np.stack(patches)).float() / 255
        return batch[:, None] if batch.ndim == 3 else batch.permute(0, 3, 1, 2)

    def _one(self, plane: np.ndarray) -> np.ndarray:
        top, left = (self.random.integers(0, edge - self.size + 1) for edge in plane.shape[:2])
        patch = np.rot90(plane[top : top + self.size, left : left + self.size], int(self.random.integers(4)))
        return patch[:, ::-1] if self.random.integers(2) else patch


class BatchCodec:
    """A batch of gray patches through real files, in parallel threads: for codecs of a millisecond.

    y (N, 1, H, W) in [0, 1], N qualities -> z of the same shape and the real bits of each patch, less the
    bits of the file's frame (headers, tables), which no network can change."""

    def __init__(self, codec: StandardCodec, threads: int = 2):
        self.codec = codec
        self.pool = ThreadPoolExecutor(threads)

    @cached_property
    def frame_bytes(self) -> int:
        return len(self.codec.encode(np.full((8, 8), 128, np.uint8), 50)) - 1  # its one block takes a byte

    def __call__(self, y: Tensor, qualities: Iterable[int]) -> tuple[Tensor, Tensor]:
        pictures = to_uint8(y).cpu().numpy()[:, 0]
        coded = list(self.pool.map(self._one, pictures, qualities))
        z = torch.from_numpy(np.stack([decoded for decoded, _ in coded]))[:, None]
        bits = torch.tensor([8.0 * (size - self.frame_bytes) for _, size in coded])
        return z.to(y.device).float() / 255, bits.to(y.device)

    def _one(self, picture: np.ndarray, quality: int) -> tuple[np.ndarray, int]:
        data = self.codec.encode(picture, int(quality))
        return self.codec.decode(data), len(data)


class Job(NamedTuple):
    """What to code: the index of a photograph and of a codec, and a quality."""

    photo: int
    codec: int
    quality: int


class CodedPhotos:
    """Photographs before and behind the codec, coded whole: slow codecs are paid once, for many patches.

    photos: uint8, (H, W[, 3]).  codecs: ours, and others' of which `foreign` is the share (scale 1 alone).
    resample(plane, quality) -> what our codec is given.  patch: side of x in a batch; even at scale 2.
    `share` encodes its part of a list of jobs and returns all results, for several processes side by side."""

    def __init__(
        self, photos: Sequence[np.ndarray], codecs: Sequence[StandardCodec], scale: int, patch: int, seed: int,
        resample: Callable[[np.ndarray, int], np.ndarray], foreign: float = 0.0, threads: int = 2,
        share: Callable[[list[Job], Callable], list] = lambda jobs, work: list(work(jobs)),
    ):  # fmt: skip
        planes = [p[: p.shape[0] // 2 * 2, : p.shape[1] // 2 * 2] for p in map(luma, photos)]
        self.planes = [p for p in planes if min(p.shape) >= patch]
        if not self.planes:
            raise CodecError(f"no training image is as large as a patch of {patch}x{patch} pixels")
        self.codecs, self.scale, self.patch, self.resample, self.share = codecs, scale, patch, resample, share
        self.foreign = foreign if scale == 1 else 0.0
        self.random = np.random.default_rng(seed)
        self.pool = ThreadPoolExecutor(threads)
        self.jobs: list[Job] = []
        self.pictures: list[np.ndarray] = []  # what the codec delivered for each job

    def fill(self, jobs: list[Job] | None = None) -> None:
        """Code every photograph once, at a quality of its own; or exactly `jobs`."""
        self.jobs = [self._draw(photo) for photo in range(len(self.planes))] if jobs is None else jobs
        self.pictures = self.share(self.jobs, self._coded)

    def refresh(self, count: int) -> None:
        """Replace the `count` oldest by others."""
        new = [self._draw(int(photo)) for photo in self.random.integers(len(self.planes), size=count)]
        self.jobs = self.jobs[count:] + new
        self.pictures = self.pictures[count:] + self.share(new, self._coded)

    def _draw(self, photo: int) -> Job:
        foreign = len(self.codecs) > 1 and self.random.random() < self.foreign
        codec = int(self.random.integers(1, len(self.codecs))) if foreign else 0
        return Job(photo, codec, int(sample_qualities(1, self.random)[0]))

    def _coded(self, jobs: Sequence[Job]) -> Iterable[np.ndarray]:
        return tqdm(self.pool.map(self._one, jobs), "coding photographs", len(jobs), delay=1, leave=False)

    def _one(self, job: Job) -> np.ndarray:
        codec, plane = self.codecs[job.codec], self.planes[job.photo]
        y = plane if job.codec else self.resample(plane, job.quality)
        return codec.decode(codec.encode(y, job.quality))

    def sample(self, count: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Patches of x (count, 1, P, P) and z (count, 1, P/scale, P/scale) in [0, 1], qualities, steps (count,)."""
        chosen = self.random.integers(len(self.jobs), size=count)
        pairs = [self._patches(self.jobs[i], self.pictures[i]) for i in chosen]
        x, z = (torch.from_numpy(np.stack(part))[:, None].float() / 255 for part in zip(*pairs, strict=True))
        qualities = torch.tensor([self.jobs[i].quality for i in chosen])
        steps = torch.tensor([self.codecs[self.jobs[i].codec].step(self.jobs[i].quality) for i in chosen])
        return x, z, qualities, steps.float()

    def _patches(self, job: Job, picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The same place in both, turned and flipped alike. Corners are even: there the networks' 2x2 grid starts."""
        side = self.patch // self.scale
        grid = 2 if self.scale == 1 else 1
        top, left = (grid * int(self.random.integers((edge - side) // grid + 1)) for edge in picture.shape)
        turns, flip = int(self.random.integers(4)), int(self.random.choice([-1, 1]))

        def cut(plane: np.ndarray, scale: int) -> np.ndarray:
            part = plane[scale * top : scale * (top + side), scale * left : scale * (left + side)]
            return np.rot90(part, turns)[:, ::flip]

        return cut(self.planes[job.photo], self.scale), cut(picture, 1)


def split(data: str, held_out: str | None = None) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Pictures to learn from and to judge by: folders with commas between, or every tenth picture is held out."""
    images = [image for folder in data.split(",") for image in named_images(folder).values()]
    if held_out:
        return images, list(named_images(held_out).values())
    return [image for i, image in enumerate(images) if i % 10], images[::10]

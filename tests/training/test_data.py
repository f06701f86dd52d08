"""Do patches and whole photographs pass the real codec, in order, and do x and z show the same place?"""

import warnings
from typing import ClassVar

import numpy as np
import pytest
import torch

from vcodec.errors import CodecError
from vcodec.images import luma, to_float, to_uint8
from vcodec.networks import halve
from vcodec.standard import CODECS, TUNED_JPEG, Jpeg
from vcodec.training import BatchCodec, CodedPhotos, Job, PatchSampler
from vcodec.training.data import sample_qualities

JPEG = CODECS["jpeg"]
RANDOM = np.random.default_rng(0)
SMALL = np.zeros((5, 7), np.uint8)


def test_qualities_reach_from_1_to_100_and_prefer_the_low():
    qualities = sample_qualities(20000, np.random.default_rng(0))
    assert (qualities.min(), qualities.max()) == (1, 100)
    assert 0.60 < (qualities <= 50).mean() < 0.66  # 0.5^(1/1.5) = 0.63


# Patches without a codec.


def test_patches_come_in_all_eight_symmetries_and_no_other_form():
    plane = RANDOM.permutation(64).astype(np.uint8).reshape(8, 8)
    turned = [np.rot90(p, k) for p in (plane, plane.T) for k in range(4)]
    patches = to_uint8(PatchSampler([plane], size=8).sample(200))[:, 0].numpy()  # misses one with 2e-11
    assert {p.tobytes() for p in patches} == {t.tobytes() for t in turned}


def test_patches_come_from_everywhere_and_depend_on_the_seed_alone():
    pictures = [RANDOM.integers(0, 128, (9, 9), np.uint8), np.full((18, 9), 255, np.uint8), SMALL]
    corners = {pictures[0][r : r + 8, c : c + 8].sum() for r in (0, 1) for c in (0, 1)}
    patches = PatchSampler(pictures, size=8, seed=3).sample(300)
    assert patches.shape == (300, 1, 8, 8)
    sums = (255 * patches).sum((1, 2, 3)).round().int().tolist()
    assert corners | {255 * 64} == set(sums)  # all four positions; SMALL is too small
    assert 0.57 < np.mean([s == 255 * 64 for s in sums]) < 0.77  # by area: two thirds, within 3.5 sigma
    assert torch.equal(patches, PatchSampler(pictures, size=8, seed=3).sample(300))
    assert not torch.equal(patches, PatchSampler(pictures, size=8, seed=4).sample(300))
    with pytest.raises(CodecError, match="as large as"):
        PatchSampler([SMALL], size=8)


# Patches one by one.


def test_threads_leave_the_filters_of_warnings_as_they_were(photo):
    """`warnings.catch_warnings` in a thread would leave another thread's filters behind: it is not made for threads."""
    batch, y = BatchCodec(Jpeg(optimize=False), threads=4), to_float(luma(photo)).expand(32, -1, -1, -1)
    before = warnings.filters[:]
    for _ in range(5):
        batch(y, [50] * 32)
    assert warnings.filters == before


@pytest.mark.parametrize(
    ("codec", "threads"),
    [(Jpeg(luma_table=TUNED_JPEG.luma_table, optimize=False), 1), (JPEG, 4), (TUNED_JPEG, 4),
     (CODECS["jpeg2000"], 4), (CODECS["webp-tuned"], 4), (CODECS["avif-tuned"], 4), (CODECS["heic-tuned"], 4)],
    ids=lambda value: getattr(value, "name", value),
)  # fmt: skip
def test_a_batch_sees_the_real_files_of_its_patches_in_order(codec, threads, photo):
    y = torch.stack([to_float(luma(photo))[0, :, r : r + 32, r : r + 48] for r in range(0, 90, 9)])
    qualities = [int(q) for q in np.linspace(1, 100, len(y))]
    batch = BatchCodec(codec, threads)
    z, bits = batch(y, qualities)
    assert z.shape == y.shape and z.dtype == torch.float32 and bits.shape == (len(y),)
    for picture, decoded, spent, quality in zip(y, z, bits, qualities, strict=True):
        data = codec.encode((255 * picture[0]).round().byte().numpy(), quality)
        assert torch.equal(decoded[None], to_float(codec.decode(data)))
        assert spent == 8 * (len(data) - batch.frame_bytes)


def test_the_frame_is_what_every_file_has():
    """Headers and tables: no smaller file exists, and a flat block costs a byte more."""
    batch = BatchCodec(Jpeg(optimize=False))
    flat = torch.full((3, 1, 8, 8), 128 / 255)
    assert batch(flat, [1, 50, 100])[1].tolist() == [8, 8, 8]
    assert (batch(torch.rand(3, 1, 32, 32), [1, 50, 100])[1] > 8).all()


def test_no_gradient_passes_the_real_codec():
    y = torch.rand(2, 1, 16, 16, requires_grad=True)
    z, bits = BatchCodec(JPEG)(y, [10, 20])
    assert not z.requires_grad and not bits.requires_grad


# Whole photographs.


class Lossless:
    """A codec whose file holds the pixels themselves; or, `stamped`, its quality in every one of them."""

    name = format = settings = "none"
    suffixes: ClassVar = (".raw",)

    def __init__(self, stamped: bool = False, worth: int = 0):
        self.stamped, self.worth = stamped, worth

    def encode(self, image: np.ndarray, quality: int, comment: bytes = b"") -> bytes:
        pixels = np.full_like(image, quality + self.worth) if self.stamped else image
        return image.shape[0].to_bytes(4, "big") + pixels.tobytes()

    def decode(self, data: bytes) -> np.ndarray:
        return np.frombuffer(data[4:], np.uint8).reshape(int.from_bytes(data[:4], "big"), -1)

    def comment(self, data: bytes) -> bytes:
        return b""

    def step(self, quality: int) -> float:
        return 1000.0 + quality + self.worth

    def step_of(self, data: bytes) -> float:
        return 1.0


def same(plane: np.ndarray, quality: int) -> np.ndarray:
    return plane


def blocky(height: int, width: int) -> np.ndarray:
    """A picture of 2x2 blocks, no two alike next to each other."""
    return np.kron(RANDOM.integers(0, 256, (height // 2, width // 2), np.uint8), np.ones((2, 2), np.uint8))


@pytest.mark.parametrize("scale", [1, 2])
def test_x_and_z_show_the_same_place_turned_and_flipped_alike(scale):
    """With a codec and a re-sampler that lose nothing, z must be x, or every second pixel of it."""
    photos = CodedPhotos(
        [blocky(60, 44), blocky(38, 90)], [Lossless()], scale, 16, seed=0,
        resample=lambda plane, quality: plane[::scale, ::scale],
    )  # fmt: skip
    photos.fill()
    x, z, qualities, steps = photos.sample(200)
    assert x.shape == (200, 1, 16, 16) and z.shape == (200, 1, 16 // scale, 16 // scale)
    assert torch.equal(z, x[..., ::scale, ::scale])
    assert qualities.shape == steps.shape == (200,) and steps.dtype == torch.float32
    # Every corner lies on the grid of 2x2 blocks: there the networks' own grid starts.
    assert torch.equal(x[..., ::2, ::2], x[..., 1::2, 1::2])
    assert len({patch.numpy().tobytes() for patch in x}) > 150


def test_all_eight_turns_and_flips_and_all_places_are_drawn():
    corner = np.zeros((16, 16), np.uint8)
    corner[0, 0], corner[0, 1] = 255, 128
    photos = CodedPhotos([corner], [Lossless()], 1, 16, seed=0, resample=same)
    photos.fill()
    x, z, _, _ = photos.sample(120)
    assert torch.equal(x, z) and len({patch.numpy().tobytes() for patch in x}) == 8
    ramp = np.add.outer(np.arange(20), 10 * np.arange(24)).astype(np.uint8) // 2 * 2
    photos = CodedPhotos([ramp], [Lossless()], 1, 16, seed=0, resample=same)
    photos.fill()
    assert {int(255 * patch.min()) for patch in photos.sample(200)[0]} == {
        int(ramp[top, left]) for top in (0, 2, 4) for left in (0, 2, 4, 6, 8)
    }


def test_odd_and_small_photographs():
    photos = CodedPhotos([blocky(16, 16), blocky(34, 36)[:33, :35], blocky(14, 90)], [Lossless()], 1, 16, 0, same)
    assert [plane.shape for plane in photos.planes] == [(16, 16), (32, 34)]
    with pytest.raises(CodecError, match="patch of 40x40"):
        CodedPhotos([blocky(38, 90)], [Lossless()], 1, 40, 0, same)


@pytest.mark.parametrize("scale", [1, 2])
def test_quality_and_step_are_those_of_the_picture(scale):
    """The stamp in each pixel says at which quality it was really coded, and by whom."""
    codecs = [Lossless(stamped=True), Lossless(stamped=True, worth=100)]
    photos = CodedPhotos(
        [blocky(40, 40)] * 30, codecs, scale, 16, 0, lambda plane, quality: plane[::scale, ::scale], foreign=0.5
    )
    photos.fill()
    assert [job.photo for job in photos.jobs] == list(range(30)) and len({job.quality for job in photos.jobs}) > 10
    _, z, qualities, steps = photos.sample(100)
    stamps = (255 * z[:, 0, 0, 0]).round()
    foreign = stamps > qualities
    assert torch.equal(stamps, qualities + 100 * foreign) and torch.equal(steps, 1000 + stamps)
    assert 0.2 < foreign.float().mean() < 0.8 if scale == 1 else not foreign.any()  # others' files are never half


def test_what_others_code_has_not_passed_our_resampler():
    codecs, seen = [Lossless(), Lossless()], []
    photos = CodedPhotos([blocky(20, 20)], codecs, 1, 16, 0, lambda p, q: seen.append(q) or 255 - p, foreign=0.5)
    photos.fill([Job(0, 0, 7), Job(0, 1, 9)])
    assert seen == [7]
    assert np.array_equal(photos.pictures[0], 255 - photos.planes[0])
    assert np.array_equal(photos.pictures[1], photos.planes[0])


def test_refresh_replaces_the_oldest_and_codes_only_the_new():
    coded = []

    def resample(plane: np.ndarray, quality: int) -> np.ndarray:
        coded.append(quality)
        return plane

    photos = CodedPhotos([blocky(20, 20)] * 6, [Lossless(stamped=True)], 1, 16, 0, resample, threads=1)
    photos.fill()
    jobs = photos.jobs
    assert coded == [job.quality for job in jobs]
    photos.refresh(2)
    assert photos.jobs[:4] == jobs[2:] and len(photos.jobs) == 6 and coded[6:] == [j.quality for j in photos.jobs[4:]]
    assert all((picture == job.quality).all() for job, picture in zip(photos.jobs, photos.pictures, strict=True))


def interleaved(jobs: list[Job], work) -> list:
    """Two processes side by side, one after the other."""
    results = [None] * len(jobs)
    for rank in (1, 0):
        results[rank::2] = work(jobs[rank::2])
    return results


def test_the_same_seed_gives_the_same_data_however_the_work_is_shared(photo):
    def data(seed: int, **how) -> list[torch.Tensor]:
        pictures = [luma(photo)[:64, :80], luma(photo)[40:, 60:], luma(photo)[:50, 90:]]
        photos = CodedPhotos(pictures, [JPEG, CODECS["webp"]], 1, 32, seed, same, foreign=0.3, **how)
        photos.fill()
        first = photos.sample(6)
        photos.refresh(2)
        return [*first, *photos.sample(6)]

    alone = data(5)
    for other in (data(5, threads=4), data(5, share=interleaved)):
        assert all(torch.equal(a, b) for a, b in zip(alone, other, strict=True))
    assert not torch.equal(alone[0], data(6)[0])


@pytest.mark.parametrize("codec", [JPEG, TUNED_JPEG, CODECS["avif-tuned"]], ids=lambda codec: codec.name)
def test_photographs_pass_the_real_codec_behind_the_resampler(codec, photo):
    def small(plane: np.ndarray, quality: int) -> np.ndarray:
        return (255 * halve(to_float(plane)))[0, 0].round().byte().numpy()

    photos = CodedPhotos([photo], [codec], 2, 32, 0, small)
    photos.fill([Job(0, 0, 20), Job(0, 0, 60)])
    for job, picture in zip(photos.jobs, photos.pictures, strict=True):
        assert np.array_equal(picture, codec.decode(codec.encode(small(luma(photo), 0), job.quality)))

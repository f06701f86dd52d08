"""Are the files ordinary JPEGs, and do size, step and comment mean what the rest of the code believes?"""

import io
import shutil
import subprocess
import warnings

import numpy as np
import pytest
import torch
from PIL import Image

from vcodec.codecs import (
    CODECS,
    QUALITIES,
    TUNED_JPEG,
    BatchCodec,
    Jpeg,
    best_quality,
    check_quality,
    geometric_mean,
    scaled_table,
)
from vcodec.errors import CodecError
from vcodec.images import embedded, luma, to_float
from vcodec.metrics import psnr
from vcodec.scic import plain

JPEG = CODECS["jpeg"]
BOTH = pytest.mark.parametrize("codec", CODECS.values(), ids=list(CODECS))


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def test_our_annex_k_tables_are_libjpegs_at_all_qualities():
    for quality in QUALITIES:
        buffer = io.BytesIO()
        Image.new("RGB", (8, 8)).save(buffer, "JPEG", quality=quality)
        assert [list(t) for t in opened(buffer.getvalue()).quantization.values()] == Jpeg().tables(quality)


@BOTH
def test_the_step_is_that_of_the_file_and_falls_with_quality(codec):
    steps = [codec.step(q) for q in QUALITIES]
    assert sorted(steps, reverse=True) == steps and steps[0] > 100 and steps[-1] < 2
    for quality in (1, 10, 50, 75, 100):
        assert codec.step_of(codec.encode(np.zeros((8, 8), np.uint8), quality)) == codec.step(quality)


@BOTH
@pytest.mark.parametrize("gray", [True, False])
def test_pillow_opens_the_file_without_a_word(codec, gray, photo):
    image = opened(codec.encode(luma(photo) if gray else photo, 30, b"note"))
    assert (image.format, image.mode) == ("JPEG", "L" if gray else "RGB") and image.size == photo.shape[1::-1]
    factors = [component[1:3] for component in image.layer]
    assert factors == ([(1, 1)] if gray else [(2, 2), (1, 1), (1, 1)])  # colour at 4:2:0
    assert not image.info.get("progressive")


PROGRAMS = {
    "djpeg": ["-outfile", "/dev/null", "photo.jpg"],
    "identify": ["-verbose", "photo.jpg"],
    "magick" if shutil.which("magick") else "convert": ["photo.jpg", "photo.ppm"],
}


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("scale", [1, 2])
def test_other_programs_open_a_scic_file_without_a_word(program, scale, photo, untrained, tmp_path):
    if not shutil.which(program):
        pytest.skip(f"{program} is not installed (packages libjpeg-turbo-progs and imagemagick)")
    (tmp_path / "photo.jpg").write_bytes(untrained.encode(photo, quality=10, scale=scale))
    done = subprocess.run([program, *PROGRAMS[program]], cwd=tmp_path, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


@BOTH
def test_size_and_fidelity_grow_with_quality(codec, photo):
    grid = (1, 5, 10, 20, 40, 60, 80, 95, 100)
    files = [codec.encode(photo, q) for q in grid]
    scores = [psnr(codec.decode(data), photo) for data in files]
    assert sorted(map(len, files)) == [len(data) for data in files] and sorted(scores) == scores
    assert scores[0] < 26 and scores[-1] > 38  # at 100 only the halved chroma is missing


@pytest.mark.parametrize("comment", [b"", b"VC\x00\x01 anything \xff\xd9\xff", bytes(range(24)), b"x" * 24])
def test_the_comment_comes_back_and_costs_four_bytes_more_than_its_length(comment):
    image = np.zeros((16, 16, 3), np.uint8)
    data = JPEG.encode(image, 50, comment)
    assert JPEG.comment(data) == comment
    assert len(data) == len(JPEG.encode(image, 50)) + (len(comment) + 4 if comment else 0)  # marker and length
    assert np.array_equal(JPEG.decode(data), image)


@pytest.mark.parametrize("quality", [0, 101, -1, 2.5, 10.0, True, "10", None, np.float64(3)])
def test_qualities_that_are_none_are_refused(quality):
    for use in (check_quality, lambda q: JPEG.encode(np.zeros((8, 8), np.uint8), q)):
        with pytest.raises(CodecError, match="whole number from 1 to 100"):
            use(quality)
    check_quality(np.int64(10))


def test_more_pixels_than_jpeg_holds_are_refused():
    with pytest.raises(CodecError, match="65500"):
        JPEG.encode(np.zeros((1, 65501), np.uint8), 50)
    assert JPEG.decode(JPEG.encode(np.zeros((1, 65500), np.uint8), 50)).shape == (1, 65500)


def test_other_formats_and_damaged_files_are_refused(photo):
    buffer = io.BytesIO()
    Image.fromarray(photo).save(buffer, "PNG")
    for use in (JPEG.decode, JPEG.comment, JPEG.step_of):
        with pytest.raises(CodecError, match="PNG file, not a JPEG"):
            use(buffer.getvalue())
        with pytest.raises(CodecError):
            use(b"\xff\xd8\xff\xe0 and no more")
    with pytest.raises(CodecError):
        JPEG.decode(JPEG.encode(photo, 50)[:-100])


def with_luma_table(data: bytes, number: int | None = None, entry: int | None = None) -> bytes:
    """A gray JPEG whose quantisation table has another number, or another first entry."""
    changed = bytearray(data)
    tables, frame = data.index(b"\xff\xdb"), data.index(b"\xff\xc0")
    if number is not None:
        changed[tables + 4] = changed[frame + 12] = number
    if entry is not None:
        changed[tables + 5] = entry
    return bytes(changed)


def test_the_step_is_that_of_luma_however_the_tables_are_stored(photo):
    """T.81 allows numbers 0 to 3, and any order: the frame header says which one luma uses."""
    data = JPEG.encode(luma(photo), 20)
    other = with_luma_table(data, number=1)
    assert JPEG.step_of(other) == JPEG.step(20) and np.array_equal(plain().decode(other), JPEG.decode(data))
    data = JPEG.encode(photo, 20)
    first, second = data.index(b"\xff\xdb"), data.rindex(b"\xff\xdb")
    end = second + 69  # a table is 64 numbers and five bytes before them
    swapped = data[:first] + data[second:end] + data[first:second] + data[end:]
    assert JPEG.step_of(swapped) == JPEG.step(20) and np.array_equal(JPEG.decode(swapped), JPEG.decode(data))


def test_a_table_with_a_step_of_zero_is_refused(photo):  # its logarithm would turn the picture into NaN
    with pytest.raises(CodecError):
        JPEG.step_of(with_luma_table(JPEG.encode(luma(photo), 20), entry=0))


def test_geometric_mean_and_scaled_tables_by_hand():
    assert geometric_mean([2, 8]) == pytest.approx(4)
    assert scaled_table(np.array([10, 100, 200]), 50).tolist() == [10, 100, 200]
    assert scaled_table(np.array([10, 100, 200]), 25).tolist() == [20, 200, 255]
    assert scaled_table(np.array([10, 100, 200]), 100).tolist() == [1, 1, 1]


@pytest.mark.parametrize("name", ["chelsea", "coffee", "camera"])
@BOTH
def test_the_best_quality_is_really_the_best(name, codec):
    image = embedded(name)[100:228, 150:278]
    sizes = {q: len(codec.encode(image, q)) for q in QUALITIES}
    for budget in (min(sizes.values()), 900, 1500, 2500.5, 6000, max(sizes.values()) + 1):
        asked = []
        quality, data = best_quality(lambda q, asked=asked: asked.append(q) or codec.encode(image, q), budget)
        assert quality == max(q for q, size in sizes.items() if size <= budget)
        assert data == codec.encode(image, quality) and len(asked) <= 8


def test_a_budget_that_no_file_keeps_is_refused_with_the_smallest_size(photo):
    smallest = len(JPEG.encode(photo, 1))
    with pytest.raises(CodecError, match=str(smallest)):
        best_quality(lambda q: JPEG.encode(photo, q), smallest - 1)


# The codec of the training.


def test_threads_leave_the_filters_of_warnings_as_they_were(photo):
    """`warnings.catch_warnings` in a thread would leave another thread's filters behind: it is not made for threads."""
    batch, y = BatchCodec(Jpeg(optimize=False), threads=4), to_float(luma(photo)).expand(32, -1, -1, -1)
    before = warnings.filters[:]
    for _ in range(5):
        batch(y, [50] * 32)
    assert warnings.filters == before


@pytest.mark.parametrize("threads", [1, 4])
def test_a_batch_sees_the_real_files_of_its_patches_in_order(threads, photo):
    y = torch.stack([to_float(luma(photo))[0, :, r : r + 32, r : r + 48] for r in range(0, 90, 9)])
    qualities = [int(q) for q in np.linspace(1, 100, len(y))]
    codec = Jpeg(luma_table=TUNED_JPEG.luma_table, optimize=False)
    batch = BatchCodec(codec, threads)
    z, bits = batch(y, qualities)
    assert z.shape == y.shape and z.dtype == torch.float32 and bits.shape == (len(y),)
    for picture, decoded, spent, quality in zip(y, z, bits, qualities, strict=True):
        data = codec.encode((255 * picture[0]).round().byte().numpy(), quality)
        assert torch.equal(decoded[None], to_float(codec.decode(data)))
        assert spent == 8 * (len(data) - batch.frame_bytes)


def test_the_frame_is_what_every_file_has(photo):
    """Headers and tables: no smaller file exists, and a flat block costs a byte more."""
    batch = BatchCodec(Jpeg(optimize=False))
    flat = torch.full((3, 1, 8, 8), 128 / 255)
    assert batch(flat, [1, 50, 100])[1].tolist() == [8, 8, 8]
    assert (batch(torch.rand(3, 1, 32, 32), [1, 50, 100])[1] > 8).all()


def test_no_gradient_passes_the_real_codec():
    y = torch.rand(2, 1, 16, 16, requires_grad=True)
    z, bits = BatchCodec(JPEG)(y, [10, 20])
    assert not z.requires_grad and not bits.requires_grad

"""Do all codecs keep the one protocol: ordinary files, quality that means something, a comment that travels?"""

import io
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from conftest import opened
from PIL import Image

from vcodec.errors import CodecError
from vcodec.images import luma
from vcodec.metrics import psnr
from vcodec.quality import QUALITIES
from vcodec.scic import FRAMEWORKS
from vcodec.standard import CODECS, codec_for, codec_of

EVERY = pytest.mark.parametrize("codec", CODECS.values(), ids=list(CODECS))
OURS = pytest.mark.parametrize("codec", FRAMEWORKS.values(), ids=list(FRAMEWORKS))  # one for each format
COMMENT_COSTS = {"JPEG": 4, "JPEG2000": 6, "WEBP": 8, "AVIF": 8, "HEIF": 8}  # bytes beside the comment's own


def saved(image: np.ndarray, kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, kind)
    return buffer.getvalue()


def test_every_codec_has_its_own_name_and_says_how_it_encodes():
    assert all(codec.name == name and len(codec.settings) > 10 for name, codec in CODECS.items())
    assert len({codec.settings for codec in CODECS.values()} | {"jpeg-table's are jpeg's"}) == len(CODECS)
    assert {codec.format for codec in FRAMEWORKS.values()} == set(COMMENT_COSTS)


@OURS
@pytest.mark.parametrize("gray", [True, False], ids=["gray", "colour"])
@pytest.mark.parametrize("size", [(1, 1), (1, 7), (7, 1), (2, 2), (17, 33)])
def test_every_size_comes_back_with_and_without_a_comment(codec, size, gray):
    image = np.random.default_rng(0).integers(0, 256, size if gray else (*size, 3), np.uint8)
    bare, told = codec.encode(image, 30), codec.encode(image, 30, bytes(range(24)))
    assert codec.comment(told) == bytes(range(24)) and len(told) == len(bare) + 24 + COMMENT_COSTS[codec.format]
    decoded = codec.decode(told)
    assert decoded.shape == image.shape and decoded.dtype == np.uint8
    assert np.array_equal(decoded, codec.decode(bare))
    theirs = opened(told)
    assert theirs.format == codec.format and theirs.size == size[::-1]
    assert np.array_equal(np.asarray(theirs), np.asarray(opened(bare)))
    assert gray or np.array_equal(np.asarray(theirs), decoded)


@OURS
@pytest.mark.parametrize("comment", [b"\0", b"VC\x00\x01 anything \xff\xd9\xff\x90", b"free", b"\xff\x4f\xff\x51jp2c"])
def test_any_comment_comes_back(codec, comment, photo):
    data = codec.encode(photo[:32, :32], 50, comment)
    even = len(comment) % 2 if codec.format == "WEBP" else 0  # RIFF pads its chunks to even lengths
    assert codec.comment(data) == comment
    assert len(data) == len(codec.encode(photo[:32, :32], 50)) + len(comment) + COMMENT_COSTS[codec.format] + even
    assert codec.encode(photo[:32, :32], 50, b"") == codec.encode(photo[:32, :32], 50)


def boxes(data: bytes) -> list[bytes]:
    """Names of the outermost boxes of a file of ISO boxes; they must end where the file ends."""
    at, names = 0, []
    while at < len(data):
        length = int.from_bytes(data[at : at + 4], "big") or len(data) - at
        names.append(data[at + 4 : at + 8])
        at += length
    assert at == len(data)
    return names


@OURS
def test_containers_add_up_to_the_file(codec, photo):
    """Lengths inside the file know of the comment: a strict reader finds no byte too many."""
    data = codec.encode(photo[:40, :56], 40, b"odd")
    if codec.format == "WEBP":
        assert int.from_bytes(data[4:8], "little") == len(data) - 8
    elif codec.format == "JPEG":
        assert data.endswith(b"\xff\xd9") and data.index(b"odd") < data.index(b"\xff\xdb")
    else:
        assert boxes(data)[-1] == (b"jp2c" if codec.format == "JPEG2000" else b"free")


@EVERY
def test_size_and_fidelity_grow_with_quality(codec, photo):
    image = luma(photo)
    files = [codec.encode(image, q) for q in (1, 10, 25, 45, 65, 85, 100)]
    scores = [psnr(codec.decode(data), image) for data in files]
    assert all(len(a) < len(b) for a, b in pairwise(files)) and sorted(scores) == scores
    assert scores[0] < 28 and scores[-1] > 40


@OURS
def test_colour_is_kept(codec, photo):
    decoded = codec.decode(codec.encode(photo, 90))
    assert psnr(decoded, photo) > 33 and np.abs((decoded.astype(int) - photo).mean((0, 1))).max() < 1


@EVERY
def test_the_step_falls_with_quality(codec):
    steps = [codec.step(q) for q in QUALITIES]
    assert all(a >= b > 0 for a, b in pairwise(steps)) and steps[0] > 20 * steps[-1]
    assert len(set(steps)) > 60 and codec.step(50) == codec.step(np.int64(50))


@EVERY
def test_the_same_picture_makes_the_same_file(codec, photo):
    assert codec.encode(photo[:32, :48], 40) == codec.encode(photo[:32, :48].copy(), np.int64(40))


# Which codec for which file?


@EVERY
def test_other_formats_are_refused_by_name(codec, photo):
    others = [saved(photo[:9, :9], kind) for kind in ("PNG", "JPEG", "WEBP") if kind != codec.format]
    for data in others:
        kind = opened(data).format
        for use in (codec.decode, codec.comment, codec.step_of):
            with pytest.raises(CodecError, match=f"this is a {kind} file, not"):
                use(data)
    for use in (codec.decode, codec.comment, codec.step_of):
        for data, words in ((b"", "empty"), (b"no picture", "not an image")):
            with pytest.raises(CodecError, match=words):
                use(data)


def test_the_format_of_a_file_finds_its_codec(photo):
    for name, codec in FRAMEWORKS.items():
        assert codec_of(codec.encode(photo[:16, :16], 30), FRAMEWORKS) == name
        for suffix in codec.suffixes:
            assert {codec_for(Path(p), FRAMEWORKS) for p in (f"a.b{suffix}", "X" + suffix.upper())} == {name}
    assert codec_of(saved(photo, "JPEG"), CODECS) == "jpeg"  # the first of them
    with pytest.raises(CodecError, match=r"PNG file.*JPEG.*WEBP"):
        codec_of(saved(photo, "PNG"), FRAMEWORKS)
    with pytest.raises(CodecError, match="not an image"):
        codec_of(b"hello", FRAMEWORKS)
    for name in ("photo", "photo.png", "photo.jpg.tif", ".jpg"):
        with pytest.raises(CodecError, match=r"must end in one of \.jpg, \.jp2, \.webp, \.avif, \.heic"):
            codec_for(Path(name), FRAMEWORKS)

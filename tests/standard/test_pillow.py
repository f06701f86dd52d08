"""JPEG 2000, WebP, AVIF and HEIC: gray stays gray, damage ends in a sentence, estimates are sensible."""

import io

import numpy as np
import pytest
from PIL import Image
from PIL.features import version

from vcodec.eight_bit import quiet_pillow
from vcodec.errors import CodecError
from vcodec.images import embedded, luma, open_image
from vcodec.quality import QUALITIES
from vcodec.scic import plain
from vcodec.standard import CODECS
from vcodec.standard.pillow import MODERN

FOUR = [CODECS[name] for name in ("jpeg2000", "webp", "avif", "heic")]
EACH = pytest.mark.parametrize("codec", FOUR, ids=[codec.name for codec in FOUR])


@pytest.mark.parametrize("codec", MODERN, ids=[codec.name for codec in MODERN])
def test_gray_stays_gray_and_colour_stays_colour(codec, photo):
    """WebP has no gray: what it makes of one has three planes, which must be nearly equal at every quality."""
    for quality in (1, 15, 50, 100):
        assert codec.decode(codec.encode(luma(photo), quality)).shape == photo.shape[:2]
        assert codec.decode(codec.encode(photo, quality)).shape == photo.shape


@pytest.mark.parametrize("codec", MODERN, ids=[codec.name for codec in MODERN])
def test_a_colour_picture_without_colour_comes_back_as_one(codec, photo):
    """(H, W, 3) in, (H, W, 3) out. WebP alone cannot tell, so there the header of SCIC does (`Header.gray`)."""
    gray = np.repeat(luma(photo)[:32, :32, None], 3, axis=2)
    decoded = codec.decode(codec.encode(gray, 40))
    assert decoded.shape == (gray.shape[:2] if codec.format == "WEBP" else gray.shape)
    road = plain(codec)
    assert road.decode(road.encode(gray, 40)).shape == gray.shape
    assert road.decode(road.encode(gray[..., 0], 40)).shape == gray.shape[:2]


@EACH
def test_a_switch_of_the_encoder_changes_the_file(codec, photo):
    tuned = CODECS.get(f"{codec.name}-tuned")
    if tuned is None:
        assert codec.name == "jpeg2000"
        return
    assert tuned.encode(luma(photo), 40) != codec.encode(luma(photo), 40) and tuned.settings != codec.settings
    assert tuned.step(40) == codec.step(40)


def test_jpeg_2000_reaches_the_psnr_it_is_asked_for(photo):
    """Its step is that of a uniform quantiser with the same squared error, step^2 / 12."""
    codec, image = CODECS["jpeg2000"], luma(photo)
    for quality in (5, 15, 30):
        error = np.mean((codec.decode(codec.encode(image, quality)).astype(float) - image) ** 2)
        assert error == pytest.approx(codec.step(quality) ** 2 / 12, rel=0.2)


SIDES = {"jpeg2000": 65535, "webp": 16383, "avif": 32768, "heic": 8192}
LARGEST = pytest.mark.parametrize(("name", "side"), SIDES.items())


@LARGEST
def test_more_pixels_than_the_format_holds_are_refused(name, side):
    codec = CODECS[name]
    for shape in ((1, side + 1), (side + 1, 1, 3)):
        with pytest.raises(CodecError, match=f"at most {side} pixels a side, not {side + 1}"):
            codec.encode(np.zeros(shape, np.uint8), 50)


@LARGEST
def test_the_largest_side_is_held(name, side):
    """A file that can be written and not be read would be a loss: libavif stops at 32768, and says so on reading."""
    flat = np.full((64, side), 90, np.uint8)
    decoded = CODECS[name].decode(CODECS[name].encode(flat, 60))
    assert decoded.shape == flat.shape and np.abs(decoded.astype(int) - flat).max() < 16


def test_a_sliver_that_x265_cannot_encode_is_refused_in_one_sentence():
    with pytest.raises(CodecError, match="HEIF cannot hold this picture") as caught:
        CODECS["heic"].encode(np.zeros((2, 6000), np.uint8), 50)
    assert "\n" not in str(caught.value)


def test_what_an_encoder_refuses_is_refused_in_our_words(monkeypatch):
    def refuse(*_, **__):
        raise RuntimeError("out of luck")

    monkeypatch.setattr(Image.Image, "save", refuse)
    for codec in FOUR:
        with pytest.raises(CodecError, match="cannot hold this picture: out of luck"):
            codec.encode(np.zeros((8, 8), np.uint8), 50)


# The step of other people's files.


@EACH
def test_the_step_of_a_foreign_file_is_estimated_within_a_factor_of_3(codec):
    seen = 0
    for name in ("chelsea", "coffee", "camera"):
        image = luma(embedded(name))[:256, :256]
        for quality in (8, 20, 35, 50, 65, 80):
            data = codec.encode(image, quality)
            if 0.1 < 8 * len(data) / image.size < 1:
                seen += 1
                factor = codec.step_of(data) / codec.step(quality)
                assert 1 / 3 < factor < 3, (name, quality, factor)
    assert seen >= 6


@EACH
def test_an_estimated_step_is_one_that_a_quality_could_have(codec):
    tiny, noise = np.zeros((64, 64), np.uint8), np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)
    for image, quality in ((tiny, 1), (tiny, 100), (noise, 1), (noise, 100)):
        step = codec.step_of(codec.encode(image, quality))
        assert codec.step(100) <= step <= codec.step(1) or (step == 0 and quality == 100)  # AV1's 0: without loss
    files = [codec.encode(noise, quality) for quality in QUALITIES[10::30]]
    steps = [codec.step_of(data) for data in files]
    assert sorted(steps, reverse=True) == steps  # more bits, a finer step


# Damage.


def uses(codec, data: bytes) -> list[bool]:
    """Which of the three ways into a file refuse it; anything but an answer or a CodecError escapes."""
    outcomes = []
    for use in (codec.decode, codec.comment, codec.step_of):
        try:
            answer = use(data)
        except CodecError as error:
            assert "\n" not in str(error)
            outcomes.append(True)
        else:
            assert not isinstance(answer, np.ndarray) or (answer.dtype == np.uint8 and answer.size)
            outcomes.append(False)
    return outcomes


def small(data: bytes) -> bool:
    """Whether what is left of the header announces a picture for a test of seconds."""
    try:
        image = open_image(data, decode=False)
    except CodecError:
        return True
    return image.width * image.height < 1e6


@EACH
def test_flipped_bits_end_in_a_picture_or_a_sentence(codec, photo):
    random = np.random.default_rng(0)
    whole = codec.encode(photo[:40, :48], 50, bytes(range(24)))
    outcomes = []
    with quiet_pillow():  # as around every entry point for files from outside
        for _ in range(100):
            data = bytearray(whole)
            reach = len(data) if random.random() < 0.4 else min(300, len(data))  # headers oftener than pixels
            for place in random.integers(reach, size=random.integers(1, 4)):
                data[place] ^= 1 << random.integers(8)
            if small(bytes(data)):
                outcomes.append(uses(codec, bytes(data))[0])
    assert len(outcomes) > 50 and 0.05 < np.mean(outcomes) < 0.99  # both ends were reached


@EACH
def test_a_file_cut_short_is_refused(codec, photo):
    whole = codec.encode(photo[:40, :48], 50)
    random = np.random.default_rng(0)
    with quiet_pillow():
        for length in [*range(0, 40, 3), *random.integers(40, len(whole) - 2, 25)]:
            assert uses(codec, whole[:length])[0], f"{length} of {len(whole)} bytes gave a picture"


@EACH
def test_a_foreign_file_has_no_comment_of_ours(codec, photo):
    buffer = io.BytesIO()
    Image.fromarray(photo[:16, :16]).save(buffer, codec.format)
    assert codec.comment(buffer.getvalue()) in (b"", b"Created by OpenJPEG version " + version("jpg_2000").encode())

"""Do JPEG 2000, WebP, AVIF and HEIC carry a SCIC file as JPEG does?"""

import io

import numpy as np
import pytest
from conftest import SCALES, jpeg, shaken
from PIL import Image

from vcodec.errors import CodecError
from vcodec.images import luma
from vcodec.metrics import psnr, psnr_y
from vcodec.networks import NetworkPair, build_networks
from vcodec.scic import FRAMEWORKS, Scic, describe, framework_of, load, plain
from vcodec.scic.header import MAGIC, Header, check, size_check

MODERN = pytest.mark.parametrize("name", [name for name in FRAMEWORKS if name != "scic-jpeg"])


@pytest.fixture(scope="module")
def restless() -> dict[int, NetworkPair]:
    """Tiny networks that change every pixel."""
    tiny = {scale: map(shaken, build_networks("tiny", scale)) for scale in (1, 2)}
    return {scale: NetworkPair(scale, *networks, b"tiny") for scale, networks in tiny.items()}


@MODERN
@SCALES
@pytest.mark.parametrize("gray", [True, False], ids=["gray", "colour"])
@pytest.mark.parametrize("size", [(1, 7), (17, 33), (32, 24)])
def test_every_format_carries_every_size_and_its_header(size, gray, scale, name, restless):
    random = np.random.default_rng(0)
    image = random.integers(0, 256, size if gray else (*size, 3), np.uint8)
    codec = Scic(FRAMEWORKS[name], restless)
    data = codec.candidate(image, 30, scale).data  # as before `encode` finds that such networks only harm
    assert Image.open(io.BytesIO(data)).size == tuple(-(-s // scale) for s in size[::-1])
    assert framework_of(data) == name
    odd = tuple(s % 2 for s in size) if scale == 2 else (0, 0)
    coded = size_check(*(-(-s // scale) for s in size))
    assert codec.header(data) == Header(scale, odd, 30, b"ti", gray, tall=size[0] > size[1], size_check=coded)
    restored, facts = codec.decode(data), describe(data)
    assert restored.shape == image.shape and restored.dtype == np.uint8
    assert (facts["original_height"], facts["original_width"], facts["scale"]) == (*size, scale)
    assert facts["framework"] == name and facts["quality"] == 30 and facts["network_id"] == b"ti".hex()
    assert facts["step"] == round(FRAMEWORKS[name].step(30), 2) and facts["bytes"] == len(data)


@MODERN
@SCALES
def test_every_format_at_step_0_is_the_plain_codec(name, scale, photo, weights):
    """Also proof that the networks of the folder are at work on both sides, and that gray stays gray."""
    ours, theirs, image = load(name, weights), plain(FRAMEWORKS[name]), luma(photo)[:48, :61]
    assert ours.networks[scale].idn is not None
    data = ours.encode(image, quality=25, scale=scale)
    assert np.array_equal(ours.decode(data), theirs.decode(theirs.encode(image, quality=25, scale=scale)))
    assert psnr(ours.decode(data), image) > 20


@MODERN
def test_any_file_of_a_format_decodes_with_a_note(name, photo, weights, caplog):
    codec = load(name, weights)
    for image in (photo[:40, :50], luma(photo)[:40, :50]):
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, codec.codec.format, quality=80)
        restored = codec.decode(buffer.getvalue())
        assert "no vcodec header" in caplog.text and restored.shape == image.shape and psnr_y(restored, image) > 25
        facts = describe(buffer.getvalue())
        assert "framework" not in facts and "step" in facts and facts["format"] == codec.codec.format
        caplog.clear()


@MODERN
@SCALES
def test_every_format_refuses_other_weights_and_other_formats(name, scale, photo, weights, restless):
    codec, other = load(name, weights), Scic(FRAMEWORKS[name], restless)
    with pytest.raises(CodecError, match=f"network {b'ti'.hex()},.*{codec.networks[scale].network_id[:2].hex()}"):
        codec.decode(other.candidate(photo[:16, :16], 30, scale).data)
    with pytest.raises(CodecError, match="JPEG file, not"):
        codec.decode(jpeg(photo[:16, :16]))


@MODERN
def test_every_format_from_the_future_or_damaged_is_refused(name, photo, weights):
    codec = load(name, weights)
    later = MAGIC + b"\x40\x0a" + check(b"\x40\x0a" + bytes(4)) + bytes(4)  # version 4
    for comment, words in ((later, "later vcodec"),
                           (MAGIC + bytes([1, 0, 0, 0, 0, 0, 0]), "damaged")):  # fmt: skip
        data = codec.codec.encode(photo[:16, :16], 30, comment)
        for use in (codec.decode, describe):
            with pytest.raises(CodecError, match=words):
                use(data)


@MODERN
def test_every_format_keeps_a_budget(name, photo, weights):
    codec, image = load(name, weights), photo[:64, :64]
    data = codec.encode(image, max_bytes=1500, scale=1)
    assert 600 < len(data) <= 1500
    with pytest.raises(CodecError, match="smallest file"):
        codec.encode(image, max_bytes=50)


def test_describe_knows_files_that_are_none_of_ours(photo):
    buffer = io.BytesIO()
    Image.fromarray(photo).save(buffer, "PNG")
    facts = describe(buffer.getvalue())
    assert facts["format"] == "PNG" and (facts["width"], facts["height"]) == photo.shape[1::-1] and "step" not in facts
    with pytest.raises(CodecError, match="PNG file cannot be decoded"):
        framework_of(buffer.getvalue())

"""Is a SCIC file what it claims: an ordinary file, self-describing, and harmless in every damaged form?"""

import io
from itertools import pairwise

import numpy as np
import pytest
import torch
from conftest import shaken
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from vcodec.codecs import CODECS, TUNED_JPEG
from vcodec.errors import CodecError
from vcodec.images import EXIF_ORIENTATION, luma
from vcodec.layers import double
from vcodec.metrics import bits_per_pixel, psnr, psnr_y
from vcodec.networks import NetworkPair, build_networks
from vcodec.scic import (
    FRAMEWORKS,
    HEADER,
    MAGIC,
    Header,
    Scic,
    describe,
    framework_of,
    load,
    on_planes,
    plain,
    unpack_header,
)

JPEG = CODECS["jpeg"]
SCALES = pytest.mark.parametrize("scale", [1, 2])
RANDOM = np.random.default_rng(0)


@pytest.fixture(scope="module")
def lively() -> Scic:
    """Networks that do something to every pixel: small random corrections."""
    pairs = {}
    for scale in (1, 2):
        rsn, idn = (shaken(network, amount=0.8) for network in build_networks("default", scale))
        pairs[scale] = NetworkPair(scale, rsn, idn, b"live")
    return Scic(TUNED_JPEG, pairs)


def jpeg(image: np.ndarray, **options) -> bytes:
    """What any other program would write."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", **options)
    return buffer.getvalue()


@SCALES
@pytest.mark.parametrize("gray", [True, False], ids=["gray", "colour"])
@pytest.mark.parametrize("size", [(1, 1), (1, 7), (7, 1), (2, 2), (17, 33), (64, 64)])
def test_every_size_comes_back(size, gray, scale, lively):
    image = RANDOM.integers(0, 256, size if gray else (*size, 3), np.uint8)
    data = lively.encode(image, quality=30, scale=scale)
    restored = lively.decode(data)
    assert restored.shape == image.shape and restored.dtype == np.uint8
    assert Image.open(io.BytesIO(data)).size == tuple(-(-s // scale) for s in size[::-1])
    facts = describe(data)
    assert (facts["original_height"], facts["original_width"], facts["scale"]) == (*size, scale)
    assert facts["bytes"] == len(data) and facts["bpp"] == pytest.approx(bits_per_pixel(data, image), abs=1e-4)


@SCALES
@pytest.mark.parametrize("gray", [True, False], ids=["gray", "colour"])
def test_step_0_is_the_plain_codec_behind_bicubic(scale, gray, photo, untrained):
    image = luma(photo) if gray else photo
    baseline = plain(TUNED_JPEG)
    ours, theirs = (codec.encode(image, quality=20, scale=scale, passes=0) for codec in (untrained, baseline))
    assert np.array_equal(untrained.decode(ours), baseline.decode(theirs))
    assert len(ours) == len(theirs)


@pytest.mark.parametrize("quality", [20, 95])
def test_plain_at_full_resolution_is_the_codec_alone(quality, photo):
    """Nothing learned, nothing lost on the way through luma and chroma: within 0.1 dB."""
    alone, through = JPEG.encode(photo, quality), plain(JPEG).encode(photo, quality=quality)
    gray = JPEG.encode(luma(photo), quality)
    assert np.array_equal(plain(JPEG).decode(gray), JPEG.decode(gray))
    assert psnr(plain(JPEG).decode(through), photo) > psnr(JPEG.decode(alone), photo) - 0.1
    assert len(through) == len(alone) + HEADER.size + 4


def test_colours_survive_the_planes(photo):
    """Rounded, never truncated: a fraction cut off in each conversion darkens blue by two levels."""
    error = on_planes(photo, lambda p: p, lambda p: p).astype(int) - photo
    assert np.abs(error).max() <= 2 and np.abs(error.mean((0, 1))).max() < 0.1


def test_luma_takes_the_networks_and_chroma_does_not(photo):
    lumas, chromas = [], []

    def negative(plane):
        lumas.append(plane)
        return 1 - plane

    turned = on_planes(photo, negative, lambda p: chromas.append(p) or p)
    assert len(lumas) == 1 and len(chromas) == 2 and all(p.shape == (1, 1, *photo.shape[:2]) for p in lumas + chromas)
    assert psnr(luma(turned), 255 - luma(photo)) > 30  # but for colours that RGB cannot hold
    assert torch.allclose(255 * lumas[0][0, 0], torch.tensor(luma(photo)).float(), atol=1.01)


def test_every_input_of_a_gray_picture_is_gray(photo, untrained):
    """An array and the same picture from Pillow make the same file."""
    gray = luma(photo)
    assert untrained.encode(gray, quality=9) == untrained.encode(Image.fromarray(gray), quality=9)
    assert untrained.encode(photo, quality=9) == untrained.encode(Image.fromarray(photo), quality=9)


# The header.


@settings(deadline=None, derandomize=True)
@given(
    *map(st.sampled_from, ([1, 2], [(0, 0), (0, 1), (1, 0), (1, 1)], range(1, 101))),
    st.binary(min_size=4, max_size=4),
    st.booleans(),
)
def test_the_header_comes_back_and_takes_at_most_24_bytes(scale, odd, quality, network_id, gray):
    header = Header(scale, odd if scale == 2 else (0, 0), quality, network_id, gray)
    assert unpack_header(header.pack()) == header and len(header.pack()) <= 24


@settings(deadline=None, derandomize=True, max_examples=300)
@given(st.one_of(st.binary(max_size=24), st.binary(min_size=7, max_size=7).map(lambda b: MAGIC + b)))
def test_any_comment_is_a_header_or_none_or_refused(comment):
    try:
        header = unpack_header(comment)
    except CodecError:
        return
    assert header is None or header.pack() == comment


@SCALES
def test_the_file_is_the_codecs_own_and_the_header_costs_13_bytes(scale, photo, lively):
    data = lively.encode(photo, quality=20, scale=scale, passes=0)
    bare = lively.codec.encode(lively.resample(photo, 20, scale), 20)
    assert len(data) == len(bare) + HEADER.size + 4 and HEADER.size <= 24  # marker and length of a JPEG comment
    assert np.array_equal(lively.codec.decode(data), lively.codec.decode(bare))
    assert lively.header(data) == Header(scale, (0, 0), 20, b"live", gray=False)


@pytest.mark.parametrize(
    ("comment", "words"),
    [(HEADER.pack(MAGIC, 2, 0, 10, bytes(4)), "later vcodec"), (HEADER.pack(MAGIC, 1, 16, 10, bytes(4)), "damaged"),
     (HEADER.pack(MAGIC, 1, 2, 10, bytes(4)), "damaged"), (HEADER.pack(MAGIC, 1, 0, 0, bytes(4)), "damaged"),
     (HEADER.pack(MAGIC, 1, 1, 101, bytes(4)), "damaged")],
)  # fmt: skip
def test_headers_from_the_future_or_damaged_are_refused(comment, words, photo, untrained):
    data = JPEG.encode(photo, 10, comment)
    for use in (untrained.decode, describe):
        with pytest.raises(CodecError, match=words):
            use(data)


@SCALES
def test_a_file_made_with_other_weights_is_refused_in_one_sentence(scale, photo, lively, untrained):
    with pytest.raises(CodecError) as caught:
        untrained.decode(lively.encode(photo, quality=10, scale=scale))
    assert b"live".hex() in str(caught.value) and untrained.networks[scale].network_id.hex() in str(caught.value)
    assert "\n" not in str(caught.value)


# The encoder hears its decoder.


class Darkening(torch.nn.Module):
    """An IDN that errs in one direction everywhere, by 8 levels: the encoder can know, and push against it."""

    halo = 0

    def __init__(self, scale: int):
        super().__init__()
        self.scale = scale

    def forward(self, z: torch.Tensor, step: torch.Tensor) -> torch.Tensor:
        return (z if self.scale == 1 else double(z)) - 8 / 255


@SCALES
@pytest.mark.parametrize("gray", [True, False], ids=["gray", "colour"])
def test_an_encoder_that_hears_its_decoder_corrects_what_it_does_wrong(gray, scale, photo):
    image, codec = luma(photo) if gray else photo, Scic(TUNED_JPEG, {scale: NetworkPair(scale, None, Darkening(scale))})
    deaf, hearing = (codec.decode(codec.encode(image, quality=60, scale=scale, passes=passes)) for passes in (0, 3))
    assert luma(image).mean() - luma(deaf).mean() == pytest.approx(8, abs=0.7)
    assert luma(image).mean() - luma(hearing).mean() == pytest.approx(0, abs=1.5)


@SCALES
def test_hearing_never_makes_a_file_that_costs_more(scale, photo, lively):
    """Squared error of luma and bits at the codec's price: the best of all passes is kept, the first among them."""

    def cost(passes: int, quality: int) -> float:
        data = lively.encode(image, quality=quality, scale=scale, passes=passes)
        error = np.square(lively.decode(data).astype(float) - image).sum()
        return error + scale**2 * TUNED_JPEG.bit_price(quality) * 8 * len(data)

    image = luma(photo)[:56, :72]
    for quality in (5, 30):
        costs = [cost(passes, quality) for passes in (0, 1, 3)]
        for fewer, more in pairwise(costs):
            assert more < 1.002 * fewer  # but for the rounding to 8 bits


@SCALES
def test_without_networks_or_for_other_codecs_there_is_nothing_to_hear(scale, photo, weights):
    image = luma(photo)[:40, :48]
    for codec in (plain(TUNED_JPEG), load("scic-webp", weights)):
        assert codec.encode(image, quality=20, scale=scale) == codec.encode(image, quality=20, scale=scale, passes=0)


# Other people's files.


@pytest.mark.parametrize(
    "options", [{}, {"progressive": True}, {"quality": 1}, {"quality": 100, "subsampling": 0}, {"comment": b"VC"},
                {"comment": b"VC photos"}, {"comment": "Väinö"}],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("gray", [True, False], ids=["gray", "colour"])
def test_any_jpeg_decodes_at_full_resolution_with_a_note(options, gray, photo, untrained, caplog):
    image = luma(photo) if gray else photo
    restored = untrained.decode(jpeg(image, **options))
    assert "no vcodec header" in caplog.text
    assert restored.shape == image.shape and psnr_y(restored, image) > 20
    assert "framework" not in describe(jpeg(image, **options))


def test_cmyk_and_rotated_jpegs_decode_too(photo, untrained, caplog):
    buffer = io.BytesIO()
    Image.fromarray(photo).convert("CMYK").save(buffer, "JPEG", quality=90)
    assert psnr_y(untrained.decode(buffer.getvalue()), photo) > 25 and "CMYK" in caplog.text
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = 6
    restored = untrained.decode(jpeg(photo, quality=90, exif=exif))
    assert psnr_y(np.rot90(restored), photo) > 25 and "rotation" in caplog.text


@SCALES
def test_a_file_saved_again_by_pillow_still_decodes(scale, photo, untrained, caplog):
    """Comment lost or tables changed: an ordinary file. Both kept, as a crop at the same quality does: still ours."""
    ours = Image.open(io.BytesIO(untrained.encode(photo, quality=30, scale=scale)))
    comment, tables = ours.info["comment"], list(ours.quantization.values())
    half = (*(side // scale for side in photo.shape[:2]), 3)
    for options in ({"comment": b"", "qtables": tables}, {"comment": comment, "quality": 75}):
        data = jpeg(np.asarray(ours), **options)
        assert untrained.decode(data).shape == half and "framework" not in describe(data)
    assert "another program" in caplog.text
    cropped = jpeg(np.asarray(ours)[:5, :7], comment=comment, qtables=tables)
    assert untrained.decode(cropped).shape == (5 * scale, 7 * scale, 3) and describe(cropped)["scale"] == scale


def test_what_is_no_jpeg_is_refused(untrained):
    buffer = io.BytesIO()
    Image.new("L", (8, 8)).save(buffer, "PNG")
    for data, words in ((buffer.getvalue(), "PNG"), (b"", "empty"), (b"some text", "not an image")):
        with pytest.raises(CodecError, match=words):
            untrained.decode(data)


@pytest.mark.parametrize("origin", ["scale 1", "scale 2", "camera"])
def test_damaged_files_end_in_a_picture_or_one_sentence(origin, lively):
    """450 files with flipped bits or cut ends; warnings count as errors here."""
    random = np.random.default_rng(0)
    picture = random.integers(0, 256, (6, 5, 3), np.uint8).repeat(3, 0).repeat(3, 1)
    exif = Image.Exif()
    exif[EXIF_ORIENTATION], exif[271] = 6, "maker"
    whole = jpeg(picture, exif=exif)
    if origin != "camera":
        whole = lively.encode(picture, quality=40, scale=int(origin[-1]))
    outcomes = []
    for _ in range(150):
        data = bytearray(whole)
        for place in random.integers(2, len(data) if random.random() < 0.5 else 240, random.integers(1, 4)):
            data[place] ^= 1 << random.integers(8)
        data = data[: random.integers(len(data))] if random.random() < 0.3 else data
        if small(data):
            outcomes.append(refused(lively, bytes(data)))
    assert 0.1 < np.mean(outcomes) < 0.9  # both ends were reached


def small(data: bytes) -> bool:
    """Whether the damaged frame header leaves a picture of a size for a test of seconds."""
    frame = data.find(b"\xff\xc0")
    return int.from_bytes(data[frame + 5 : frame + 7]) * int.from_bytes(data[frame + 7 : frame + 9]) < 2e5


def refused(codec: Scic, data: bytes) -> bool:
    """True where `data` was refused as it should be; anything but a picture or a CodecError escapes."""
    try:
        picture = codec.decode(data)
    except CodecError as error:
        assert "\n" not in str(error)
        return True
    assert picture.dtype == np.uint8 and picture.ndim in (2, 3) and picture.size
    return False


def test_files_cut_after_any_byte_are_refused_by_info_too(photo, untrained):
    whole = untrained.encode(photo[:24, :24], quality=20)
    for length in range(0, len(whole) - 2, 7):
        for use in (describe, untrained.decode):
            with pytest.raises(CodecError):
                use(whole[:length])


# Every format.

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
    data = codec.encode(image, quality=30, scale=scale)
    assert Image.open(io.BytesIO(data)).size == tuple(-(-s // scale) for s in size[::-1])
    assert framework_of(data) == name
    odd = tuple(s % 2 for s in size) if scale == 2 else (0, 0)
    assert codec.header(data) == Header(scale, odd, 30, b"tiny", gray)
    restored, facts = codec.decode(data), describe(data)
    assert restored.shape == image.shape and restored.dtype == np.uint8
    assert (facts["original_height"], facts["original_width"], facts["scale"]) == (*size, scale)
    assert facts["framework"] == name and facts["quality"] == 30 and facts["network_id"] == b"tiny".hex()
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
        assert "framework" not in facts and facts["step"] > 0 and facts["format"] == codec.codec.format
        caplog.clear()


@MODERN
@SCALES
def test_every_format_refuses_other_weights_and_other_formats(name, scale, photo, weights, restless):
    codec, other = load(name, weights), Scic(FRAMEWORKS[name], restless)
    with pytest.raises(CodecError, match=f"network {b'tiny'.hex()}.*{codec.networks[scale].network_id.hex()}"):
        codec.decode(other.encode(photo[:16, :16], quality=30, scale=scale))
    with pytest.raises(CodecError, match="JPEG file, not"):
        codec.decode(jpeg(photo[:16, :16]))


@MODERN
def test_every_format_from_the_future_or_damaged_is_refused(name, photo, weights):
    codec = load(name, weights)
    for comment, words in ((HEADER.pack(MAGIC, 2, 0, 10, bytes(4)), "later vcodec"),
                           (HEADER.pack(MAGIC, 1, 0, 0, bytes(4)), "damaged")):  # fmt: skip
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


# Budgets.


@SCALES
def test_a_budget_is_kept_and_used(scale, photo, lively):
    photo = photo[20:84, 20:116]
    for budget in (600, 900):
        data = lively.encode(photo, max_bytes=budget, scale=scale)
        assert len(data) <= budget
        data = lively.encode(photo, max_bytes=budget, scale=scale, passes=0)
        quality = lively.header(data).quality
        assert len(data) <= budget
        assert quality == 100 or len(lively.encode(photo, quality=quality + 1, scale=scale, passes=0)) > budget
    data = lively.encode(photo, bpp=1.0, scale=scale, passes=0)
    assert 0.85 < bits_per_pixel(data, photo) <= 1.0  # a step of quality is worth a few per cent


@pytest.mark.parametrize(
    "wrong", [{}, {"quality": 9, "bpp": 1.0}, {"bpp": 1.0, "max_bytes": 999}, {"quality": 0}, {"quality": True},
              {"quality": 9, "scale": 3}, {"min_psnr": 30, "bpp": 1.0},
              {"bpp": 0}, {"bpp": -1}, {"bpp": float("nan")}, {"max_bytes": 0}],
    ids=str,
)  # fmt: skip
def test_budgets_and_qualities_that_make_no_sense_are_refused(wrong, photo, untrained):
    with pytest.raises(CodecError):
        untrained.encode(photo[:16, :16], **wrong)


def test_a_budget_that_is_too_small_is_refused_with_the_smallest_size(photo, untrained):
    smallest = len(untrained.encode(photo, quality=1, scale=2))
    with pytest.raises(CodecError, match=str(smallest)):
        untrained.encode(photo, scale=2, max_bytes=smallest - 1)


# Loading.


def test_names_folders_and_scales_that_do_not_exist_are_refused(half_only, tmp_path, photo):
    with pytest.raises(CodecError, match="scic-jpeg"):
        load("scic-tiff")
    with pytest.raises(CodecError, match="no weights"):
        load("scic-jpeg", tmp_path)
    half = load("scic-jpeg", half_only)
    assert half.decode(half.encode(photo, quality=9, scale=2)).shape == photo.shape
    for use in (lambda: half.encode(photo, quality=9, scale=1), lambda: half.decode(jpeg(photo))):
        with pytest.raises(CodecError, match="scale 1"):
            use()

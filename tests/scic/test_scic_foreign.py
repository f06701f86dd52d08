"""JPEG files that are not, or no longer, ours: other programs', damaged ones, and what is no JPEG."""

import io

import numpy as np
import pytest
from conftest import SCALES, jpeg
from PIL import Image

from vcodec.eight_bit import EXIF_ORIENTATION
from vcodec.errors import CodecError
from vcodec.images import luma
from vcodec.metrics import psnr_y
from vcodec.scic import Scic, describe


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
        whole = lively.candidate(picture, 40, int(origin[-1])).data
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

"""What of a photograph's metadata is in the files that we write? Nothing unasked, and never the place unasked."""

import io
from pathlib import Path

import numpy as np
import pytest
from conftest import jpeg, opened
from PIL import Image

from vcodec.cli import main
from vcodec.eight_bit import EXIF_ORIENTATION
from vcodec.images import load_image
from vcodec.metadata import exif_of

pytestmark = pytest.mark.usefixtures("own_folder_and_signals")
DETAILS, GPS, MAKER, CAMERA, EXPOSURE, MAKER_NOTE = 0x8769, 0x8825, 271, "a camera", 33434, 0x927C


@pytest.fixture
def source(photo) -> bytes:
    """As from a telephone: a camera's name, an exposure, a place, a maker's note, and lying on its side."""
    exif = Image.Exif()
    exif[MAKER], exif[EXIF_ORIENTATION] = CAMERA, 6
    exif.get_ifd(DETAILS).update({EXPOSURE: 0.01, MAKER_NOTE: b"N 52.5, E 13.4", 0xA002: 9999})
    exif.get_ifd(GPS).update({1: "N", 2: (52.0, 31.0, 12.0)})
    data = jpeg(photo, quality=95, exif=exif)
    Path("cat.jpg").write_bytes(data)
    return data


def written(name: str, *options: str, weights: Path) -> tuple[Image.Exif, bytes]:
    """The EXIF field of cat.jpg encoded or decoded as `name`, and the file."""
    command = ["encode", "--quality", "60", "--passes", "0"] if name == "out.jpg" else ["decode"]
    assert main([*command, "cat.jpg", name, "--weights", str(weights), *options]) == 0
    data = Path(name).read_bytes()
    return opened(data).getexif(), data


NAMES = pytest.mark.parametrize("name", ["out.jpg", "out.png", "restored.jpeg", "out.webp", "out.avif", "out.heic"])


@NAMES
def test_unasked_nothing_is_copied(name, source, weights):
    exif, data = written(name, weights=weights)
    assert not exif and CAMERA.encode() not in data


@NAMES
def test_keep_metadata_copies_exif_without_the_place(name, source, weights):
    exif, data = written(name, "--keep-metadata", weights=weights)
    assert exif[MAKER] == CAMERA and exif.get_ifd(DETAILS)[EXPOSURE] == pytest.approx(0.01)
    assert not exif.get_ifd(GPS) and b"52.5" not in data and 0xA002 not in exif.get_ifd(DETAILS)
    assert load_image(data).shape == load_image(source).shape  # the orientation was applied, and is not again


def test_keep_location_copies_the_place_too(source, weights):
    exif, _ = written("out.jpg", "--keep-location", weights=weights)
    assert exif[MAKER] == CAMERA and exif.get_ifd(GPS)[1] == "N"


def test_a_file_with_metadata_decodes_as_without(source, weights):
    assert main(["encode", "cat.jpg", "bare.jpg", "--quality", "60", "--weights", str(weights), "--passes", "0"]) == 0
    written("out.jpg", "--keep-metadata", weights=weights)
    for name in ("bare", "out"):
        assert main(["decode", f"{name}.jpg", f"{name}.png", "--weights", str(weights)]) == 0
    assert np.array_equal(load_image("bare.png"), load_image("out.png"))


def test_metadata_count_in_the_size_that_is_asked_for(source, weights):
    _, data = written("out.jpg", "--keep-metadata", weights=weights)
    size = len(data)
    command = ["encode", "cat.jpg", "out.jpg", "--bytes", str(size), "--weights", str(weights), "--keep-metadata"]
    assert main(command) == 0
    assert 0.9 * size - 200 < Path("out.jpg").stat().st_size <= size


@pytest.mark.parametrize(
    "command", ["encode cat.jpg out.webp --quality 9", "encode cat.jpg out.vcn --quality 9", "decode cat.jpg out.bmp"]
)
def test_a_format_that_cannot_carry_it_is_refused_before_anything_is_written(command, source, capsys):
    assert main([*command.split(), "--keep-metadata"]) == 2
    assert "metadata" in capsys.readouterr().err and not list(Path().glob("out*"))


def test_damaged_and_missing_metadata_are_no_obstacle(photo):
    assert exif_of(jpeg(photo)) == b"" and exif_of(b"no picture") == b""
    exif_of(jpeg(photo, exif=b"Exif\0\0MM\0*\xff\xff\xff\xff"))


def test_of_a_tiff_no_tag_of_its_own_layout_is_copied(photo):
    buffer = io.BytesIO()
    Image.fromarray(photo).save(buffer, "TIFF", software="a program")
    exif = Image.Exif()
    exif.load(b"Exif\0\0" + exif_of(buffer.getvalue()))
    assert set(exif) <= {305, 282, 283, 296} and exif[305] == "a program"

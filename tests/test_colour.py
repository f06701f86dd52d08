"""Are the colours of a telephone's picture those that its viewer shows?"""

import io
import struct

import numpy as np
import pytest
from conftest import jpeg
from PIL import Image, ImageCms

from vcodec.images import load_image
from vcodec.metrics import psnr

D50 = (0.9642, 1.0, 0.8249)
P3 = (0.5151, 0.2412, -0.0011), (0.2920, 0.6922, 0.0419), (0.1571, 0.0666, 0.7841)  # XYZ of its red, green and blue
P3_TO_SRGB = np.array([[1.2249, -0.2247, 0], [-0.0420, 1.0419, 0], [-0.0197, -0.0786, 1.0979]])


def profile(name: str) -> bytes:
    """An ICC profile, version 2, of the primaries of Display P3, with a gamma of 2.2."""

    def xyz(values: tuple) -> bytes:
        return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(65536 * value) for value in values))

    text = name.encode() + b"\0"
    words = b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + bytes(78)
    parts = {b"desc": words + bytes(-len(words) % 4), b"wtpt": xyz(D50)}
    parts |= dict(zip((b"rXYZ", b"gXYZ", b"bXYZ"), map(xyz, P3), strict=True))
    parts |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), b"curv\0\0\0\0" + struct.pack(">IHH", 1, round(2.2 * 256), 0))
    return icc(parts, b"mntr", b"RGB ", b"XYZ ")


def icc(parts: dict[bytes, bytes], device: bytes, space: bytes, connection: bytes) -> bytes:
    """A profile of these tags: ICC.1:2001, sections 6.1 and 6.2."""
    table, at = struct.pack(">I", len(parts)), 132 + 12 * len(parts)
    for tag, content in parts.items():
        table += tag + struct.pack(">II", at, len(content))
        at += len(content)
    head = struct.pack(">I4sI4s4s4s12s4s", at, b"", 0x02400000, device, space, connection, bytes(12), b"acsp")
    white = struct.pack(">3i", *(round(65536 * value) for value in D50))
    return head + bytes(28) + white + bytes(48) + table + b"".join(parts.values())


def press_profile() -> bytes:
    """An ICC profile, version 2, of a press whose four inks each take away all of one part of L*a*b*, or nothing.

    Its table has two entries for each ink: black and full cyan, magenta and yellow are L = 0; cyan alone is L = 128."""
    text = b"press\0"
    words = b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + bytes(78)
    ramp = bytes(range(256))
    colours = b"".join(
        bytes([255 - 127 * (n >> 3) if not n & 7 else 0, 128, 128]) for n in range(16)
    )  # C, M, Y, K bits
    table = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + struct.pack(">9i", *(65536 * (n % 4 == 0) for n in range(9)))
    parts = {b"desc": words + bytes(-len(words) % 4), b"A2B0": table + 4 * ramp + colours + 3 * ramp}
    return icc(parts, b"prtr", b"CMYK", b"Lab ")


def gray_profile(gamma: float) -> bytes:
    text = b"gray\0"
    words = b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + bytes(78)
    curve = b"curv\0\0\0\0" + struct.pack(">IHH", 1, round(gamma * 256), 0)
    white = b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(65536 * value) for value in D50))
    return icc({b"desc": words + bytes(-len(words) % 4), b"wtpt": white, b"kTRC": curve}, b"mntr", b"GRAY", b"XYZ ")


def in_srgb(image: np.ndarray) -> np.ndarray:
    linear = np.clip((image / 255) ** 2.2 @ P3_TO_SRGB.T, 0, 1)
    return 255 * np.where(linear > 0.0031308, 1.055 * linear ** (1 / 2.4) - 0.055, 12.92 * linear)


def test_colours_of_display_p3_become_those_of_srgb_with_a_note(photo, caplog):
    data = jpeg(photo, quality=95, icc_profile=profile("Display P3"))
    raw, shown = load_image(jpeg(photo, quality=95)), load_image(data)
    assert np.abs(shown - in_srgb(raw)).mean() < 1 and np.abs(shown - raw.astype(float)).mean() > 3
    assert "from Display P3 to sRGB" in caplog.text


def test_decoding_converts_them_too(photo, untrained):
    data = jpeg(photo, quality=95, icc_profile=profile("Display P3"))
    assert (
        psnr(untrained.decode(data), load_image(data))
        > 45
        > 35
        > psnr(load_image(jpeg(photo, quality=95)), load_image(data))
    )


def test_pictures_in_srgb_and_gray_ones_are_not_touched(photo, caplog):
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert np.array_equal(load_image(jpeg(photo, icc_profile=srgb)), load_image(jpeg(photo)))
    gray = photo[..., 0]
    assert np.array_equal(load_image(jpeg(gray, icc_profile=profile("Display P3"))), load_image(jpeg(gray)))
    assert caplog.text == ""


@pytest.mark.parametrize("damage", [b"", b"no profile", profile("Display P3")[:200]])
def test_a_damaged_profile_is_said_and_left(damage, photo, caplog):
    assert np.array_equal(load_image(jpeg(photo, icc_profile=damage)), load_image(jpeg(photo)))
    assert ("profile is damaged" in caplog.text) == bool(damage)


def test_a_cmyk_picture_takes_the_colours_of_its_profile(untrained, caplog):
    """Pillow's own rule makes pure cyan (0, 255, 255); this press prints a gray of L = 50 for it."""
    cyan = np.zeros((16, 16, 4), np.uint8)
    cyan[..., 0] = 255
    buffer = io.BytesIO()
    Image.fromarray(cyan, "CMYK").save(buffer, "JPEG", quality=100, icc_profile=press_profile())
    for picture in (load_image(buffer.getvalue()), untrained.decode(buffer.getvalue())):
        assert np.abs(picture.astype(int) - 119).max() <= 4  # L = 50 in sRGB
    assert caplog.text.count("from press to sRGB") == 2


def test_a_gray_picture_takes_the_brightness_of_its_profile_and_stays_gray(photo, untrained, caplog):
    gray = photo[..., 1]
    raw, data = load_image(jpeg(gray, quality=95)), jpeg(gray, quality=95, icc_profile=gray_profile(1.0))
    linear = raw / 255
    expected = 255 * np.where(linear > 0.0031308, 1.055 * linear ** (1 / 2.4) - 0.055, 12.92 * linear)
    assert (
        np.abs(load_image(data) - expected).mean() < 1 < 20 < np.abs(expected - raw).mean()
        and load_image(data).ndim == 2
    )
    assert untrained.decode(data).ndim == 2 and psnr(untrained.decode(data), load_image(data)) > 30
    assert "from gray to sRGB" in caplog.text

"""Are the colours of a telephone's picture those that its viewer shows?"""

import struct

import numpy as np
import pytest
from conftest import jpeg
from PIL import ImageCms

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
    table, at = struct.pack(">I", len(parts)), 132 + 12 * len(parts)
    for tag, content in parts.items():
        table += tag + struct.pack(">II", at, len(content))
        at += len(content)
    head = struct.pack(">I4sI4s4s4s12s4s", at, b"", 0x02400000, b"mntr", b"RGB ", b"XYZ ", bytes(12), b"acsp")
    return head + bytes(28) + xyz(D50)[8:] + bytes(48) + table + b"".join(parts.values())


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

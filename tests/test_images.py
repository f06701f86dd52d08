"""Does every picture arrive as it should, is every bad one refused in one sentence, is no file half-written?"""

import io
import os
import signal
import socket
import struct
import subprocess
import sys
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from conftest import make_png
from PIL import Image, ImageFile, ImageOps

from vcodec.eight_bit import EXIF_ORIENTATION
from vcodec.errors import CodecError
from vcodec.frameworks import framework_for
from vcodec.images import (
    EMBEDDED,
    embedded,
    load_image,
    luma,
    named_images,
    save_image,
    to_array,
    to_float,
    to_uint8,
    write_file,
)

RANDOM = np.random.default_rng(0)


def saved(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def test_pixels_are_rounded_not_truncated():  # truncation costs 0.17 dB at 40 dB
    assert to_uint8(torch.tensor([-0.1, 0.0, 127.6 / 255, 128.4 / 255, 1.2])).tolist() == [0, 0, 128, 128, 255]


@pytest.mark.parametrize("shape", [(16, 16), (4, 8, 3)])
def test_float_and_back_is_exact(shape):
    image = RANDOM.permutation(np.resize(np.arange(256, dtype=np.uint8), np.prod(shape))).reshape(shape)
    x = to_float(image)
    assert x.shape == (1, 1 if image.ndim == 2 else 3, *shape[:2])
    assert 0 <= x.min() and x.max() <= 1
    assert np.array_equal(to_uint8(x)[0].permute(1, 2, 0).squeeze(-1).numpy(), image)


def test_luma_is_full_range_bt601_as_pillow_has_it():
    image = RANDOM.integers(0, 256, (64, 64, 3), np.uint8)
    assert np.array_equal(luma(image), np.asarray(Image.fromarray(image).convert("YCbCr"))[..., 0])
    # Pillow cuts the fraction off instead of rounding it; limited-range luma would differ by up to 20 levels.
    assert np.abs(luma(image) - image @ [0.299, 0.587, 0.114]).max() <= 1.01
    assert np.array_equal(luma(image[..., 0]), image[..., 0])


def test_embedded_photographs_need_no_network(monkeypatch):
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("asked another host for a photograph"))
    for name in EMBEDDED:
        picture = embedded(name)
        assert picture.dtype == np.uint8 and min(picture.shape[:2]) >= 300 and picture.std() > 20
    with pytest.raises(CodecError, match="chelsea"):
        embedded("lena")


# Pictures that are not 8-bit gray or RGB: what they become, and the note that says so.

RGB = RANDOM.integers(0, 256, (5, 7, 3), np.uint8)
GRAY, ALPHA = RGB[..., 0], RGB[..., 1]
DEEP = RANDOM.integers(0, 65536, (5, 7), np.uint16)


def on_white(colour: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    share = (alpha / 255)[..., None]
    return share * (colour if colour.ndim == 3 else np.dstack([colour] * 3)) + (1 - share) * 255


def palette(**options) -> bytes:
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.putdata([0, 1])
    return saved(image, **options)


HANDLED = {
    "gray": (saved(Image.fromarray(GRAY)), GRAY, 0, ""),
    "rgb": (saved(Image.fromarray(RGB)), RGB, 0, ""),
    "1x1": (saved(Image.fromarray(RGB[:1, :1])), RGB[:1, :1], 0, ""),
    "1x7": (saved(Image.fromarray(GRAY[:1])), GRAY[:1], 0, ""),
    "black and white": (saved(Image.fromarray(GRAY > 99)), 255 * (GRAY > 99), 0, ""),
    "16-bit gray": (saved(Image.fromarray(DEEP)), np.rint(DEEP / 257), 0, "16-bit"),
    # Pillow keeps the high byte of 16-bit RGB, which is up to a level from rounding.
    "16-bit RGB": (make_png(1, 1, 16, 2, b"\0" + struct.pack(">3H", 65535, 32896, 300)), [[[255, 128, 1]]], 1, ""),
    "RGBA": (saved(Image.fromarray(np.dstack([RGB, ALPHA]))), on_white(RGB, ALPHA), 1, "composited on white"),
    "LA": (saved(Image.fromarray(np.dstack([GRAY, ALPHA]), "LA")), on_white(GRAY, ALPHA)[..., 0], 1, "composited on"),
    "opaque RGBA": (saved(Image.fromarray(RGB).convert("RGBA")), RGB, 0, ""),
    "opaque LA": (saved(Image.fromarray(GRAY).convert("LA")), GRAY, 0, ""),
    "TIFF of two pages": (saved(Image.fromarray(RGB), "TIFF", save_all=True, append_images=[Image.new("L", (3, 3))]),
                          RGB, 0, "the first of 2 frames"),
    "palette": (palette(), [[[10, 20, 30], [200, 100, 50]]], 0, "P image"),
    "palette with a clear colour": (palette(transparency=0), [[[255] * 3, [200, 100, 50]]], 0, "composited"),
    "palette with alpha": (palette(transparency=b"\xff\x00"), [[[10, 20, 30], [255] * 3]], 0, "composited"),
    "RGB with a clear colour": (
        saved(Image.fromarray(RGB[:1, :2]), transparency=tuple(RGB[0, 0].tolist())),
        [[[255] * 3, RGB[0, 1].tolist()]], 0, "composited",
    ),
    # CMYK without black, as Pillow converts it, through JPEG at quality 100: within rounding of three conversions.
    "CMYK JPEG": (saved(Image.new("RGB", (8, 8), (200, 100, 50)).convert("CMYK"), "JPEG", quality=100),
                  np.full((8, 8, 3), (200, 100, 50)), 3, "CMYK"),
}  # fmt: skip


@pytest.mark.parametrize("name", HANDLED)
def test_what_can_be_handled_is_handled_with_a_note(name, tmp_path, caplog):
    data, expected, tolerance, note = HANDLED[name]
    (tmp_path / "picture").write_bytes(data)
    picture = load_image(tmp_path / "picture")
    assert picture.dtype == np.uint8 and picture.shape == np.shape(expected)
    assert np.abs(picture - np.asarray(expected, float)).max() <= tolerance
    assert note in caplog.text and bool(note) == bool(caplog.text)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_rotation_is_applied(orientation, kind, caplog):
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = orientation
    data = saved(Image.fromarray(RANDOM.integers(0, 256, (16, 24, 3), np.uint8)), kind, exif=exif)
    assert np.array_equal(load_image(data), np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data)))))
    assert load_image(data).shape == ((24, 16, 3) if orientation > 4 else (16, 24, 3))
    assert kind == "TIFF" or ("rotation" in caplog.text) == (orientation > 1)  # Pillow itself turns TIFFs


REFUSED = {
    "empty": (b"", "empty"),
    "text": (b"Dear reader, this is not a photograph.\n" * 9, "not an image"),
    "noise": (RANDOM.bytes(500), "not an image"),
    "truncated PNG": (HANDLED["rgb"][0][:60], "not an image"),
    "truncated JPEG": (saved(Image.fromarray(np.resize(RGB, (64, 64, 3))), "JPEG")[:900], "not an image"),
    "60000x60000": (make_png(60000, 60000, 8, 0, b"\0"), "large|limit"),
    "101 megapixels": (make_png(10100, 10000, 1, 0, b"\0"), "large|limit"),
    "floats": (saved(Image.fromarray(np.float32(GRAY)), "TIFF"), "mode F"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_handled_is_refused_in_one_sentence(name, tmp_path):
    data, words = REFUSED[name]
    (tmp_path / "picture").write_bytes(data)
    for source in (tmp_path / "picture", data):
        with pytest.raises(CodecError, match=words) as caught:
            load_image(source)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF", "PPM"])
def test_damaged_files_end_in_a_picture_or_one_sentence(kind):
    """Flipped bits and cut ends; warnings count as errors here. JPEG has its turn in test_scic.py."""
    random = np.random.default_rng(1)
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = 6
    options = {"exif": exif} if kind in ("PNG", "WEBP", "TIFF", "AVIF") else {}
    whole = saved(Image.fromarray(np.resize(RGB, (24, 18, 3))), kind, **options)
    refused = 0
    for _ in range(100):
        data = bytearray(whole)
        for place in random.integers(2, min(len(data), 300 if random.random() < 0.5 else len(data)), 3):
            data[place] ^= 1 << random.integers(8)
        data = data[: random.integers(len(data))] if random.random() < 0.2 else data
        try:
            picture = load_image(bytes(data))
        except CodecError as error:
            assert "\n" not in str(error)
            refused += 1
        else:
            assert picture.dtype == np.uint8 and picture.size
    assert refused > 10


@pytest.mark.parametrize("name", ["60000x60000", "101 megapixels"])
def test_giants_are_refused_before_they_are_decoded(name, monkeypatch):
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda *_: pytest.fail("began to decode it"))
    with pytest.raises(CodecError):
        load_image(REFUSED[name][0])


def test_95_megapixels_are_within_the_limit_and_load_without_a_warning():
    rows = (b"\0" + b"\xff" * 1188) * 10000  # 9500 pixels of one bit take 1188 bytes
    assert load_image(make_png(9500, 10000, 1, 0, rows)).shape == (10000, 9500)


@pytest.mark.parametrize("where", ["missing.png", ".", "file/inside.png", "x" * 300 + ".png"])
def test_paths_without_a_picture_are_refused(where, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(CodecError):
        load_image(tmp_path / where)


@pytest.mark.parametrize(
    "image",
    [np.zeros((4, 4)), np.zeros((4, 4, 4), np.uint8), np.zeros(4, np.uint8), np.zeros((0, 4), np.uint8),
     Image.new("RGB", (0, 4)), Image.new("F", (4, 4)),
     Image.open(io.BytesIO(REFUSED["truncated JPEG"][0]))],  # Pillow reads lazily: opening it shows nothing
    ids=["floats", "4 channels", "a row", "empty", "empty Pillow image", "Pillow image of floats", "truncated"],
)  # fmt: skip
def test_objects_that_are_no_picture_are_refused(image):
    with pytest.raises(CodecError):
        to_array(image)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    out = tmp_path / "out.jpg"
    write_file(out, b"old")
    for name, error, seen in (
        ("fsync", OSError(28, "No space left on device"), CodecError),
        ("replace", KeyboardInterrupt(), KeyboardInterrupt),
    ):
        with monkeypatch.context() as patch, pytest.raises(seen):
            patch.setattr(os, name, Mock(side_effect=error))
            write_file(out, b"new")
        assert out.read_bytes() == b"old" and os.listdir(tmp_path) == ["out.jpg"]
    longest = tmp_path / ("é" * 125 + "e.jpg")  # 255 bytes, as long as a name can be
    write_file(out, b"new")
    write_file(longest, b"new")
    assert out.read_bytes() == b"new" and {*os.listdir(tmp_path)} == {"out.jpg", longest.name}


def test_a_process_killed_before_the_rename_leaves_the_old_file(tmp_path):
    out = tmp_path / "out.png"
    write_file(out, b"old")
    code = (
        "import os, signal, sys; import vcodec.images\n"
        "os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "vcodec.images.write_file(sys.argv[1], b'new' * 1000)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(out)], check=False).returncode == -signal.SIGKILL
    assert out.read_bytes() == b"old"
    out.unlink()
    with pytest.raises(CodecError, match="no images"):  # what the dead process left is never taken for a picture
        named_images(tmp_path)


@pytest.mark.parametrize("where", ["missing/out.jpg", "file/out.jpg", "folder", "x" * 300 + ".jpg"])
def test_a_path_that_cannot_be_written_is_refused(where, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    (tmp_path / "folder").mkdir()
    with pytest.raises(CodecError, match="cannot write"):
        write_file(tmp_path / where, b"data")
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]


@pytest.mark.parametrize("name", ["out.xyz", "out", "out.xbm", "out.grib"])
def test_a_format_that_cannot_hold_the_picture_is_refused(name, tmp_path):
    with pytest.raises(CodecError):
        save_image(tmp_path / name, RGB)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("image", [RGB, GRAY], ids=["colour", "gray"])
def test_png_keeps_every_pixel(image, tmp_path):
    save_image(tmp_path / "out.png", image)
    assert np.array_equal(load_image(tmp_path / "out.png"), image)


def test_a_folder_of_images_is_read_in_order_of_names(tmp_path, caplog):
    with pytest.raises(CodecError, match="no images"):
        named_images(tmp_path)
    for name in ("b.PNG", "a.jpg"):
        save_image(tmp_path / name, RGB)
    (tmp_path / "notes.txt").write_text("not a picture")
    for hidden in ("._a.jpg", ".b.png"):  # the first is what macOS leaves beside a file on other disks
        (tmp_path / hidden).write_bytes(b"\0\5\x16\7")
    assert list(named_images(tmp_path)) == ["a.jpg", "b.PNG"]
    assert "skipped: notes.txt\n" in caplog.text
    with pytest.raises(CodecError, match="not a folder"):
        named_images(tmp_path / "a.jpg")


@pytest.mark.parametrize("suffix", [".heif", ".jfif", ".jpe"])
def test_rarer_suffixes_count_as_pictures_everywhere(suffix, tmp_path):
    save_image(tmp_path / f"a{suffix}", RGB)
    assert list(named_images(tmp_path)) == [f"a{suffix}"] and framework_for(tmp_path / f"a{suffix}")


def test_32_bit_integers_are_refused():
    with pytest.raises(CodecError, match="32-bit"):
        load_image(saved(Image.fromarray(DEEP.astype(np.int32)), "TIFF"))

"""Do files of ours survive what other programs do to them, and phones' files what we do?"""

import io
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from conftest import SCALES, jpeg
from PIL import Image

from vcodec.cli import main
from vcodec.eight_bit import EXIF_ORIENTATION
from vcodec.frameworks import framework_of
from vcodec.images import load_image, read_file, save_image
from vcodec.metrics import psnr
from vcodec.scic import FRAMEWORKS, describe, load
from vcodec.standard.jpeg import with_comment


@pytest.mark.parametrize("name", FRAMEWORKS)
@pytest.mark.parametrize("ours_first", [True, False])
def test_the_header_is_found_among_several_comments_wherever_it_stands(name, ours_first, photo, weights):
    codec = load(name, weights)
    data = codec.encode(photo, quality=30, scale=2, passes=0)
    header = codec.header(data)
    if ours_first and name != "scic-jpeg":
        changed = codec.codec.with_comment(data, b"a word of another program")
    elif ours_first:
        end = data.index(b"\xff\xfe") + 2
        end += int.from_bytes(data[end : end + 2], "big")
        changed = data[:end] + b"\xff\xfe\x00\x07words" + data[end:]
    else:
        bare = codec.codec.encode(codec.resample(photo, 30, 2), 30)
        add = with_comment if name == "scic-jpeg" else codec.codec.with_comment
        changed = add(bare, b"first") if name != "scic-jpeg" else add(add(bare, header.pack()), b"first")
        changed = changed if name == "scic-jpeg" else add(changed, header.pack())
    assert len(changed) > len(data) and codec.header(changed) == header is not None
    assert codec.decode(changed).shape == photo.shape


@SCALES
def test_an_exif_orientation_added_later_is_honoured(scale, photo, untrained):
    data = untrained.encode(photo[:, :120], quality=30, scale=scale)
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = 6
    block = exif.tobytes()
    turned = data[:2] + b"\xff\xe1" + (len(block) + 2).to_bytes(2, "big") + block + data[2:]
    assert np.array_equal(untrained.decode(turned), np.rot90(untrained.decode(data), -1))


@pytest.mark.skipif(not shutil.which("jpegtran"), reason="jpegtran, of libjpeg, turns a JPEG without decoding it")
@pytest.mark.parametrize("size", [(112, 127), (111, 160), (127, 96), (95, 127), (96, 128)])
@pytest.mark.parametrize("turn", ["-rotate 90", "-rotate 180", "-flip horizontal", "-transpose"])
def test_a_lossless_turn_leaves_the_picture_its_size(turn, size, photo, untrained, tmp_path):
    """Its axes change places, and with them the one of an odd length."""
    data = untrained.encode(photo[: size[0], : size[1]], quality=60, scale=2)
    (tmp_path / "ours.jpg").write_bytes(data)
    turned = subprocess.run(["jpegtran", *turn.split(), tmp_path / "ours.jpg"], capture_output=True, check=True).stdout
    swapped = turn in ("-rotate 90", "-transpose")
    assert untrained.decode(turned).shape == ((size[::-1] if swapped else size) + (3,))
    facts = describe(turned)
    assert (facts["original_height"], facts["original_width"]) == (size[::-1] if swapped else size)


@pytest.mark.usefixtures("own_folder_and_signals")
def test_encoding_a_half_size_file_of_ours_starts_from_the_restored_picture(photo, weights, caplog):
    save_image("cat.png", photo)
    use = ["--quality", "40", "--scale", "2", "--weights", str(weights)]
    assert main(["encode", "cat.png", "half.jpg", *use]) == 0
    assert main(["encode", "half.jpg", "out.webp", *use]) == 0
    assert "restored picture" in caplog.text
    assert load("scic-webp", weights).decode(read_file("out.webp")).shape == photo.shape
    assert load_image("out.webp").shape == (64, 80, 3)


def test_an_mpo_of_a_telephone_decodes_as_its_first_picture(photo, untrained):
    buffer = io.BytesIO()
    first, second = Image.fromarray(photo), Image.fromarray(photo[::-1])
    first.save(buffer, "MPO", save_all=True, append_images=[second], quality=90)
    assert framework_of(buffer.getvalue()) == "scic-jpeg"
    assert np.array_equal(untrained.decode(buffer.getvalue()), untrained.decode(jpeg(photo, quality=90)))


def with_gain_map(photo: np.ndarray) -> bytes:
    """An Ultra HDR JPEG as Android writes it: a JPEG whose XMP says so, and behind it a second one, the gain map."""
    buffer = io.BytesIO()
    Image.fromarray(photo[::4, ::4, 1]).save(buffer, "JPEG")
    xmp = (
        b"http://ns.adobe.com/xap/1.0/\0"
        + (
            '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
            '<rdf:Description xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version="1.0"'
            ' xmlns:Container="http://ns.google.com/photos/1.0/container/"'
            ' xmlns:Item="http://ns.google.com/photos/1.0/container/item/"><Container:Directory><rdf:Seq>'
            '<rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="Primary" Item:Mime="image/jpeg"/></rdf:li>'
            f'<rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="GainMap" Item:Mime="image/jpeg"'
            f' Item:Length="{len(buffer.getvalue())}"/></rdf:li></rdf:Seq></Container:Directory></rdf:Description>'
            "</rdf:RDF></x:xmpmeta>"
        ).encode()
    )
    data = jpeg(photo, quality=90)
    return data[:2] + b"\xff\xe1" + (len(xmp) + 2).to_bytes(2, "big") + xmp + data[2:] + buffer.getvalue()


@pytest.mark.usefixtures("own_folder_and_signals")
@pytest.mark.parametrize("kind", ["MPO", "Ultra HDR"])
def test_mpo_and_ultra_hdr_files_decode_and_encode_on_the_command_line(kind, photo, weights, capsys):
    """As their first picture, which is what a viewer of plain JPEG shows."""
    data = with_gain_map(photo)
    if kind == "MPO":
        buffer = io.BytesIO()
        Image.fromarray(photo).save(
            buffer, "MPO", save_all=True, append_images=[Image.fromarray(photo[::-1])], quality=90
        )
        data = buffer.getvalue()
    for name, content in (("phone.jpg", data), ("alone.jpg", jpeg(photo, quality=90))):
        Path(name).write_bytes(content)
        assert main(["decode", name, f"{name}.png", "--weights", str(weights)]) == 0
        assert (
            main(["encode", name, f"ours-{name}", "--quality", "20", "--effort", "0", "--weights", str(weights)]) == 0
        )
    assert main(["info", "phone.jpg"]) == 0 and "160" in capsys.readouterr().out
    assert np.array_equal(load_image("phone.jpg.png"), load_image("alone.jpg.png"))
    assert read_file("ours-phone.jpg") == read_file("ours-alone.jpg")


def test_of_an_animation_the_first_frame_is_restored_and_a_note_says_so(photo, weights, caplog):
    buffer, frames = io.BytesIO(), [Image.fromarray(part) for part in (photo, photo[:, ::-1])]
    frames[0].save(buffer, "WEBP", save_all=True, append_images=frames[1:], quality=90)
    restored = load("scic-webp", weights).decode(buffer.getvalue())
    assert "the first of 2 frames was taken" in caplog.text and psnr(restored, photo) > 30

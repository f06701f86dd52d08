"""A file of a few bytes can claim any size. What is refused, where does the limit come from, and what does it cost?"""

import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import jpeg, opened
from PIL import Image

from vcodec import dnnc
from vcodec.cli import main
from vcodec.errors import CodecError
from vcodec.frameworks import describe
from vcodec.images import load_image, named_images, save_image
from vcodec.limits import COSTS
from vcodec.png import png
from vcodec.scic import plain
from vcodec.standard import CODECS

pytestmark = pytest.mark.usefixtures("own_folder_and_signals")
GOLDEN = Path(__file__).parent / "golden"
DEEP = (GOLDEN / "colour.vcn").read_bytes()
HEIGHT, WIDTH = 127, 161  # of that

# Allowed: Pillow's four bytes a pixel and our three, for a while both; what a tile needs beside that.
PEAK = """
import io
import numpy as np
from PIL import Image
from vcodec.images import save_image
from vcodec.scic import plain
from vcodec.scic.header import Header, size_check
from vcodec.networks.tiles import NO_NETWORK
from vcodec.standard import CODECS
file = io.BytesIO()
Image.new("RGB", (4000, 4000), (90, 130, 60)).save(file, "JPEG", qtables=CODECS["jpeg"].tables(50))
from vcodec.standard.jpeg import with_comment

def peak():  # in bytes; what `resource` says begins with the peak of the process that started this one
    return 1024 * int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0])

plain().decode(CODECS["jpeg"].encode(np.zeros((16, 16, 3), np.uint8), 50))
before = peak()
ours = with_comment(file.getvalue(), Header(1, (0, 0), 50, NO_NETWORK, False, False, size_check(4000, 4000)).pack())
save_image("out.png", plain().decode(ours))
print((peak() - before) / 16e6)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="peaks of memory are read as Linux shows them")
def test_a_file_of_16_megapixels_takes_eight_bytes_a_pixel_and_not_sixty():
    """At 100 megapixels that and PyTorch together stay within 1 GB."""
    quiet = os.environ | {"OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1"}
    done = subprocess.run([sys.executable, "-c", PEAK], capture_output=True, text=True, env=quiet, check=True)
    assert 3 < float(done.stdout) < 10


MORE = """
import os, vcodec.standard  # HEIC is known from here on
from PIL import Image
from vcodec.images import load_image, read_file
FORMS = {"JPEG2000": {}, "WEBP": {"quality": 50}, "AVIF": {"speed": 10}, "HEIF": {}, "PNG": {},
         "JPEG": {"progressive": True, "subsampling": "4:4:4"}}

def in_a_process_of_its_own(work, *words):  # which takes no memory that another left
    if not os.fork():
        work(*words)
        os._exit(0)
    os.wait()

def save(side, form, options):
    Image.new("RGB", (side, side), (90, 130, 60)).save("file", form, **options)

def kilobytes(name):
    return int(open("/proc/self/status").read().split(name + ":")[1].split()[0])

def load(form):
    open("/proc/self/clear_refs", "w").write("5")  # the peak begins anew
    before = kilobytes("VmRSS")
    image = load_image(read_file("file"), max_pixels=10**8)
    name = "progressive JPEG with full chroma" if form == "JPEG" else form
    print(name, 1024 * (kilobytes("VmHWM") - before) / (image.size / 3), sep=": ", flush=True)

for form, options in FORMS.items():
    in_a_process_of_its_own(save, 3000, form, options)
    in_a_process_of_its_own(load, form)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="peaks of memory are read as Linux shows them")
def test_decoding_takes_the_memory_that_the_limit_of_its_format_supposes():
    """JPEG 2000 of 566 bytes: 9 megapixels took 174 MB, 100 would take 1.9 GB."""
    done = subprocess.run([sys.executable, "-c", MORE], capture_output=True, text=True, check=True)
    for line in done.stdout.splitlines():
        form, found = line.split(": ")
        assert float(found) < 10 * COSTS.get(form, 1), line  # 8, and what the decoder itself takes
    assert len(done.stdout.splitlines()) == 6


@pytest.mark.parametrize("form", COSTS)
def test_of_formats_that_take_more_memory_fewer_pixels_are_allowed(form, photo):
    kind, options = form, {}
    if "JPEG " in form:
        kind, options = "JPEG", {"progressive": True, "subsampling": "4:4:4"}
    buffers = io.BytesIO(), io.BytesIO()
    Image.fromarray(photo).save(buffers[0], kind, **options)
    Image.fromarray(photo).convert("L").save(buffers[1], kind)
    data, gray = (buffer.getvalue() for buffer in buffers)
    most = photo.shape[0] * photo.shape[1] * COSTS[form]
    assert load_image(data, max_pixels=int(most) + 1).shape == photo.shape
    with pytest.raises(CodecError, match=f"160x128 pixels; the limit for {form}, which takes more memory"):
        load_image(data, max_pixels=int(most) - 1)
    if form != "WEBP":  # which has no gray pictures
        assert load_image(gray, max_pixels=photo.shape[0] * photo.shape[1]).ndim == 2


def test_no_file_is_written_that_would_be_refused_at_decoding(photo):
    with pytest.raises(CodecError, match="the picture has 160x128 pixels; the limit for WEBP"):
        plain(CODECS["webp"]).encode(photo, quality=9, scale=1, max_pixels=photo.shape[0] * photo.shape[1])


def test_symbols_take_two_bytes_each():
    symbols = dnnc.contexts.Symbols(dnnc.contexts.Layout(6), 1, 100, 100)
    assert symbols.values.nbytes + symbols.lowest.nbytes < 2.1 * 384 * 102**2


@pytest.mark.parametrize("shape", [(1, 1), (65, 1, 3), (130, 77), (64, 64, 3)])
def test_png_in_strips_holds_every_pixel_in_no_more_bytes_than_pillow_needs(shape, photo):
    noise = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    save_image("noise.png", noise)
    assert np.array_equal(load_image("noise.png"), noise)
    save_image("pillow.png", photo)
    Image.fromarray(photo).save("theirs.png")
    assert sum(map(len, png(photo))) < 1.01 * Path("theirs.png").stat().st_size


USES = {
    "load_image": lambda data, most: load_image(data, max_pixels=most),
    "named_images": lambda data, most: Path("x.jpg").write_bytes(data) and named_images(".", max_pixels=most),
    "Scic.encode": lambda data, most: plain().encode(opened(data), quality=9, max_pixels=most),
    "Dnnc.encode": lambda data, most: dnnc.load(GOLDEN).encode(opened(data), quality=9, max_pixels=most),
    "Scic.decode": lambda data, most: plain().decode(data, max_pixels=most),
    "Dnnc.decode": lambda data, most: dnnc.load(GOLDEN).decode(DEEP, max_pixels=most),
    "describe": lambda data, most: describe(data, max_pixels=most),
    "describe, .vcn": lambda data, most: describe(DEEP, max_pixels=most),
}


@pytest.mark.parametrize("name", USES)
def test_max_pixels_is_an_argument_of_all_that_opens_a_file(name, photo):
    data = jpeg(np.resize(photo, (HEIGHT, WIDTH, 3)))
    with pytest.raises(CodecError, match=r"161x127 pixels; the limit is 0\.02 megapixels"):
        USES[name](data, 20_000)
    USES[name](data, HEIGHT * WIDTH)
    USES[name](data, None)


def test_max_pixels_counts_those_of_the_original_and_not_of_the_smaller_picture_in_the_file(photo):
    data = plain().encode(photo, quality=30, scale=2, passes=0)
    with pytest.raises(CodecError, match=r"160x128 pixels; the limit is 0\.02 megapixels"):
        plain().decode(data, max_pixels=20_000)


@pytest.mark.parametrize(
    "command", ["encode cat.png out.jpg --quality 9", "decode cat.jpg out.png", "info cat.jpg", "evaluate set"]
)
def test_max_pixels_is_an_option_of_all_commands_that_open_a_file(command, photo, capsys):
    os.mkdir("set")
    for name in ("cat.png", "cat.jpg", "set/cat.png"):
        save_image(name, photo)
    before = sorted(os.listdir())
    assert main([*command.split(), "--max-pixels", "1e4"]) == 2
    assert "160x128 pixels; the limit is 0.01 megapixels" in capsys.readouterr().err and sorted(os.listdir()) == before


def test_more_than_100_megapixels_may_be_asked_for():
    """Told so, a reader opens them: the limit is not only lowered."""
    bomb = Image.new("1", (10_001, 10_001))
    with pytest.raises(CodecError, match="the limit is 100 megapixels"):
        plain().encode(bomb, quality=9)
    with pytest.raises(CodecError, match="one of quality"):  # it has gone past the limit
        plain().encode(bomb, max_pixels=200_000_000)


@pytest.mark.parametrize(
    "name", ["d656434e010005f8b4973c00400040cdfade7800", "d656434e010105f8b4973c27102710f8dcb982000140004000"]
)
def test_the_files_of_the_report_get_one_sentence_and_exit_2(name, capsys):
    """20 bytes that ended in a ValueError, and 25 that claim 100 megapixels, of the networks that ship."""
    data = bytes.fromhex(name)
    data = dnnc.codec.unpack_header(data)[0]._replace(network_id=dnnc.load().networks.network_id).pack(data[19:])
    Path("x.vcn").write_bytes(data)
    assert main(["decode", "x.vcn", "out.png"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("vcodec: ") and error.count("\n") == 1 and not os.path.exists("out.png")

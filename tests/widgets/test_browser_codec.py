"""The codec in the browser: its files are Python's byte for byte, its pictures Python's to 0.01 dB, and the page is fit
to use. Asked of a page as the site serves it, of one opened from the disk, and of one with a kernel."""

import base64
import io
import json
import shutil

import numpy as np
import pytest
from codec_page import ROOT, code, decibel, pictures, table, widget
from figure_page import needs_chromium, stored
from PIL import Image

from vcodec import load
from vcodec.errors import CodecError
from vcodec.images import embedded, luma
from vcodec.metrics import psnr
from vcodec.scic.header import read_header
from vcodec.widgets import BrowserCodec

# --- Python's side ---


def test_state_fits_in_a_notebook():
    assert len(json.dumps(stored(BrowserCodec()))) < 500_000


def test_no_weights_in_the_state():
    """They are loaded when the reader starts the codec, or a chapter would carry them."""
    assert sum(entry["bytes"] for entry in widget().weights.values()) > 2_000_000
    assert len(json.dumps(stored(widget()))) < 150_000


def test_large_photographs_and_unknown_resolutions_are_refused():
    with pytest.raises(CodecError, match="crop it"):
        BrowserCodec(np.random.default_rng(0).integers(0, 256, (600, 600), np.uint8))
    with pytest.raises(CodecError, match="resolution is one of full, half"):
        BrowserCodec(embedded("camera"), resolution="quarter")


def test_poster_and_text_stand_in_for_the_figure():
    data, _ = widget()._repr_mimebundle_()
    still = Image.open(io.BytesIO(base64.b64decode(data["image/png"])))
    assert still.height == 128 + 34 and still.width > 160, "two lines of caption, as wide as they are"
    assert still.getpixel((still.width - 1, 64)) == (255, 255, 255), "white beside the picture"
    assert data["text/plain"] == repr(widget()) == "BrowserCodec(cat.png, 160x128 gray, quality 10, full resolution)"
    assert "application/vnd.jupyter.widget-view+json" in data


def test_kernel_sends_the_weights_that_are_asked_for(monkeypatch):
    figure, sent = BrowserCodec(embedded("camera")[:32, :32]), []
    monkeypatch.setattr(figure, "send", lambda content, buffers: sent.append((content, buffers)))
    for want in ({"want": "scic-jpeg-x2"}, {"want": "../secret"}, "nonsense"):
        figure._send_weights(figure, want, [])
    [(content, [data])] = sent
    assert content == {"name": "scic-jpeg-x2", "networkId": load().pair(2).network_id.hex()}
    assert data == (ROOT / "vcodec/weights/scic-jpeg-x2.safetensors").read_bytes()


# --- the page ---


@needs_chromium
class TestFiles:
    def test_files_at_full_resolution_are_pythons_byte_for_byte(self, open_page, codec_address, single_precision):
        page, codec = open_page(codec_address + "static.html"), widget().codec
        for index, (name, picture) in enumerate(pictures().items()):
            for quality in (1, 100, 40, 10)[index % 2 :: 2]:
                data = code(page, picture, quality)
                assert data == codec.encode(luma(picture), quality, 1), f"{name}, quality {quality}"
                restored = load().decode(data)
                seen = table(page)["our JPEG, restored"]
                assert seen[:2] == [f"{len(data):,}", f"{8 * len(data) / restored.size:.3f}"]
                assert decibel(seen) == pytest.approx(psnr(luma(picture), restored), abs=0.01)
        assert page.file_name == "my-photo-v2-q10-full.jpg"

    def test_files_at_half_resolution_are_pythons_but_for_roundings(self, open_page, codec_address, single_precision):
        page, codec = open_page(codec_address + "static.html"), widget().codec
        for name in ("colour", "odd", "noise", "row", "pixel"):
            original = luma(pictures()[name])
            data, expected = code(page, pictures()[name], 30, "half"), codec.encode(original, 30, 2)
            assert len(data) == pytest.approx(len(expected), abs=8)
            header = read_header(codec.codec, data)
            assert header == read_header(codec.codec, expected) and header.scale == 2
            pixels = [codec.codec.decode(file).astype(int) for file in (data, expected)]
            assert np.abs(pixels[0] - pixels[1]).mean() < 0.1, "hardly a level differs"
            restored = load().decode(data)
            assert restored.shape == original.shape
            assert decibel(table(page)["our JPEG, restored"]) == pytest.approx(psnr(original, restored), abs=0.01)

    def test_several_windows_have_no_seam(self, open_page, codec_address, single_precision):
        """Wider than two windows, and with two or more helpers also split in height."""
        picture = np.tile(embedded("coffee")[:90], (1, 2, 1))
        page = open_page(codec_address + "static.html")
        data = code(page, picture, 8)
        restored = load().decode(data)
        assert decibel(table(page)["our JPEG, restored"]) == pytest.approx(psnr(luma(picture), restored), abs=0.01)
        seen = page.evaluate("""() => {
            const canvas = document.querySelector(".vcx-right canvas");
            const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            return [...data.filter((_, i) => i % 4 === 0)];
        }""")
        assert np.abs(np.reshape(seen, restored.shape) - restored).max() <= 1

    def test_plain_jpeg_beside_it_is_pythons_and_takes_at_least_as_much(self, open_page, codec_address):
        from vcodec.standard import CODECS

        page, picture = open_page(codec_address + "static.html"), luma(pictures()["gray"])
        data = code(page, picture, 20)
        [(name, seen)] = [(name, seen) for name, seen in table(page).items() if name.startswith("plain")]
        quality = int(name.split()[-1])
        files = [CODECS["jpeg"].encode(picture, q) for q in (quality - 1, quality)]
        assert len(files[0]) < len(data) <= len(files[1])
        assert seen[0] == f"{len(files[1]):,}"
        assert decibel(seen) == pytest.approx(psnr(picture, CODECS["jpeg"].decode(files[1])), abs=0.01)

    def test_the_browser_shows_the_very_file(self, open_page, codec_address):
        page = open_page(codec_address + "static.html")
        data = code(page, pictures()["colour"], 10, "half")
        page.locator(".vbc-choose").first.select_option("file")
        seen = page.evaluate("""async () => {
            const image = document.querySelector(".vbc-side img");
            await image.decode();
            const bytes = new Uint8Array(await (await fetch(image.src)).arrayBuffer());
            return [[...bytes], image.naturalWidth, image.naturalHeight];
        }""")
        assert seen == [list(data), 60, 48]

    def test_kernels_of_every_kind_agree(self, open_page, codec_address):
        """Fused, four-lane and plain JavaScript: the same convolution."""
        page = open_page(codec_address + "live.html")
        source = "".join(
            (ROOT / f"vcodec/widgets/static/browser_codec{n}.js").read_text() for n in ("_kernel", "_network")
        )
        body = """
        const random = (n) => Float32Array.from({ length: n }, (_, i) => Math.sin(7 * i * i));
        const layer = (o, i) => packLayer({ shape: [o, i], values: random(9 * o * i) }, { values: random(o) });
        const trunk = { head: layer(12, 4), blocks: [[layer(12, 12), layer(12, 12)]], tail: layer(4, 12) };
        const planes = [0, 1, 2, 3].map((i) => random(13 * 19).map((v) => v + i));
        return Promise.all(["fused", "simd", "plain"].map(async (name) => {
          const kernel = makeKernel([name]);
          const out = await runTrunk(kernel, trunk, planes, 13, 19, async () => {});
          return [kernel.name, out.map((plane) => [...plane])];
        }));"""
        results = page.evaluate(f"new Function({json.dumps(source + body)})()")
        names, outputs = zip(*results, strict=True)
        assert names[1:] == ("simd", "plain")
        reference = np.array(outputs[2])
        assert np.abs(reference).max() > 1
        for output in outputs[:2]:
            assert np.array(output) == pytest.approx(reference, abs=1e-4 * np.abs(reference).max())


@needs_chromium
class TestHomes:
    def test_site_loads_the_weights_only_when_started_and_asks_no_other_host(self, open_page, codec_address):
        page = open_page(codec_address + "static.html")
        assert not any("weights" in url for url in page.asked)
        code(page)
        code(page, None, 50)
        scripts = [url for url in page.asked if "weights" in url]
        assert scripts == [codec_address.replace("book/", "_static/weights/scic-jpeg-x1.js")]
        assert all(url.startswith((codec_address.removesuffix("vcodec/book/"), "blob:", "data:")) for url in page.asked)

    def test_page_from_the_disk(self, open_page, codec_site):
        page = open_page((codec_site / "vcodec/book/static.html").as_uri())
        data = code(page, None, 10)
        assert data == widget().codec.encode(widget().original, 10, 1)
        assert all(url.startswith(("file:", "blob:", "data:")) for url in page.asked)

    def test_kernel_is_asked_once_for_a_resolution(self, open_page, codec_address):
        page = open_page(codec_address + "live.html")
        data = code(page)
        assert read_header(widget().codec.codec, data).network_id == bytes([1, 2])
        code(page, None, 20)
        code(page, None, 20, "half")
        assert page.evaluate("wanted") == ["scic-jpeg-x1", "scic-jpeg-x2"]
        page.evaluate("() => cleanUp()")
        assert page.evaluate("listening()") == 0

    def test_missing_weights_are_said(self, open_page, codec_site, tmp_path):
        shutil.copytree(codec_site / "vcodec/book", tmp_path / "book")
        page = open_page((tmp_path / "book/static.html").as_uri())
        page.locator(".vbc-start").click()
        page.get_by_text("The networks could not be loaded: scic-jpeg-x1.js is not where it should be.").wait_for()
        assert page.complaints and all("scic-jpeg-x1.js" in line or "ERR_FILE" in line for line in page.complaints)
        page.complaints.clear()

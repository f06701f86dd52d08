"""The codec in the browser: its files are Python's byte for byte, its pictures Python's to 0.01 dB, and the page is fit
to use. Asked of a page as the site serves it, of one opened from the disk, and of one with a kernel."""

import base64
import functools
import io
import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
from figure_page import needs_chromium, serving, stored
from PIL import Image

from tools.vendor import write_scripts
from vcodec import load
from vcodec.errors import CodecError
from vcodec.images import embedded, luma
from vcodec.metrics import psnr
from vcodec.scic import read_header
from vcodec.widgets import BrowserCodec

ROOT = Path(__file__).parent.parent


@functools.cache
def widget() -> BrowserCodec:
    return BrowserCodec(embedded("chelsea")[60:188, 140:300], "cat.png", resolution="full")


def png(picture: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG")
    return buffer.getvalue()


def pictures() -> dict[str, np.ndarray]:
    """Small, of many shapes: photographs in colour and gray, odd sides, noise, flat, two levels, a single row."""
    random = np.random.default_rng(0)
    return {
        "colour": embedded("astronaut")[40:136, 180:300],
        "gray": embedded("camera")[100:180, 200:296],
        "odd": embedded("coffee")[100:177, 200:293],
        "noise": random.integers(0, 256, (40, 56), np.uint8),
        "flat": np.full((24, 40), 90, np.uint8),
        "black-white": 255 * random.integers(0, 2, (33, 31), np.uint8),
        "row": random.integers(0, 256, (1, 37), np.uint8),
        "pixel": np.array([[200]], np.uint8),
    }


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
    assert Image.open(io.BytesIO(base64.b64decode(data["image/png"]))).size == (160, 128 + 18)
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

VIEW = "application/vnd.jupyter.widget-view+json"
STYLE = """body { margin: 16px; background: #fff; color: #222 } main { max-width: 900px; margin: auto }
[data-theme=dark] body { background: #121212; color: #ddd }"""
HEAD = f"""<meta charset="utf-8"><title>Codec</title><meta name="viewport" content="width=device-width">
<link rel="icon" href="data:,"><style>{STYLE}</style>"""
LIVE = """<!doctype html><html lang="en"><HEAD><main></main><script type="module">
import widget from "./widget.js";
document.head.append(Object.assign(document.createElement("link"), {rel: "stylesheet", href: "widget.css"}));
const { state, buffers } = await (await fetch("state.json")).json();
for (const { path: [trait], data } of buffers)
  state[trait] = new DataView(Uint8Array.from(atob(data), (c) => c.charCodeAt(0)).buffer);
const listeners = {};
const emit = (name, ...values) => [...(listeners[name] ?? [])].forEach((f) => f(...values));
window.wanted = [];
window.model = {
  get: (name) => state[name],
  set(name, value) { state[name] = value; emit(`change:${name}`); },
  on(text, f) { for (const name of text.split(" ")) (listeners[name] ??= new Set()).add(f); },
  off(text, f) { for (const name of text.split(" ")) listeners[name].delete(f); },
  save_changes() {},
  async send({ want }) { // as the kernel answers
    wanted.push(want);
    const bytes = await (await fetch(`${want}.safetensors`)).arrayBuffer();
    emit("msg:custom", { name: want, networkId: "01020304" }, [new DataView(bytes)]);
  },
};
window.listening = () => Object.values(listeners).reduce((sum, set) => sum + set.size, 0);
window.cleanUp = widget.render({ model, el: document.querySelector("main") });
</script></html>"""


def site_page(figure: BrowserCodec) -> str:
    """As Jupyter Book writes it."""
    models = {"state": {"a": {"model_name": "AnyModel", **stored(figure)}}}
    host = (ROOT / "book/_static/anywidget-host.js").read_text()
    state = f'<script type="{VIEW.replace("view", "state")}">{json.dumps(models)}</script>'
    view = f'<script type="{VIEW}">{{"model_id": "a"}}</script>'
    html = '<!doctype html><html lang="en" data-content_root="../">'
    return f"{html}{HEAD}<main>{view}</main>{state}<script>{host}</script>"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A site of two pages below a sub-path: vcodec/book/static.html, and live.html whose kernel is played."""
    folder = tmp_path_factory.mktemp("site")
    write_scripts(folder / "vcodec/_static/weights")
    book = folder / "vcodec/book"
    book.mkdir()
    figure = stored(widget())
    (book / "static.html").write_text(site_page(widget()), encoding="utf-8")
    (book / "live.html").write_text(LIVE.replace("<HEAD>", HEAD), encoding="utf-8")
    (book / "widget.js").write_text(figure["state"]["_esm"], encoding="utf-8")
    (book / "widget.css").write_text(figure["state"]["_css"], encoding="utf-8")
    (book / "state.json").write_text(json.dumps(figure), encoding="utf-8")
    for path in (ROOT / "vcodec/weights").glob("scic-jpeg-x*.safetensors"):
        shutil.copy(path, book)
    return folder


@pytest.fixture(scope="module")
def address(site):
    with serving(site) as server:
        yield server + "vcodec/book/"


@pytest.fixture
def open_page(browser):
    """open_page(address) -> a page of which nothing may be complained; page.asked holds the requests' addresses."""
    contexts, complaints = [], []

    def open_page(address: str, width: int = 1280):
        context = browser.new_context(viewport={"width": width, "height": 900}, has_touch=True)
        contexts.append(context)
        context.set_default_timeout(120_000)  # a busy machine is no fault
        page = context.new_page()
        page.asked, page.complaints = [], complaints
        page.on("request", lambda request: page.asked.append(request.url))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: message.type in ("error", "warning") and complaints.append(message.text))
        page.on("requestfailed", lambda f: "ABORTED" in (f.failure or "") or complaints.append(f.url))
        page.goto(address)
        page.wait_for_selector(".vbc canvas")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


def choose(page, picture: np.ndarray | None = None, quality: int = 10, resolution: str = "full"):
    if picture is not None:
        file = {"name": "my photo.v2.png", "mimeType": "image/png", "buffer": png(picture)}
        page.locator("input[type=file]").set_input_files(file)
        page.get_by_text(f"my photo.v2.png: {picture.shape[1]}×{picture.shape[0]} pixels").wait_for()
    page.get_by_role("slider", name="Bitrate").fill(str(quality))
    page.locator(".vcx-pill", has_text=resolution).click()


def code(page, *settings) -> bytes:
    """Choose, start where that is still to do, and wait for the file, which is downloaded."""
    choose(page, *settings)
    start = page.locator(".vbc-start")
    if start.is_visible():
        start.click()
    link = page.locator(".vbc-download")
    link.wait_for()
    with page.expect_download() as download:
        link.click()
    page.file_name = download.value.suggested_filename
    return Path(download.value.path()).read_bytes()


def table(page) -> dict[str, list[str]]:
    """Name of the row -> bytes, bpp, PSNR."""
    rows = [line.split("\t") for line in page.locator(".vcx-numbers tbody").inner_text().splitlines()]
    return {name.strip(): [text.strip() for text in texts] for name, *texts in rows}


def decibel(texts: list[str]) -> float:
    return math.inf if texts[2] == "exact" else float(texts[2].removesuffix(" dB"))


@needs_chromium
class TestFiles:
    def test_files_at_full_resolution_are_pythons_byte_for_byte(self, open_page, address, single_precision):
        page, codec = open_page(address + "static.html"), widget().codec
        for index, (name, picture) in enumerate(pictures().items()):
            for quality in (1, 100, 40, 10)[index % 2 :: 2]:
                data = code(page, picture, quality)
                assert data == codec.encode(luma(picture), quality, 1), f"{name}, quality {quality}"
                restored = load().decode(data)
                seen = table(page)["our JPEG, restored"]
                assert seen[:2] == [f"{len(data):,}", f"{8 * len(data) / restored.size:.3f}"]
                assert decibel(seen) == pytest.approx(psnr(luma(picture), restored), abs=0.01)
        assert page.file_name == "my-photo-v2-q10-full.jpg"

    def test_files_at_half_resolution_are_pythons_but_for_roundings(self, open_page, address, single_precision):
        page, codec = open_page(address + "static.html"), widget().codec
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

    def test_several_windows_have_no_seam(self, open_page, address, single_precision):
        """Wider than two windows, and with two or more helpers also split in height."""
        picture = np.tile(embedded("coffee")[:90], (1, 2, 1))
        page = open_page(address + "static.html")
        data = code(page, picture, 8)
        restored = load().decode(data)
        assert decibel(table(page)["our JPEG, restored"]) == pytest.approx(psnr(luma(picture), restored), abs=0.01)
        seen = page.evaluate("""() => {
            const canvas = document.querySelector(".vcx-right canvas");
            const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            return [...data.filter((_, i) => i % 4 === 0)];
        }""")
        assert np.abs(np.reshape(seen, restored.shape) - restored).max() <= 1

    def test_plain_jpeg_beside_it_is_pythons_and_takes_at_least_as_much(self, open_page, address):
        from vcodec.codecs import CODECS

        page, picture = open_page(address + "static.html"), luma(pictures()["gray"])
        data = code(page, picture, 20)
        [(name, seen)] = [(name, seen) for name, seen in table(page).items() if name.startswith("plain")]
        quality = int(name.split()[-1])
        files = [CODECS["jpeg"].encode(picture, q) for q in (quality - 1, quality)]
        assert len(files[0]) < len(data) <= len(files[1])
        assert seen[0] == f"{len(files[1]):,}"
        assert decibel(seen) == pytest.approx(psnr(picture, CODECS["jpeg"].decode(files[1])), abs=0.01)

    def test_the_browser_shows_the_very_file(self, open_page, address):
        page = open_page(address + "static.html")
        data = code(page, pictures()["colour"], 10, "half")
        page.locator(".vbc-choose").first.select_option("file")
        seen = page.evaluate("""async () => {
            const image = document.querySelector(".vbc-side img");
            await image.decode();
            const bytes = new Uint8Array(await (await fetch(image.src)).arrayBuffer());
            return [[...bytes], image.naturalWidth, image.naturalHeight];
        }""")
        assert seen == [list(data), 60, 48]

    def test_kernels_of_every_kind_agree(self, open_page, address):
        """Fused, four-lane and plain JavaScript: the same convolution."""
        page = open_page(address + "live.html")
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
    def test_site_loads_the_weights_only_when_started_and_asks_no_other_host(self, open_page, address):
        page = open_page(address + "static.html")
        assert not any("weights" in url for url in page.asked)
        code(page)
        code(page, None, 50)
        scripts = [url for url in page.asked if "weights" in url]
        assert scripts == [address.replace("book/", "_static/weights/scic-jpeg-x1.js")]
        assert all(url.startswith((address.removesuffix("vcodec/book/"), "blob:", "data:")) for url in page.asked)

    def test_page_from_the_disk(self, open_page, site):
        page = open_page((site / "vcodec/book/static.html").as_uri())
        data = code(page, None, 10)
        assert data == widget().codec.encode(widget().original, 10, 1)
        assert all(url.startswith(("file:", "blob:", "data:")) for url in page.asked)

    def test_kernel_is_asked_once_for_a_resolution(self, open_page, address):
        page = open_page(address + "live.html")
        data = code(page)
        assert read_header(widget().codec.codec, data).network_id == bytes([1, 2, 3, 4])
        code(page, None, 20)
        code(page, None, 20, "half")
        assert page.evaluate("wanted") == ["scic-jpeg-x1", "scic-jpeg-x2"]
        page.evaluate("() => cleanUp()")
        assert page.evaluate("listening()") == 0

    def test_missing_weights_are_said(self, open_page, site, tmp_path):
        shutil.copytree(site / "vcodec/book", tmp_path / "book")
        page = open_page((tmp_path / "book/static.html").as_uri())
        page.locator(".vbc-start").click()
        page.get_by_text("The networks could not be loaded: scic-jpeg-x1.js is not where it should be.").wait_for()
        assert page.complaints and all("scic-jpeg-x1.js" in line or "ERR_FILE" in line for line in page.complaints)
        page.complaints.clear()


@needs_chromium
class TestUse:
    def test_what_is_no_picture_gets_one_sentence(self, open_page, address):
        page = open_page(address + "static.html", width=390)
        for name, data in [("notes.txt", b"hello"), ("broken.png", png(pictures()["gray"])[:60]), ("empty.jpg", b"")]:
            file = {"name": name, "mimeType": "image/png", "buffer": data}
            page.locator("input[type=file]").set_input_files(file)
            page.get_by_text(f"{name} is not a picture that this browser can open.").wait_for()
        assert page.locator(".vbc-name").inner_text() == "cat.png: 160×128 pixels.", "the one before is still there"
        assert page.locator(".vbc-start").is_visible()

    def test_a_file_can_be_dropped(self, open_page, address):
        page = open_page(address + "static.html", width=390)
        page.evaluate(
            """async (base64) => {
                const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
                const dataTransfer = new DataTransfer();
                dataTransfer.items.add(new File([bytes], "dropped.png", { type: "image/png" }));
                for (const type of ["dragover", "drop"]) {
                    const event = new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true });
                    document.querySelector(".vcx-stage").dispatchEvent(event);
                }
            }""",
            base64.b64encode(png(pictures()["odd"])).decode(),
        )
        page.get_by_text("dropped.png: 93×77 pixels.").wait_for()

    def test_large_pictures_begin_with_their_middle(self, open_page, address):
        page = open_page(address + "static.html", width=390)
        picture = np.zeros((1200, 1400), np.uint8)
        picture[88:1112, 188:1212] = 255  # the middle 1024x1024
        page.locator("input[type=file]").set_input_files(
            {"name": "large.png", "mimeType": "image/png", "buffer": png(picture)}
        )
        page.get_by_text("large.png: 1024×1024 pixels.").wait_for()
        values = page.evaluate("""() => {
            const canvas = document.querySelector(".vbc-side canvas");
            const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            return [...new Set(data)];
        }""")
        assert values == [255]
        page.get_by_label("Part").select_option("all of it, 1400×1200")
        page.get_by_text("large.png: 1400×1200 pixels.").wait_for()

    def test_long_runs_tell_the_time_and_can_be_cancelled(self, open_page, address):
        page = open_page(address + "static.html", width=390)
        choose(page, np.tile(embedded("camera"), (2, 2)), 10)
        page.locator(".vbc-start").click()
        page.get_by_text("s left").wait_for()
        assert 0 < page.get_by_role("progressbar").evaluate("(bar) => bar.value") < 1
        page.get_by_role("button", name="Cancel").click()
        assert page.locator(".vbc-status").inner_text() == "Cancelled."
        assert page.locator(".vbc-start").is_visible() and page.get_by_role("progressbar").is_hidden()
        data = code(page, pictures()["gray"], 10)  # and the next run is sound
        assert data == widget().codec.encode(pictures()["gray"], 10, 1)

    def test_settings_that_change_meanwhile_win(self, open_page, address):
        page = open_page(address + "static.html", width=390)
        choose(page, pictures()["gray"], 60)
        page.locator(".vbc-start").click()
        for quality in (30, 20, 10):
            page.get_by_role("slider", name="Bitrate").fill(str(quality))
        assert code(page) == widget().codec.encode(pictures()["gray"], 10, 1)

    def test_sides_are_chosen_and_change_places(self, open_page, address):
        page = open_page(address + "static.html", width=390)
        code(page, pictures()["gray"])
        left, right = page.locator(".vbc-choose").all()
        tags = page.locator(".vcx-tag")
        assert tags.all_inner_texts() == ["plain JPEG", "our JPEG, restored"]
        left.select_option("original")
        assert tags.all_inner_texts() == ["original", "our JPEG, restored"]
        right.select_option("original")
        assert tags.all_inner_texts() == ["our JPEG, restored", "original"]

    def test_keys_and_mouse_move_the_wipe(self, open_page, address):
        page = open_page(address + "static.html", width=390)
        wipe = page.get_by_role("slider", name="Wipe")
        wipe.press("Home")
        wipe.press("ArrowRight")
        assert float(wipe.input_value()) == pytest.approx(0.01)
        box = page.locator(".vcx-stage").bounding_box()
        page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 20)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + 40, steps=3)
        page.mouse.up()
        assert float(wipe.input_value()) == pytest.approx(0.3, abs=0.01)

    def test_finger_moves_the_wipe(self, open_page, address):
        page = open_page(address + "static.html", width=390)
        box = page.locator(".vcx-stage").bounding_box()
        finger = page.context.new_cdp_session(page)
        for kind, share in [("touchStart", 0.4), ("touchMove", 0.6), ("touchMove", 0.7), ("touchMove", 0.8)]:
            spot = {"x": box["x"] + share * box["width"], "y": box["y"] + 50}
            finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [spot]})
        finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        assert float(page.get_by_role("slider", name="Wipe").input_value()) == pytest.approx(0.8, abs=0.02)

    @pytest.mark.parametrize("width", [1280, 390])
    def test_every_control_has_a_name_and_shows_its_focus(self, open_page, address, width):
        page = open_page(address + "static.html", width)
        code(page, pictures()["gray"])
        tree = page.locator(".vbc").aria_snapshot()
        for name in ("slider", "combobox", "radio", "button", "img", "radiogroup", "link"):
            for line in (line for line in tree.splitlines() if line.strip().startswith(f"- {name}")):
                assert '"' in line, f"without a name: {line}"
        stops = []
        page.locator(".vbc-wipe").focus()
        page.keyboard.press("Tab")
        page.keyboard.press("Shift+Tab")  # focus by keys, whose ring shows
        while page.evaluate("Boolean(document.activeElement.closest('.vbc'))"):
            outline, name = page.evaluate("""() => {
                const focused = document.activeElement;
                const seen = focused.classList.contains("vcx-hidden") ? focused.nextElementSibling : focused;
                return [getComputedStyle(seen).outlineStyle, `${focused.tagName} ${focused.type ?? ""}`];
            }""")
            assert outline == "solid", name
            stops.append(name)
            page.keyboard.press("Tab")
        assert len(stops) == 9, stops  # wipe, file, supplied, part, resolution, quality, left, right, download
        assert page.locator(".vbc :is(input, select, button):not([data-lm-suppress-shortcuts=true])").count() == 0

    @pytest.mark.parametrize("width", [1280, 390])
    def test_nothing_overflows_and_text_is_readable_in_the_dark(self, open_page, address, width):
        page = open_page(address + "static.html", width)
        code(page, pictures()["gray"])
        page.evaluate("document.documentElement.dataset.theme = 'dark'")
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        for selector in (".vbc th", ".vbc td", ".vbc select", ".vcx-pill", ".vbc-note", ".vbc-status"):
            seen = page.locator(selector).last.evaluate("(e) => getComputedStyle(e).color")
            assert min(int(part) for part in seen.removeprefix("rgb(").rstrip(")").split(",")) > 180, selector

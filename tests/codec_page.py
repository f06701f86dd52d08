"""The codec in the browser on the pages where it lives, and what a reader does there."""

import functools
import io
import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
from figure_page import serving, stored
from PIL import Image

from tools.notebooks import STATE, VIEW
from tools.vendor import write_scripts
from vcodec.images import embedded
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
    state = f'<script type="{STATE}">{json.dumps(models)}</script>'
    view = f'<script type="{VIEW}">{{"model_id": "a"}}</script>'
    html = '<!doctype html><html lang="en" data-content_root="../">'
    return f"{html}{HEAD}<main>{view}</main>{state}<script>{host}</script>"


@pytest.fixture(scope="module")
def codec_site(tmp_path_factory):
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
def codec_address(codec_site):
    with serving(codec_site) as server:
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

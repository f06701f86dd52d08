"""The built site in a real browser: every page, two widths, below a sub-path, no other host in reach."""

import functools
import http.server
import json
import shutil
import threading
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import pytest

SITE = Path(__file__).parent.parent / "_build/html"
FILES = sorted(file.relative_to(SITE).as_posix() for file in SITE.rglob("*.html"))
PAGES = [name for name in FILES if not name.startswith("_static/") and name != "index.html"]
VIEW = "application/vnd.jupyter.widget-view+json"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SWITCHES = [
    *["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"],
    *["--disable-background-networking", "--disable-component-update"],
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
]
WIDTHS = [1280, 390]  # a laptop's window and a telephone's, in CSS pixels

pytestmark = [
    pytest.mark.skipif(not PAGES, reason="the site is not built; run: make book"),
    pytest.mark.skipif(not CHROMIUM, reason="no Chromium found; the site's crawl needs one"),
]


class SubPathHandler(http.server.SimpleHTTPRequestHandler):
    """Serves the site as /vcodec/..., and nothing else: an absolute address such as /_static fails."""

    def translate_path(self, path):
        inside = path.startswith("/vcodec/")
        return super().translate_path(path.removeprefix("/vcodec") if inside else "/nothing-here")

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def address():
    handler = functools.partial(SubPathHandler, directory=SITE)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/vcodec/"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        profile = tmp_path_factory.mktemp("profile")
        context = playwright.chromium.launch_persistent_context(
            profile, executable_path=CHROMIUM, args=SWITCHES, headless=True
        )
        yield context
        context.close()


@pytest.fixture
def page(browser):
    """A fresh tab. Whatever it complains of is in page.complaints; every request's address in page.asked."""
    tab = browser.new_page()
    tab.complaints, tab.asked = [], []
    tab.on("request", lambda request: tab.asked.append(request.url))
    tab.on("requestfailed", lambda request: tab.complaints.append(f"failed: {request.url} {request.failure}"))
    tab.on("response", lambda reply: reply.ok or tab.complaints.append(f"{reply.status}: {reply.url}"))
    tab.on("pageerror", lambda error: tab.complaints.append(f"error: {error}"))
    tab.on(
        "console",
        lambda message: message.type == "error" and tab.complaints.append(f"console: {message.text}"),
    )
    yield tab
    tab.close()


def settle(page):
    """Scroll to the end, so that every figure starts; wait until figures, formulas and fonts are there."""
    page.evaluate("""async () => {
        for (let y = 0; y <= document.documentElement.scrollHeight; y += 600) {
            window.scrollTo(0, y);
            await new Promise(requestAnimationFrame);
            await new Promise(requestAnimationFrame);
        }
        await window.MathJax?.startup?.promise;
        await document.fonts.ready;
    }""")
    page.wait_for_function(  # pictures that arrive late can push a figure away from where the scroll passed
        """() => {
            const waiting = document.querySelector("[data-figure=waiting]");
            waiting?.scrollIntoView({behavior: "instant"});
            return !waiting;
        }""",
        polling=200,
        timeout=30_000,
    )
    page.wait_for_load_state("networkidle")


def overflowing(page):
    """The elements that make the page wider than its window, as short descriptions."""
    return page.evaluate("""() => {
        const width = document.documentElement.clientWidth;
        if (document.documentElement.scrollWidth <= width) return [];
        return [...document.querySelectorAll("main *")]
            .filter((element) => element.getBoundingClientRect().right > width + 1)
            .map((element) => element.outerHTML.slice(0, 80)).slice(0, 5).concat("scrollWidth > " + width);
    }""")


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", PAGES)
def test_page_is_complete(page, address, name, width):
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(address + name)
    settle(page)
    foreign = [url for url in page.asked if not url.startswith((address, "blob:", "data:"))]
    assert foreign == []
    assert page.complaints == []
    assert page.locator("[data-figure=failed]").count() == 0
    assert page.locator(".math").count() == page.locator(".math mjx-container").count(), "raw TeX"
    assert overflowing(page) == []


def test_the_front_door_leads_to_the_first_page(page, address):
    page.goto(address)
    page.wait_for_url(address + "book/index.html")
    assert page.complaints == []


def test_links_lead_somewhere(page, address):
    anchors, links = {}, set()
    for name in PAGES:
        page.goto(address + name)
        here = urldefrag(page.url).url
        anchors[here] = set(page.eval_on_selector_all("[id]", "all => all.map((element) => element.id)"))
        hrefs = page.eval_on_selector_all("a[href]", "all => all.map((a) => a.getAttribute('href'))")
        links |= {(here, urljoin(here, href)) for href in hrefs}
    broken = []
    for here, (target, anchor) in ((here, urldefrag(link)) for here, link in links):
        if not target.startswith(address):
            continue
        file = SITE / unquote(urlsplit(target).path).removeprefix("/vcodec/")
        known = anchor in anchors[target] if anchor and target in anchors else True
        if not (file.exists() and known):
            broken.append(f"{here}: {target}#{anchor}")
    assert broken == []


def test_search_finds_a_word(page, address):
    page.goto(address + "search.html?q=vcodec")
    page.wait_for_selector("#search-results li")
    assert page.complaints == []


def test_dark_mode_is_dark_and_shows_pictures_undimmed(page, address):
    page.goto(address + PAGES[0])
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert max(int(part) for part in background.removeprefix("rgb(").rstrip(")").split(",")) < 60
    assert (
        page.evaluate("""() => {
        const image = document.querySelector(".bd-article").appendChild(document.createElement("img"));
        return getComputedStyle(image).filter;
    }""")
        == "none"
    )


def test_pages_open_straight_from_the_disk(page):
    for name in (name for name in PAGES if name.startswith("book/")):
        page.goto((SITE / name).as_uri())
        settle(page)
        assert [url for url in page.asked if not url.startswith(("file:", "blob:", "data:"))] == []
        assert page.locator("[data-figure=failed]").count() == 0
        assert page.locator(".math").count() == page.locator(".math mjx-container").count(), "raw TeX"


HOST = Path(__file__).parent.parent / "book/_static/anywidget-host.js"
PROBE = """
let starts = 0;
export default {
  initialize({ model }) { model.set("starts", ++starts); },
  render({ model, el }) {
    if (model.get("broken")) throw new Error("on purpose");
    const show = () => el.textContent = [
      model.get("bytes").getUint8(1), model.get("parts")[1].byteLength, model.get("starts"), model.get("n"),
    ].join(" ");
    model.on("change:n change:other", show);
    show();
    el.addEventListener("click", () => { model.set("n", model.get("n") + 1); model.save_changes(); });
  },
};
"""


def write_probe(path, **traits):
    """A page as Jupyter Book writes it: two views of one anywidget, and one of a widget of another kind."""
    buffers = [{"path": ["bytes"], "data": "AQID"}, {"path": ["parts", 1], "data": "AQ=="}]
    state = {
        "_esm": PROBE,
        "_css": ".probe { color: red }",
        "bytes": None,
        "parts": [0, None],
        "n": 7,
        **traits,
    }
    models = {
        "a": {"model_name": "AnyModel", "state": state, "buffers": buffers},
        "b": {"model_name": "IntSliderModel", "state": {}},
    }
    views = [f'<script type="{VIEW}">{json.dumps({"model_id": name})}</script>' for name in "aab"]
    state_script = f'<script type="{VIEW.replace("view", "state")}">{json.dumps({"state": models})}</script>'
    path.write_text(f"<!doctype html><body>{state_script}{''.join(views)}<script>{HOST.read_text()}</script>")
    return path.as_uri()


def test_host_runs_an_anywidget_without_a_kernel(page, tmp_path):
    page.goto(write_probe(tmp_path / "page.html"))
    page.wait_for_selector("[data-figure=ready] >> nth=1")
    first, second, other = page.locator("[data-figure]").all()
    assert first.text_content() == "2 1 1 7"  # byte 1, a nested byte's length, one start for two views, n
    first.click()
    assert [first.text_content(), second.text_content()] == ["2 1 1 8", "2 1 1 8"]
    assert "needs Python" in other.text_content()
    assert page.locator("head style").count() == 1
    assert page.complaints == []


def test_host_says_when_a_widget_fails(page, tmp_path):
    page.goto(write_probe(tmp_path / "page.html", broken=True))
    page.wait_for_selector("[data-figure=failed]")
    assert "on purpose" in page.locator("[data-figure]").first.text_content()

"""The built site in a real browser: every page, two widths, below a sub-path, no other host in reach.

Most of its time are 27 pages, each loaded once: that every figure starts, every formula is set, nothing is wider than
a telephone, and axe-core finds no fault in either theme."""

import functools
import gzip
import hashlib
import importlib.util
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import pytest
import yaml

from tools.chromium import CHROMIUM, SWITCHES, QuietHandler, serving
from tools.notebooks import VIEW

ROOT = Path(__file__).parent.parent.parent
SITE = ROOT / "_build/html"
REPORT = ROOT / "_build/site-report.json"
FILES = sorted(file.relative_to(SITE).as_posix() for file in SITE.rglob("*.html"))
PAGES = [name for name in FILES if not name.startswith("_static/") and name != "index.html"]
CHAPTERS = [name for name in PAGES if name.startswith("book/")]

LAPTOP, TELEPHONE = 1280, 390  # widths of their windows, in CSS pixels
# Code, but for commands and diffs, whose lines are those of files; and what cells print.
FITTING = {LAPTOP: "main div:not(.highlight-sh):not(.highlight-diff) > .highlight > pre", TELEPHONE: ".sentences pre"}
FROM_DISK = [name for name in PAGES if name in ("book/gallery.html", "book/ch04_quantiser.html")]
THEMES = {LAPTOP: "light", TELEPHONE: "dark"}
AXE = "axe_playwright_python"  # the package that brings axe-core
AXE_SHA256 = "84494fec757e4710dc751c8d7a636e457f4532f08f85c86dc9070133fbff53bc"  # of axe-core 4.12.1

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not PAGES, reason="the site is not built; run: make book"),
    pytest.mark.skipif(not CHROMIUM, reason="no Chromium found; the site's crawl needs one"),
]


class SubPathHandler(QuietHandler):
    """Serves the site as /vcodec/..., and nothing else: an absolute address such as /_static fails."""

    def translate_path(self, path):
        inside = path.startswith("/vcodec/")
        return super().translate_path(path.removeprefix("/vcodec") if inside else "/nothing-here")


@pytest.fixture(scope="module")
def address():
    with serving(SITE, SubPathHandler) as server:
        yield server + "vcodec/"


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


def settle(page):
    """Unfold solutions, scroll to the end, so that every figure starts; wait until figures, formulas and fonts are
    there."""
    page.evaluate("""async () => {
        for (const folded of document.querySelectorAll("main details")) folded.open = true;
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
        timeout=120_000,
    )
    page.wait_for_load_state("networkidle" if page.url.startswith("http") else "load")


def overflowing(page):
    """The elements that make the page wider than its window, as short descriptions."""
    return page.evaluate("""() => {
        const width = document.documentElement.clientWidth;
        if (document.documentElement.scrollWidth <= width) return [];
        return [...document.querySelectorAll("main *")]
            .filter((element) => element.getBoundingClientRect().right > width + 1)
            .map((element) => element.outerHTML.slice(0, 80)).slice(0, 5).concat("scrollWidth > " + width);
    }""")


def beginning_out_of_view(page):
    """Displayed formulas that a reader must first scroll to the left."""
    return page.evaluate("""() => [...document.querySelectorAll("div.math")]
        .filter((box) => box.firstElementChild.getBoundingClientRect().left < box.getBoundingClientRect().left - 1)
        .map((box) => box.textContent.slice(0, 80))""")


def cut_off(page, boxes):
    """What stands in such boxes and of which a reader sees the beginning alone."""
    return page.evaluate(
        """(boxes) => [...document.querySelectorAll(boxes)].filter((box) => box.scrollWidth > box.clientWidth + 1)
            .map((box) => box.textContent.slice(0, 80))""",
        boxes,
    )


@functools.cache
def sizes(name: str) -> tuple[int, int]:
    """Bytes of a file of the site, as it is and as a server sends it: gzipped, where that is smaller."""
    data = (SITE / name).read_bytes()
    return len(data), min(len(data), len(gzip.compress(data, 6)))


def weight(page, address):
    """Of all files of the site that a page asked for: how many, bytes, bytes gzipped."""
    names = {unquote(urlsplit(url).path).removeprefix("/vcodec/") for url in page.asked if url.startswith(address)}
    plain, gzipped = zip(*map(sizes, names), strict=True)
    return {"files": len(names), "bytes": sum(plain), "gzipped": sum(gzipped)}


@pytest.fixture(scope="module")
def report():
    """Gathers a line for every page, and writes them all to _build/site-report.json."""
    lines = []
    yield lines
    totals = {"files": sum(file.is_file() for file in SITE.rglob("*"))}
    totals["bytes"] = sum(file.stat().st_size for file in SITE.rglob("*") if file.is_file())
    REPORT.write_text(json.dumps({"site": totals, "pages": lines}, indent=1) + "\n")


@pytest.fixture(scope="module")
def axe():
    """The source of axe-core, the copy this project was tested with; "" where its package is missing."""
    package = importlib.util.find_spec(AXE)
    if not package:
        return ""
    source = (Path(package.origin).parent / "axe.min.js").read_bytes()
    assert hashlib.sha256(source).hexdigest() == AXE_SHA256, "another axe-core: look at what it finds, then renew this"
    return source.decode()


def faults(page, axe):
    """What axe-core calls serious or critical: contrast, names of controls, labels, ..."""
    page.evaluate(axe)
    return page.evaluate("""async () => {
        const found = await axe.run(document, {preload: false, resultTypes: ["violations"]});
        return found.violations.filter((fault) => ["serious", "critical"].includes(fault.impact))
            .map((fault) => [fault.id, fault.help, fault.nodes.map((node) => node.html.slice(0, 160)).slice(0, 3)]);
    }""")


def show(page, width):
    """The page in a window of this width and its theme, which follows the system's as long as nobody chose one."""
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=THEMES[width])
    page.wait_for_function("(theme) => document.documentElement.dataset.theme === theme", arg=THEMES[width])
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    page.evaluate("dispatchEvent(new Event('resize'))")  # the theme answers a little later
    page.wait_for_function("""() => [...document.querySelectorAll("pre, .pst-scrollable-table-container, div.math")]
        .every((box) => box.scrollWidth <= box.clientWidth || box.tabIndex >= 0)""")


def thin_out(page):
    """Leave one word of a listing of each look, the others as plain text, and one formula within a sentence.

    Contrast depends on colour, ground, size and weight alone, here in both themes. Word by word, axe-core takes
    20 seconds for a chapter."""
    page.evaluate("""() => {
        const root = document.documentElement, theme = root.dataset.theme, looks = new Map();
        const ground = (element) => {
            const colour = getComputedStyle(element).backgroundColor;
            return colour.endsWith(", 0)") && element.parentElement ? ground(element.parentElement) : colour;
        };
        const words = [...document.querySelectorAll(".highlight pre span:not(:has(*))")];
        for (root.dataset.theme of ["light", "dark"])
            for (const word of words) {
                const { color, fontSize, fontWeight } = getComputedStyle(word);
                looks.set(word, [looks.get(word), color, fontSize, fontWeight, ground(word)].join());
            }
        root.dataset.theme = theme;
        const seen = new Set();
        for (const word of words) {
            if (seen.has(looks.get(word))) word.replaceWith(word.textContent);
            seen.add(looks.get(word));
        }
        for (const formula of [...document.querySelectorAll("span.math mjx-container")].slice(1))
            formula.replaceWith("x");
    }""")


def views(name: str) -> int:
    """How many interactive figures a page has."""
    return (SITE / name).read_text(encoding="utf-8").count(f'<script type="{VIEW}">')


def assert_stills_are_for_paper(page, count):
    """A picture of each of its interactive figures is in the page's file, and seen in their place where it is printed.
    A reader without scripts sees it, too: it is a script that hides it."""
    stills, alive = page.locator(".still-of-a-figure"), page.locator(".has-a-still[data-figure=ready]")
    for medium in ("print", "screen"):
        page.emulate_media(media=medium)
        assert [still.is_visible() for still in stills.all()] == [medium == "print"] * count
        assert [figure.is_visible() for figure in alive.all()] == [medium == "screen"] * count


@pytest.mark.parametrize("name", PAGES)
def test_page_is_complete_and_open_to_everybody(page, address, report, axe, name):
    page.set_viewport_size({"width": TELEPHONE, "height": 900})
    page.goto(address + name)
    settle(page)
    foreign = [url for url in page.asked if not url.startswith((address, "blob:", "data:"))]
    assert page.locator("[data-figure=failed]").count() == 0
    assert page.locator(".math").count() == page.locator(".math mjx-container").count(), "raw TeX"
    assert_stills_are_for_paper(page, views(name))
    for width in (TELEPHONE, LAPTOP):
        show(page, width)
        assert overflowing(page) == []
        assert beginning_out_of_view(page) == []
        assert cut_off(page, FITTING[width]) == []
    broken = []
    if axe:
        thin_out(page)
        for width in (LAPTOP, TELEPHONE):
            show(page, width)
            broken += [(width, *fault) for fault in faults(page, axe)]
    counts = {"requests": len(page.asked), "foreign": len(foreign), "complaints": len(page.complaints)}
    report.append({"page": name, "faults": len(broken) if axe else None} | counts | weight(page, address))
    assert broken == []
    assert foreign == []
    assert page.complaints == []
    assert report[-1]["bytes"] < 3_000_000


def test_axe_sees_a_fault_where_there_is_one(page, axe):
    if not axe:
        pytest.skip(f"no check of accessibility: the package {AXE.replace('_', '-')} is not installed")
    page.set_content("<!doctype html><html lang=en><title>A</title><p style='color:#ccc'>pale<img src='data:,'></html>")
    assert {"image-alt", "color-contrast"} <= {name for name, *_ in faults(page, axe)}


@pytest.mark.parametrize("name", CHAPTERS)
def test_pictures_say_what_they_show(name):
    text = re.sub(r"<script.*?</script>", "", (SITE / name).read_text(encoding="utf-8"), flags=re.DOTALL)
    pictures = re.findall(r"<img\b[^>]*>", text)
    spoken = [re.search(r'\balt="([^"]*)"', picture) for picture in pictures]
    bad = [p for p, alt in zip(pictures, spoken, strict=True) if not alt or alt[1].endswith((".png", ".svg", ".jpg"))]
    assert bad == [], 'give the cell the metadata {"mystnb": {"image": {"alt": "..."}}}'


@pytest.mark.parametrize("name", FROM_DISK)
def test_a_page_opens_straight_from_the_disk(name, page):
    """Where browsers refuse some scripts. The first page has every kind of figure, the second many formulas."""
    page.goto((SITE / name).as_uri())
    settle(page)
    assert [url for url in page.asked if not url.startswith(("file:", "blob:", "data:"))] == []
    assert page.locator("[data-figure=ready]").count() == views(name)
    assert page.locator(".math").count() == page.locator(".math mjx-container").count(), "raw TeX"


def test_launch_buttons_lead_to_the_one_address_or_are_not_there(page):
    address = yaml.safe_load((ROOT / "_config.yml").read_text())["repository"]["url"]
    chapter = next(name for name in CHAPTERS if (ROOT / name).with_suffix(".ipynb").exists())
    page.goto((SITE / chapter).as_uri())
    hrefs = page.eval_on_selector_all(".article-header-buttons a", "all => all.map((a) => a.href)")
    launching = [href for href in hrefs if "binder" in href or "colab" in href]
    owner = "/".join(address.split("/")[-2:])
    assert bool(launching) == bool(address) and all(owner in href.replace("%2F", "/") for href in launching)


def test_the_front_door_leads_to_the_first_page(page, address):
    page.goto(address)
    page.wait_for_url(address + "book/index.html")
    assert page.complaints == []


class Addresses(HTMLParser):
    """The ids and the links of a page's file."""

    def __init__(self, text: str):
        super().__init__()
        self.ids, self.links = set(), set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.ids.add(found.get("id"))
        if tag == "a" and "href" in found:
            self.links.add(found["href"])


def test_links_lead_somewhere():
    pages = {f"vcodec/{name}": Addresses((SITE / name).read_text(encoding="utf-8")) for name in PAGES}
    broken = []
    for here, found in pages.items():
        for link in found.links:
            target, anchor = urldefrag(urljoin(f"http://host/{here}", link))
            if not target.startswith("http://host/"):
                continue
            name = unquote(urlsplit(target).path).removeprefix("/")
            known = name not in pages or not anchor or unquote(anchor) in pages[name].ids
            if not (name.startswith("vcodec/") and (SITE / name.removeprefix("vcodec/")).is_file() and known):
                broken.append(f"{here}: {link}")
    assert broken == [] and sum(len(found.links) for found in pages.values()) > 500


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

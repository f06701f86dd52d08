"""The built site in a real browser: every page, two widths, below a sub-path, no other host in reach."""

import gzip
import hashlib
import importlib.util
import json
import re
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

WIDTHS = [1280, 390]  # a laptop's window and a telephone's, in CSS pixels
# Code, but for commands and diffs, whose lines are those of files; and what cells print.
FITTING = {1280: "main div:not(.highlight-sh):not(.highlight-diff) > .highlight > pre", 390: ".sentences pre"}
THEMES = {1280: "light", 390: "dark"}
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


def weight(page, address):
    """Bytes of all files of the site that a page asked for, as they are and as a server sends them: gzipped."""
    names = {unquote(urlsplit(url).path).removeprefix("/vcodec/") for url in page.asked if url.startswith(address)}
    files = [(SITE / name).read_bytes() for name in names]
    packed = [min(len(data), len(gzip.compress(data, 6))) for data in files]
    return {"files": len(files), "bytes": sum(map(len, files)), "gzipped": sum(packed)}


@pytest.fixture(scope="module")
def report():
    """Gathers a line for every page and width, and writes them all to _build/site-report.json."""
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


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", PAGES)
def test_page_is_complete_and_open_to_everybody(page, address, report, axe, name, width):
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=THEMES[width])
    page.goto(address + name)
    settle(page)
    foreign = [url for url in page.asked if not url.startswith((address, "blob:", "data:"))]
    counts = {"requests": len(page.asked), "foreign": len(foreign), "complaints": len(page.complaints)}
    broken = faults(page, axe) if axe else None
    counts["faults"] = None if broken is None else len(broken)
    report.append({"page": name, "width": width} | counts | weight(page, address))
    assert not broken
    assert foreign == []
    assert page.complaints == []
    assert page.locator("[data-figure=failed]").count() == 0
    assert page.locator(".math").count() == page.locator(".math mjx-container").count(), "raw TeX"
    assert overflowing(page) == []
    assert beginning_out_of_view(page) == []
    assert cut_off(page, FITTING[width]) == []
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


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_page_opens_straight_from_the_disk_and_has_a_still_of_every_figure_without_scripts_and_on_paper(name, page):
    text = (SITE / name).read_text(encoding="utf-8")
    views = text.count(f'<script type="{VIEW}">')
    assert text.count('<figure class="still-of-a-figure">') == views
    page.goto((SITE / name).as_uri())
    settle(page)
    assert [url for url in page.asked if not url.startswith(("file:", "blob:", "data:"))] == []
    assert page.locator("[data-figure=failed]").count() == 0
    assert page.locator(".math").count() == page.locator(".math mjx-container").count(), "raw TeX"
    if not views:
        return
    stills, alive = page.locator(".still-of-a-figure"), page.locator(".has-a-still[data-figure=ready]")
    for paper in (False, True):
        page.emulate_media(media="print" if paper else "screen")
        assert [still.is_visible() for still in stills.all()] == [paper] * views
        assert [figure.is_visible() for figure in alive.all()] == [not paper] * views
        assert page.locator(".bd-sidebar-primary").is_visible() != paper


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

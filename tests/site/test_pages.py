"""The built site in a real browser: every page, two widths, below a sub-path, no other host in reach.

Each page is loaded once: that links within it land, every figure starts, every formula is set, nothing is wider than a
telephone, and axe-core finds no fault in either theme."""

import functools
import gzip
import hashlib
import importlib.util
import json
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from built_site import CLICK_ALL, LAPTOP, NEEDED, NOTEBOOKS, PAGES, ROOT, SITE, TELEPHONE, settle, views

from tools.chromium import CHROMIUM, SWITCHES

REPORT = ROOT / "_build/site-report.json"
# Code, but for commands and diffs, whose lines are those of files; and what cells print.
FITTING = {LAPTOP: "main div:not(.highlight-sh):not(.highlight-diff) > .highlight > pre", TELEPHONE: ".sentences pre"}
THEMES = {LAPTOP: "light", TELEPHONE: "dark"}
AXE = "axe_playwright_python"  # the package that brings axe-core
AXE_SHA256 = "84494fec757e4710dc751c8d7a636e457f4532f08f85c86dc9070133fbff53bc"  # of axe-core 4.12.1
BY_LOOKS = ["color-contrast", "link-in-text-block", "scrollable-region-focusable"]  # its rules about theme and width

pytestmark = NEEDED


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


def faults(page, axe, again=False):
    """What axe-core calls serious or critical: contrast, names of controls, labels, ... `again`, in another theme and
    width: of the text itself only what these two can change; of the bars around it everything, because menus fold."""
    page.evaluate(axe)
    return page.evaluate(
        """async ([again, byLooks]) => {
        const ask = async (where, rules) => {
            const options = {preload: false, resultTypes: ["violations"], ...(rules && {runOnly: rules})};
            return (await axe.run(where, options)).violations;
        };
        const divided = again && document.querySelector("article");  // the search page has none
        const found = divided ? [await ask({exclude: ["article"]}), await ask({include: ["article"]}, byLooks)].flat()
            : await ask(document);
        return found.filter((fault) => ["serious", "critical"].includes(fault.impact))
            .map((fault) => [fault.id, fault.help, fault.nodes.map((node) => node.html.slice(0, 160)).slice(0, 3)]);
    }""",
        [again, BY_LOOKS],
    )


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


def assert_stills_are_for_paper(page, count):
    """A picture of each of its interactive figures is in the page's file, and seen in their place where it is printed.
    A reader without scripts sees it, too: it is a script that hides it."""
    stills, alive = page.locator(".still-of-a-figure"), page.locator(".has-a-still[data-figure=ready]")
    for medium in ("print", "screen"):
        page.emulate_media(media=medium)
        assert [still.is_visible() for still in stills.all()] == [medium == "print"] * count
        assert [figure.is_visible() for figure in alive.all()] == [medium == "screen"] * count


@pytest.mark.parametrize("name", PAGES)
def test_page_is_complete_and_open_to_everybody(page, site_address, report, axe, name):
    page.set_viewport_size({"width": TELEPHONE, "height": 900})
    page.goto(site_address + name)
    missed = page.evaluate(CLICK_ALL) if name in NOTEBOOKS else []
    settle(page)
    foreign = [url for url in page.asked if not url.startswith((site_address, "blob:", "data:"))]
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
            broken += [(width, *fault) for fault in faults(page, axe, again=width == TELEPHONE)]
    counts = {"requests": len(page.asked), "foreign": len(foreign), "complaints": len(page.complaints)}
    report.append({"page": name, "faults": len(broken) if axe else None} | counts | weight(page, site_address))
    assert missed == []
    assert broken == []
    assert foreign == []
    assert page.complaints == []
    assert report[-1]["bytes"] < 3_000_000


@pytest.mark.parametrize("again", [False, True])
def test_axe_sees_a_fault_where_there_is_one(page, axe, again):
    if not axe:
        pytest.skip(f"no check of accessibility: the package {AXE.replace('_', '-')} is not installed")
    pale = "<article><p style='color:#ccc'>pale</article>"
    page.set_content(f"<!doctype html><html lang=en><title>A</title><img src='data:,'>{pale}</html>")
    assert {name for name, *_ in faults(page, axe, again)} == {"image-alt", "color-contrast"}

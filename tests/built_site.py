"""The built site, for its tests: its pages, where it is served, how a page comes to rest, and its links."""

from pathlib import Path

import pytest

from tools.chromium import CHROMIUM, QuietHandler, serving
from tools.notebooks import VIEW

ROOT = Path(__file__).parent.parent
SITE = ROOT / "_build/html"
FILES = sorted(file.relative_to(SITE).as_posix() for file in SITE.rglob("*.html"))
PAGES = [name for name in FILES if not name.startswith("_static/") and name != "index.html"]
CHAPTERS = [name for name in PAGES if name.startswith("book/")]
# Pages with pictures and figures, which can grow.
NOTEBOOKS = [name for name in CHAPTERS if (ROOT / name).with_suffix(".ipynb").exists()]

LAPTOP, TELEPHONE = 1280, 390  # widths of their windows, in CSS pixels
NEEDED = [
    pytest.mark.browser,
    pytest.mark.skipif(not PAGES, reason="the site is not built; run: make book"),
    pytest.mark.skipif(not CHROMIUM, reason="no Chromium found; the site's crawl needs one"),
]
# Click each link; wait until what is in sight has started and nothing moves; note how far from the window's top its
# target is. At the end of a page there is no more to scroll: there the target must be in sight.
CLICK_ALL = """async () => {
    const frames = async (count) => { while (count--) await new Promise(requestAnimationFrame); };
    const near = (element) => {
        const { top, bottom, width } = element.getBoundingClientRect();
        return width > 0 && bottom > -400 && top < innerHeight + 400;
    };
    const starting = () => [...document.querySelectorAll("[data-figure=waiting], main img")]
        .some((element) => element.complete !== true && near(element));
    const missed = [];
    const links = new Map([...document.querySelectorAll("a[href^='#']")].map((link) => [link.hash, link]));
    for (const [hash, link] of links) {
        const target = document.getElementById(decodeURIComponent(hash.slice(1)));
        if (!target) continue;
        link.click();
        for (let turn = 0; turn < 500 && (turn < 2 || starting()); turn++) await frames(2);
        const top = target.getBoundingClientRect().top;
        const end = scrollY + innerHeight > document.documentElement.scrollHeight - 2;
        if (top < -1 || top > (end ? innerHeight : 80)) missed.push(`${hash}: ${Math.round(top)}`);
    }
    return missed;
}"""


class SubPathHandler(QuietHandler):
    """Serves the site as /vcodec/..., and nothing else: an absolute address such as /_static fails."""

    def translate_path(self, path):
        inside = path.startswith("/vcodec/")
        return super().translate_path(path.removeprefix("/vcodec") if inside else "/nothing-here")


@pytest.fixture(scope="session")
def site_address():
    """Where the site is served, below a sub-path."""
    with serving(SITE, SubPathHandler) as server:
        yield server + "vcodec/"


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


def views(name: str) -> int:
    """How many interactive figures a page has."""
    return (SITE / name).read_text(encoding="utf-8").count(f'<script type="{VIEW}">')

"""Do links into a page land? Each is clicked, in the order of the page, on a laptop's and on a telephone's width."""

import pytest
from test_site import CHAPTERS, CHROMIUM, PAGES, ROOT, SITE

from tools.chromium import serving

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(not PAGES, reason="the site is not built; run: make book"),
    pytest.mark.skipif(not CHROMIUM, reason="no Chromium found; the site's crawl needs one"),
]
# Pages with pictures and figures, which can grow.
NOTEBOOKS = [name for name in CHAPTERS if (ROOT / name).with_suffix(".ipynb").exists()]
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


@pytest.mark.parametrize("width", [1280, 390])
def test_every_link_into_a_page_lands(browser, width):
    page = browser.new_page()
    page.set_default_timeout(120_000)  # a busy machine is no fault of the page
    page.set_viewport_size({"width": width, "height": 900})
    missed = {}
    with serving(SITE) as address:
        for name in NOTEBOOKS:
            page.goto(address + name)
            missed[name] = page.evaluate(CLICK_ALL)
    page.close()
    assert {name: links for name, links in missed.items() if links} == {}

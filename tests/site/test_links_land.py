"""Do links into a page land? Each is clicked in the order of the page, on a laptop; test_pages has the telephone."""

import pytest
from built_site import CLICK_ALL, LAPTOP, NEEDED, NOTEBOOKS, SITE

from tools.chromium import serving

pytestmark = [*NEEDED, pytest.mark.slow]


def test_every_link_into_a_page_lands(browser):
    page = browser.new_page()
    page.set_default_timeout(120_000)  # a busy machine is no fault of the page
    page.set_viewport_size({"width": LAPTOP, "height": 900})
    missed = {}
    with serving(SITE) as address:
        for name in NOTEBOOKS:
            page.goto(address + name)
            missed[name] = page.evaluate(CLICK_ALL)
    page.close()
    assert {name: links for name, links in missed.items() if links} == {}

"""Does the site's search find what a reader types: other spellings, and words apart?"""

import json

import pytest
from built_site import PAGES, SITE, SubPathHandler

from tools.chromium import CHROMIUM, serving
from tools.search_words import AFTER, BEFORE, widen

pytestmark = pytest.mark.browser


def test_other_spellings_get_the_pages_of_the_books():
    terms = {"colour": [1, 3], "color": 2, "quantis": 4, "cross": 0, "over": [0, 5], "crossov": 6}
    index = {"terms": terms, "titleterms": {"crossov": 6}, "titles": ["A"]}
    after = json.loads(widen(BEFORE + json.dumps(index) + AFTER)[len(BEFORE) : -len(AFTER)])
    assert after["terms"] == terms | {"color": [1, 2, 3], "quantiz": 4, "cross": [0, 6], "over": [0, 5, 6]}
    assert after["titleterms"] == {"crossov": 6, "cross": 6, "over": 6} and after["titles"] == ["A"]


@pytest.mark.skipif(not PAGES or not CHROMIUM, reason="needs the built site and Chromium; run: make book")
@pytest.mark.parametrize(
    ("typed", "title"),
    [("cross over", "9. Mixed resolution"), ("color", "12. Beyond the papers"), ("quantization", "4. The quantiser")],
)
def test_search_finds_the_chapter(page, typed, title):
    with serving(SITE, SubPathHandler) as server:
        page.goto(f"{server}vcodec/search.html?q={typed}")
        page.locator("#search-results li a", has_text=title).first.wait_for()
        assert page.complaints == []

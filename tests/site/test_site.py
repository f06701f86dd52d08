"""The built site as a whole: do links and search lead somewhere, and do pages work from the disk and in the dark?"""

import re
from html.parser import HTMLParser
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import pytest
import yaml
from built_site import CHAPTERS, NEEDED, PAGES, ROOT, SITE, settle, views

FROM_DISK = [name for name in PAGES if name in ("book/gallery.html", "book/ch04_quantiser.html")]

pytestmark = NEEDED


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


def test_the_front_door_leads_to_the_first_page(page, site_address):
    page.goto(site_address)
    page.wait_for_url(site_address + "book/index.html")
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


def test_search_finds_a_word(page, site_address):
    page.goto(site_address + "search.html?q=vcodec")
    page.wait_for_selector("#search-results li")
    assert page.complaints == []


def test_dark_mode_is_dark_and_shows_pictures_undimmed(page, site_address):
    page.goto(site_address + PAGES[0])
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

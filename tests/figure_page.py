"""A figure on a static page, its model filled from the state that a notebook keeps, and ways to look at it."""

import contextlib
import json
from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import ipywidgets
import pytest
from playwright.sync_api import Error as PlaywrightError

from tools.chromium import CHROMIUM, serving

LAPTOP, TELEPHONE = 1280, 390  # widths of their windows, in CSS pixels
needs_chromium = pytest.mark.skipif(not CHROMIUM, reason="no Chromium found; a figure's page needs one")

PAGE = """<!doctype html><html lang="en" data-theme="light"><meta charset="utf-8"><title>Figure</title>
<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">
<style>body { margin: 16px; background: #fff; color: #222 } [data-theme=dark] body { background: #121212; color: #ddd }
main { max-width: 800px; margin: auto }
html[data-theme=dark] body main img { padding: 8px; background: silver; filter: brightness(.8) } /* as the theme does */
</style>
<link rel="stylesheet" href="widget.css"><main></main>
<script type="module">
import widget from "./widget.js";
const { state, buffers = [] } = await (await fetch("state.json")).json();
for (const { path, data } of buffers) {
  const holder = path.slice(0, -1).reduce((value, key) => value[key], state);
  holder[path.at(-1)] = new DataView(Uint8Array.from(atob(data), (c) => c.charCodeAt(0)).buffer);
}
const listeners = {};
const names = (text) => text.split(" ");
window.saves = 0;
window.model = {
  get: (name) => state[name],
  set(name, value) { state[name] = value; for (const f of listeners[`change:${name}`] ?? []) f(); },
  on(text, f) { for (const name of names(text)) (listeners[name] ??= new Set()).add(f); },
  off(text, f) { for (const name of names(text)) listeners[name].delete(f); },
  save_changes() { window.saves += 1; },
};
window.listening = () => Object.values(listeners).reduce((sum, set) => sum + set.size, 0);
window.addView = () => {
  const el = document.querySelector("main").appendChild(document.createElement("div"));
  return widget.render({ model, el });
};
window.cleanUp = addView();
</script></html>"""


def stored(figure: ipywidgets.Widget) -> dict:
    """What a notebook keeps of a figure: state, and buffers as base64."""
    return ipywidgets.Widget.get_manager_state(widgets=[figure])["state"][figure.model_id]


@contextlib.contextmanager
def served(figure: ipywidgets.Widget, folder: Path) -> Iterator[str]:
    """The address of a page that shows `figure`, as long as the context lasts."""
    model = stored(figure)
    (folder / "page.html").write_text(PAGE, encoding="utf-8")
    (folder / "widget.js").write_text(model["state"]["_esm"], encoding="utf-8")
    (folder / "widget.css").write_text(model["state"]["_css"], encoding="utf-8")
    (folder / "state.json").write_text(json.dumps(model), encoding="utf-8")
    with serving(folder) as address:
        yield address + "page.html"


@contextlib.contextmanager
def opened_page(browser, address: str, width: int, **options) -> Iterator:
    """A tab on the page; at the end nothing may have been complained of. options: of the browser's context."""
    context = browser.new_context(viewport={"width": width, "height": 900}, has_touch=True, **options)
    tab = context.new_page()
    tab.set_default_timeout(15_000)
    complaints: list[str] = []
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("console", lambda message: message.type in ("error", "warning") and complaints.append(message.text))
    # A picture that a slow machine replaces before it was shown is aborted; that is no fault.
    tab.on("requestfailed", lambda f: "ABORTED" in (f.failure or "") or complaints.append(f.url))
    tab.goto(address)
    try:
        tab.wait_for_selector(".vcx tbody tr")
    except PlaywrightError:
        assert not complaints, complaints
        raise
    yield tab
    context.close()
    assert not complaints, complaints


def readout(page, column: int = 1) -> dict[str, str]:
    """The texts of the numbers' table by label; the columns count from 1."""
    rows = page.locator(".vcx-numbers tbody tr").all()
    return {row.locator("th").inner_text(): row.locator("td").nth(column - 1).inner_text() for row in rows}


def state(page, name: str):
    return page.evaluate("(name) => model.get(name)", name)


def set_state(page, **values) -> None:
    page.evaluate("(values) => { for (const [name, value] of Object.entries(values)) model.set(name, value); }", values)


def fixed(value: float, digits: int) -> str:
    """A number as JavaScript's toFixed writes it: exact halves away from zero, where Python goes to the even digit."""
    return str(Decimal(value).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP))


def box(page, selector: str) -> dict:
    page.locator(selector).scroll_into_view_if_needed()
    return page.locator(selector).bounding_box()


def assert_fits(page) -> None:
    """Nothing is wider than a laptop's window, nor than a telephone's."""
    for width in (LAPTOP, TELEPHONE):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), width


def fixture_for(figure):
    """A fixture: the figure that `figure()` makes, on a page of a laptop's width; a test marked `telephone` gets
    a telephone's.
    Whatever is tested on it, at the end it must fit either window."""

    @pytest.fixture
    def page(browser, tmp_path, request):
        with served(figure(), tmp_path) as address, opened_page(browser, address, width_for(request)) as tab:
            yield tab
            assert_fits(tab)

    return page


def width_for(request) -> int:
    return TELEPHONE if request.node.get_closest_marker("telephone") else LAPTOP


def slide(page, name: str, key: str, times: int = 1) -> None:
    slider = page.get_by_role("slider", name=name)
    slider.focus()
    for _ in range(times):
        slider.press(key)

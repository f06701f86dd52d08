"""The script that opens figures on a page without a kernel."""

import json
import re
from pathlib import Path

import pytest

from tools.chromium import CHROMIUM
from tools.notebooks import STATE, VIEW
from tools.site_repairs import mend

ROOT = Path(__file__).parent.parent.parent
HOST = ROOT / "book/_static/anywidget-host.js"
pytestmark = pytest.mark.skipif(not CHROMIUM, reason="no Chromium found; the figures' host needs one")
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


def write_page(path, models, views):
    """A page as the built site has it, with the models and a view for each named one."""
    state = json.dumps({"state": models}).replace("</", r"<\/")
    shown = [f'<script type="{VIEW}">{json.dumps({"model_id": name})}</script>' for name in views]
    body = mend(f'<script type="{STATE}">{state}</script>{"".join(shown)}')
    path.write_text(f"<!doctype html><body>{body}<script>{HOST.read_text()}</script>")
    return path.as_uri()


def write_probe(path, **traits):
    """Two views of one anywidget, and one of a widget of another kind."""
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
    return write_page(path, models, "aab")


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


def test_pictures_that_two_figures_show_travel_once(page, tmp_path):
    probe = "export default { render: ({ model, el }) => { el.textContent = model.get('bytes').getUint8(0) } };"
    pictures = {"a": "BQ==", "b": "Bw==", "c": "BQ=="}
    models = {
        name: {
            "model_name": "AnyModel",
            "state": {"_esm": probe, "about": "</script>", "bytes": None},
            "buffers": [{"path": ["bytes"], "data": data}],
        }
        for name, data in pictures.items()
    }
    page.goto(write_page(tmp_path / "page.html", models, "cba"))
    body = (tmp_path / "page.html").read_text()
    assert len(re.findall("BQ==", body)) == len(re.findall("Bw==", body)) == 1
    page.wait_for_selector("[data-figure=ready] >> nth=2")
    assert page.locator("[data-figure]").all_text_contents() == ["5", "7", "5"]


def test_host_says_when_a_widget_fails(page, tmp_path):
    page.goto(write_probe(tmp_path / "page.html", broken=True))
    page.wait_for_selector("[data-figure=failed]")
    assert "on purpose" in page.locator("[data-figure]").first.text_content()

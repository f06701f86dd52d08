"""Handouts and figures: does paper show every slide, and are figures vector graphics under their own names?"""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tools.chromium import CHROMIUM
from tools.figures import SVG, figure_files
from tools.handouts import handout, printed
from tools.notebooks import execute
from tools.slides import deck, sessions

SESSION = sessions()[0]
DRAW = "import matplotlib.pyplot as plt\n_ = plt.plot([1, 2])\nplt.show()"


def test_a_handout_has_every_slide_and_no_note():
    kinds = [cell.metadata.slideshow.slide_type for cell in deck(SESSION).cells]
    text = handout(SESSION)
    assert text.count("<section>") == kinds.count("slide") < len(kinds)
    assert "What is wrong with the others" not in text and 'src="http' not in text


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")
def test_a_browser_prints_it(tmp_path):
    page = tmp_path / "session1.html"
    page.write_text(handout(SESSION), encoding="utf-8")
    data = printed(page).read_bytes()
    assert data.startswith(b"%PDF") and data.count(b"/Type /Page\n") == 4  # eight of 27 slides on each
    assert not page.exists()


def test_figures_are_named_by_number_or_section():
    drawn = [new_output("display_data", data={"image/svg+xml": f"<svg>{n}</svg>"}) for n in range(4)]
    cells = [
        new_markdown_cell("## What is lost?"), new_code_cell("", outputs=drawn[:1]),
        new_markdown_cell("**Figure 3.1.** A curve."), new_code_cell("", outputs=drawn[1:]),
    ]  # fmt: skip
    files = figure_files("ch03_resampler", new_notebook(cells=cells))
    section = "ch03_resampler-what-is-lost"
    assert list(files) == ["figure-3.1.svg", f"{section}.svg", f"{section}-2.svg", f"{section}-3.svg"]
    assert files["figure-3.1.svg"] == "<svg>0</svg>" and files[f"{section}-3.svg"] == "<svg>3</svg>"


@pytest.mark.slow
def test_a_kernel_draws_svg_when_asked(tmp_path):
    drawn = execute(new_notebook(cells=[new_code_cell(DRAW)]), tmp_path, SVG)
    nbformat.validate(drawn)
    (text,) = figure_files("ch01_pictures", drawn).values()
    assert text.lstrip().startswith("<?xml") and "<svg" in text

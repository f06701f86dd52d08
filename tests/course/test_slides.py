"""Slides: is all there that the guide names for a session, do figures move, and does a browser stay on this machine?"""

import re

import pytest
from nbformat.v4 import new_markdown_cell, new_notebook
from playwright.sync_api import sync_playwright

from tools.chromium import CHROMIUM, SWITCHES
from tools.slide_figures import STATE, diagrams, figures, pictures
from tools.slides import deck, sessions, write_slides

SESSIONS = sessions()


@pytest.mark.parametrize("session", SESSIONS, ids=lambda session: str(session.number))
def test_a_deck_asks_every_question_and_shows_figures_and_quiz(session):
    slides = [cell.source for cell in deck(session).cells if cell.metadata.slideshow.slide_type == "slide"]
    asked = [row[3].strip() for row in session.rows if len(row) > 3 and row[3].strip() and "](" not in row[3]]
    assert len(asked) >= 5
    assert [question for question in asked if not any(question in slide for slide in slides)] == []
    assert sum("<img" in slide for slide in slides) >= 4
    assert (
        sum("- **A.** " in slide for slide in slides) == 4 and sum("True or false?" in slide for slide in slides) == 3
    )


def test_notes_say_what_to_answer():
    cells = deck(SESSIONS[0]).cells
    for said, reply in SESSIONS[0].wrong:
        (place,) = (i for i, cell in enumerate(cells) if said in cell.source)
        assert cells[place + 1].metadata.slideshow.slide_type == "notes" and cells[place + 1].source in reply


def test_a_row_shows_the_figures_that_it_numbers():
    images = {figure.number: figure.data for figure in figures("ch01_pictures_bits_damage")}
    row = "figures 1.6 and 1.7 in [*Where PSNR fails: one PSNR, two pictures*](../ch01_pictures_bits_damage.ipynb)"
    assert [figure.data for figure in pictures(row)] == [images["1.6"], images["1.7"]]


def test_a_row_shows_what_moves_where_it_speaks_of_an_explorer_and_else_the_first_figure():
    section = "[*The step that loses information: divide and round*](../ch02_inside_a_codec.ipynb)"
    still, moving = (pictures(f"{words} {section}")[0] for words in ("the picture of", "the explorer of"))
    assert moving.model and still != moving


def test_a_section_without_a_figure_shows_its_diagram():
    (drawn,) = pictures("the diagram of [*The idea*](../ch07_virtual_codec.ipynb)")
    assert drawn in figures("ch07_virtual_codec") and "VCN" in drawn.diagram and "<pre>" in drawn.html()
    text = "## One\n\n```python\nlisting\n```\n\n```\na -> b\n```\n\n## Two\n\n```\nc -> d\n```"
    assert [figure.diagram for figure in diagrams(new_notebook(cells=[new_markdown_cell(text)]))] == [
        "a -> b",
        "c -> d",
    ]


@pytest.mark.parametrize("session", SESSIONS, ids=lambda session: str(session.number))
def test_each_figure_that_moves_has_its_own_state_in_the_deck(session):
    made = deck(session)
    models = {model for cell in made.cells for model in re.findall(r'"model_id": "([^"]+)"', cell.source)}
    known = made.metadata.widgets[STATE]["state"]
    assert models == set(known) and all("_esm" in entry["state"] for entry in known.values())


@pytest.mark.parametrize("session", SESSIONS, ids=lambda session: str(session.number))
def test_captions_in_the_notes_have_no_tex(session):
    captions = [figure.caption for row in session.rows for figure in pictures(row[2])]
    assert sum(map(bool, captions)) >= 3 and not any(mark in caption for caption in captions for mark in "$\\")


def test_the_last_slide_says_what_to_read_next():
    last = [deck(session).cells[-1].source for session in SESSIONS]
    assert "before session 2**: chapter 2, chapter 4" in last[0] and "before session" not in last[-1]


@pytest.mark.slow
def test_pages_ask_no_other_host_and_find_their_files(tmp_path):
    for page in write_slides(tmp_path):
        text = page.read_text(encoding="utf-8")
        asked = re.findall(r"<(?:script|img|link|iframe)\b[^>]*?(?:src|href)=\"([^\"]+)\"", text)
        assert "anywidget-host.js" in asked
        assert all(address.startswith("data:image/png") or (tmp_path / address).is_file() for address in asked)
        assert "import " not in re.sub(r"base64,[\w+/=]+", "", text).partition("<body")[0]
        assert 'class="notes"' in text


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")
def test_a_figure_that_moves_takes_the_place_of_its_still_and_fits_the_slide(tmp_path):
    page_file = write_slides(tmp_path)[1]  # the DCT explorer, which is the tallest
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        page, wrong = browser.new_page(viewport={"width": 1280, "height": 720}), []
        page.on("pageerror", lambda error: wrong.append(error))
        page.goto(page_file.as_uri())
        page.evaluate("""() => {
            const slide = document.querySelector("[data-figure]").closest("section");
            const { h, v } = Reveal.getIndices(slide);
            Reveal.slide(h, v);
        }""")
        page.wait_for_selector("[data-figure=ready]")
        assert page.locator("section.present img.still-of-a-figure").is_hidden()
        box = page.locator("section.present [data-figure]").bounding_box()
        assert box["y"] + box["height"] <= 720 and box["x"] >= 0 and box["x"] + box["width"] <= 1280
        assert wrong == []
        browser.close()

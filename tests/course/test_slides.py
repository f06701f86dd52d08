"""Slides: is all there that the guide promises for a session, and does a browser stay on this machine?"""

import re

import pytest

from tools.slides import deck, figures, pictures, sessions, write_slides

SESSIONS = sessions()


@pytest.mark.parametrize("session", SESSIONS, ids=lambda session: str(session.number))
def test_a_deck_asks_every_question_and_shows_figures_and_quiz(session):
    slides = [cell.source for cell in deck(session).cells if cell.metadata.slideshow.slide_type == "slide"]
    asked = [row[3].strip() for row in session.rows if len(row) > 3 and row[3].strip() and "](" not in row[3]]
    assert len(asked) >= 5
    assert [question for question in asked if not any(question in slide for slide in slides)] == []
    assert sum("<img" in slide for slide in slides) >= 4
    assert sum("**A.**" in slide for slide in slides) == 4 and sum("True or false?" in slide for slide in slides) == 3


def test_notes_say_what_to_answer():
    cells = deck(SESSIONS[0]).cells
    for said, reply in SESSIONS[0].wrong:
        (place,) = (i for i, cell in enumerate(cells) if said in cell.source)
        assert cells[place + 1].metadata.slideshow.slide_type == "notes" and cells[place + 1].source in reply


def test_a_row_shows_the_figures_that_it_numbers():
    images = {number: data for _, number, data in figures("ch01_pictures_bits_damage")}
    row = "figures 1.6 and 1.7 in [*Where PSNR fails: one PSNR, two pictures*](../ch01_pictures_bits_damage.ipynb)"
    shown = [image for _, image in pictures(row)]
    assert [images[number] in image for number, image in zip(("1.6", "1.7"), shown, strict=True)] == [True, True]


@pytest.mark.slow
def test_pages_ask_no_other_host_and_find_their_files(tmp_path):
    for page in write_slides(tmp_path):
        text = page.read_text(encoding="utf-8")
        asked = re.findall(r"<(?:script|img|link|iframe)\b[^>]*?(?:src|href)=\"([^\"]+)\"", text)
        assert all(address.startswith("data:image/png") or (tmp_path / address).is_file() for address in asked)
        assert "import " not in re.sub(r"base64,[\w+/=]+", "", text).partition("<body")[0]
        assert 'class="notes"' in text

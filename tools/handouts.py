"""A handout for each session: the slides without notes, eight on a page of A4, as PDF by the system's Chromium.

Where there is no Chromium the page stays as HTML, which any browser prints."""

import subprocess
from pathlib import Path

from nbconvert.filters import markdown2html

from tools.chromium import CHROMIUM, SWITCHES
from tools.slides import SOURCE, Session, deck, sessions

STYLE = """\
@page { size: A4; margin: 10mm; }
html, body { width: auto; height: auto; overflow: visible; }
main { display: grid; grid-template-columns: 1fr 1fr; gap: 4mm; width: 190mm; height: auto; overflow: visible; }
section { border: 0.3mm solid #999; width: 92.5mm; height: 64mm; overflow: hidden; break-inside: avoid; }
section > div { zoom: 0.263; width: 1280px; padding: 30px; box-sizing: border-box; }
"""


def handout(session: Session) -> str:
    """The page: the slides' look, with each slide in a box."""
    slides = [cell.source for cell in deck(session).cells if cell.metadata.slideshow.slide_type == "slide"]
    boxes = "\n".join(f"<section><div>{markdown2html(text)}</div></section>" for text in slides)
    look = (SOURCE / "reveal/dist/theme/course.css").read_text(encoding="utf-8")
    title = f"Session {session.number}: {session.title}"
    head = f'<html lang="en"><meta charset="utf-8"><title>{title}</title><style>{look}{STYLE}</style>'
    return f'<!doctype html>\n{head}\n<main class="reveal">\n{boxes}\n</main></html>\n'


def printed(page: Path) -> Path:
    """The page as PDF beside it; the page is gone then. Raises CalledProcessError."""
    path = page.with_suffix(".pdf")
    command = [
        str(CHROMIUM),
        "--headless",
        *SWITCHES,
        "--no-pdf-header-footer",
        f"--print-to-pdf={path}",
        page.as_uri(),
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=600)
    page.unlink()
    return path


def write_handouts(folder: Path) -> list[Path]:
    """A file for each session: PDF, or HTML where no Chromium is installed."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for session in sessions():
        page = folder.resolve() / f"session{session.number}.html"
        page.write_text(handout(session), encoding="utf-8")
        written.append(printed(page) if CHROMIUM else page)
    return written

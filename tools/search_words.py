"""The site's search finds words in other spellings: "color", "quantization", "grey", "cross over".

An extension of Sphinx. The search of a built site is an index, searchindex.js, which lists for the stem of each word
the pages that have it, in their text ("terms") or in their headings ("titleterms"). Here a stem gets the pages of its
other spellings, too.
"""

import json
import re
from pathlib import Path

BEFORE, AFTER = "Search.setIndex(", ")"
# What a reader may type, as stems: what the book writes.
SPELLINGS = {
    "color": "colour",
    "neighbor": "neighbour",
    "neighborhood": "neighbourhood",
    "behavior": "behaviour",
    "favor": "favour",
    "artifact": "artefact",
    "center": "centr",
    "grei": "grai",
    "cross": "crossov",
    "over": "crossov",
}

Pages = int | list[int]  # numbers of pages; one alone stands without brackets


def numbers(pages: Pages) -> list[int]:
    return pages if isinstance(pages, list) else [pages]


def with_spellings(terms: dict[str, Pages]) -> dict[str, Pages]:
    """The terms of an index with the pages of other spellings; "quantiz" gets those of "quantis", and so on."""
    spellings = SPELLINGS | {re.sub("is$", "iz", stem): stem for stem in terms if re.search("...is$", stem)}
    more = {typed: [typed, written] for typed, written in spellings.items() if written in terms}
    found = {
        typed: sorted({n for stem in stems for n in numbers(terms.get(stem, []))}) for typed, stems in more.items()
    }
    return terms | {typed: pages[0] if len(pages) == 1 else pages for typed, pages in found.items()}


def widen(script: str) -> str:
    """The text of searchindex.js with other spellings."""
    index = json.loads(script.removeprefix(BEFORE).removesuffix(AFTER))
    index |= {kind: with_spellings(index[kind]) for kind in ("terms", "titleterms")}
    return BEFORE + json.dumps(index) + AFTER


def widen_search(app, exception) -> None:
    file = Path(app.outdir, "searchindex.js")
    if exception is None and file.exists():
        file.write_text(widen(file.read_text(encoding="utf-8")), encoding="utf-8")


def setup(app) -> dict[str, bool]:
    app.connect("build-finished", widen_search)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

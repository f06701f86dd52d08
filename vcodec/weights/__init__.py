"""The trained networks that ship with the package, with a card each, and the terms that such networks come under."""

from pathlib import Path

SHIPPED = Path(__file__).parent
LICENCE = "MIT"  # of the weights that ship, as of the code

# The data sets that vcodec's networks are trained on, by what their folders are called, and the terms of each.
TERMS = {
    "bsds": "BSDS500 (University of California, Berkeley): for non-commercial research and education",
    "embedded": "the photographs of scikit-image: CC0 or public domain",
}


def data_terms(*folders: str) -> str:
    """The terms of the data in folders that networks learned from, as far as the folders' names tell."""
    names = [name.strip().lower() for entry in folders for name in entry.split(",") if name.strip()]
    found = {next((text for key, text in TERMS.items() if key in name), f"not known: {name}") for name in names}
    return "; ".join(sorted(found))

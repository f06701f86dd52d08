"""The trained networks that ship with the package, with a card each."""

from pathlib import Path

SHIPPED = Path(__file__).parent

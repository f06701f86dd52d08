"""How many checks a run of pytest left out, and why: python -m tools.left_out REPORT [--strict]

REPORT is the run's junit file. Prints the day, the time and the count: the stamp of `make test`. With --strict only
checks that want a GPU may be left out; any other is an error, and nothing is printed."""

import sys
import time
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

ALLOWED = "no GPU"


def left_out(report: Path) -> Counter[str]:
    """The number of skipped tests for each reason: the part of the message before a semicolon."""
    skipped = [e for e in ElementTree.parse(report).iter("skipped") if e.get("type") == "pytest.skip"]
    return Counter(element.get("message", "").split(";")[0] for element in skipped)


def sentence(reasons: Counter[str]) -> str:
    """'none left out', or '5 left out: no Chromium found (3), no GPU (2)'."""
    if not reasons:
        return "none left out"
    return f"{reasons.total()} left out: " + ", ".join(f"{why} ({n})" for why, n in reasons.most_common())


def main() -> None:
    reasons = left_out(Path(sys.argv[1]))
    others = Counter({why: n for why, n in reasons.items() if why != ALLOWED})
    if others and "--strict" in sys.argv[2:]:
        sys.exit(f"Checks were left out that no GPU is needed for: {sentence(others)}.")
    print(f"{time.strftime('%d %B %Y, %H:%M')}; {sentence(reasons)}")


if __name__ == "__main__":
    main()

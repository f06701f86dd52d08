"""Print what the last crawl of the site found, one line a page: python tools/site_report.py

The crawl is part of `make test` (tests/site/test_pages.py) and writes _build/site-report.json."""

import json
import sys
from pathlib import Path

REPORT = Path("_build/site-report.json")
COLUMNS = {
    "page": "page", "requests": "requests", "foreign": "other hosts", "complaints": "errors",
    "faults": "axe faults", "bytes": "kB", "gzipped": "kB gzipped",
}  # fmt: skip


def cell(name: str, value: str | int | None) -> str:
    if value is None:
        return "not run"
    return f"{int(value) / 1000:,.0f}" if name in ("bytes", "gzipped") else str(value)


def main() -> None:
    if not REPORT.exists():
        sys.exit("There is no report yet; run: make test FORCE=1")
    report = json.loads(REPORT.read_text())
    lines = [list(COLUMNS.values()), ["---"] * len(COLUMNS)]
    lines += [[cell(name, page[name]) for name in COLUMNS] for page in report["pages"]]
    print("\n".join("| " + " | ".join(line) + " |" for line in lines))
    site = report["site"]
    print(f"\nThe whole site: {site['files']} files, {site['bytes'] / 1e6:.1f} MB.")


if __name__ == "__main__":
    main()

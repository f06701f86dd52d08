"""Copies of the chapters for `make lab`, so that JupyterLab's autosave does not change the project: lab/

python -m tools.lab copies the folder book/ to lab/, where a reader works. A copy that was not changed follows its
chapter; one that was changed stays, and is named where its chapter has changed, too. To start a chapter again, delete
its copy."""

import hashlib
import json
import shutil
from pathlib import Path

ROOT = Path(__file__).parent.parent
RECORD = ".copied.json"  # the digest of each file when it was copied


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def wanted(book: Path) -> list[Path]:
    """The files that a reader's copy has, relative to the book: not the sources of the course, with their solutions."""
    files = (path.relative_to(book) for path in sorted(book.rglob("*")) if path.is_file())
    files = (path for path in files if path.parts[:2] != ("teaching", "source"))
    return [path for path in files if not any(part.startswith((".", "__pycache__")) for part in path.parts)]


def renew(book: Path, lab: Path) -> list[str]:
    """Copy what is missing in `lab` or unchanged there; return the names of copies that stay behind their chapter."""
    lab.mkdir(exist_ok=True)
    record = lab / RECORD
    copied = json.loads(record.read_text()) if record.exists() else {}
    behind = []
    for name in wanted(book):
        source, copy, key = book / name, lab / name, name.as_posix()
        new = digest(source)
        if copied.get(key) == new and copy.exists():
            continue
        if copy.exists() and digest(copy) not in (copied.get(key), new):
            behind.append(key)
            continue
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, copy)
        copied[key] = new
    record.write_text(json.dumps(copied, indent=1, sort_keys=True) + "\n")
    return behind


def main() -> None:
    behind = renew(ROOT / "book", ROOT / "lab")
    print("You work on copies in lab/. To start a chapter again, delete its copy there.", flush=True)
    for name in behind:
        print(f"lab/{name} has your changes and is older than book/{name}; delete it to get the new one.", flush=True)


if __name__ == "__main__":
    main()

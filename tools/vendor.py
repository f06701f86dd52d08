"""Collect the browser files that the site serves itself, into _build/vendor.

MathJax 3.2.2 comes out of the installed package sphinx-mathjax-offline, so nothing is downloaded here.
Only the files that a page can ask for are taken, and their SHA-256 is checked: a changed or broken
package stops the build. The networks of the codec in the browser become script files, because those alone
can be loaded by a page that was opened from the disk; a page asks for one when its reader starts the codec.
"""

import base64
import hashlib
import importlib.metadata
import json
import shutil
import sys
from pathlib import Path

from vcodec.networks import read_card

TARGET = Path("_build/vendor/mathjax")
NETWORKS = Path("vcodec/weights")
SCRIPTS = Path("_build/vendor/weights")
WANTED = [
    "startup.js",  # loads the next five: see _config.yml; the context menu, 426 kB, stays out
    "core.js",
    "input/tex.js",
    "output/chtml.js",
    "output/chtml/fonts/tex.js",
    "a11y/assistive-mml.js",  # the formulas for screen readers
    "input/tex/extensions/*.js",  # fetched when a formula uses them
    "output/chtml/fonts/woff-v2/*.woff",
]
SHA256 = "5d5b26fd939b9140b3f9d132beba6bb1957471803c9d9940312ad47f4475d798"


def find_mathjax() -> Path:
    """The folder of MathJax in the installed package."""
    for file in importlib.metadata.files("sphinx-mathjax-offline") or []:
        if file.name == "startup.js":
            return Path(str(file.locate())).parent
    sys.exit("MathJax is not installed; run: make book")


def digest(root: Path, files: list[Path]) -> str:
    """One SHA-256 over the names and the bytes of all files."""
    total = hashlib.sha256()
    for file in files:
        total.update(f"{file.relative_to(root).as_posix()}\0{file.stat().st_size}\0".encode())
        total.update(file.read_bytes())
    return total.hexdigest()


def script_of(weights: Path) -> str:
    """The file and its network id as a script: globalThis.vcodecWeights[name] = {networkId, data}."""
    data = weights.read_bytes()
    entry = {"networkId": read_card(weights)["network_id"], "data": base64.b64encode(data).decode()}
    return f"(globalThis.vcodecWeights ??= {{}})[{json.dumps(weights.stem)}] = {json.dumps(entry)};\n"


def write_scripts(target: Path) -> None:
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for weights in sorted(NETWORKS.glob("scic-jpeg-x*.safetensors")):
        (target / f"{weights.stem}.js").write_text(script_of(weights), encoding="utf-8")


def main() -> None:
    write_scripts(SCRIPTS)
    root = find_mathjax()
    files = sorted(file for pattern in WANTED for file in root.glob(pattern))
    if (found := digest(root, files)) != SHA256:
        sys.exit(f"MathJax is not the copy this project was tested with: SHA-256 {found}, expected {SHA256}")
    shutil.rmtree(TARGET, ignore_errors=True)
    for file in files:
        copy = TARGET / file.relative_to(root)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)


if __name__ == "__main__":
    main()

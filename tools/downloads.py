"""What a reader of the site can take away: the package as one file (a wheel) and a zip of the chapters.

python -m tools.downloads, or make wheel, builds the wheel into _build/wheel. While the site is built, this module is an
extension of Sphinx that writes both files into the site's folder _downloads. The page on setting up calls the wheel
vcodec-VERSION-py3-none-any.whl; on the site it has the real name, so that commands can be copied.
"""

from pathlib import Path

from hatchling.builders.wheel import WheelBuilder

import vcodec
from tools.packs import write_zip

ROOT = Path(__file__).parent.parent
WHEELS = ROOT / "_build/wheel"
IN_THE_TEXT = "vcodec-VERSION-py3-none-any.whl"
README = """\
# Learned image compression by building it: the chapters

The chapters are notebooks for JupyterLab and Colab. Put vcodec-...-py3-none-any.whl beside them, or install it:

    pip install "vcodec-...-py3-none-any.whl[book]"
    jupyter lab

That file, the package, can be downloaded where this zip was: on the page "Setting up" of the book.
"""


def build_wheel(folder: Path = WHEELS) -> Path:
    """Build the package into `folder`, which is made if missing; return the wheel's path."""
    return Path(next(WheelBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"])))


def chapter_files() -> dict[str, bytes]:
    """The chapters and the licence of their text, by their names in the zip."""
    paths = [*sorted((ROOT / "book").glob("*.ipynb")), ROOT / "book/LICENSE.md"]
    return {"README.md": README.encode()} | {path.name: path.read_bytes() for path in paths}


def name_the_wheel(app, docname: str, source: list[str]) -> None:
    source[0] = source[0].replace(IN_THE_TEXT, IN_THE_TEXT.replace("VERSION", vcodec.__version__))


def write_downloads(app, exception) -> None:
    if exception is None and app.builder.format == "html":
        folder = Path(app.outdir, "_downloads")
        build_wheel(folder)
        write_zip(folder / "vcodec-chapters.zip", chapter_files())


def setup(app) -> dict[str, bool]:
    app.connect("source-read", name_the_wheel)
    app.connect("build-finished", write_downloads)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


if __name__ == "__main__":
    wheel = build_wheel()
    print(f"{wheel.relative_to(ROOT)}: {wheel.stat().st_size / 1e6:.1f} MB. Install it with pip, or give it to Colab.")

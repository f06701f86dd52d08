"""Run chapters as Colab would: python tools/colab.py [book/NAME.ipynb ...]

It takes minutes and downloads PyTorch. A fresh virtual environment gets what Colab has beforehand and nothing of this
project. The last commit becomes a git repository with a local address, from which the chapters install in their first
cell. The chapters run in an empty folder."""

import re
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).parent.parent
PRESENT = ["torch", "numpy", "matplotlib", "pillow", "ipywidgets", "nbclient", "ipykernel"]  # the last two run cells
RUN = """
import sys, nbformat
from nbclient import NotebookClient
for name in sys.argv[1:]:
    NotebookClient(nbformat.read(name, 4), timeout=600, kernel_name="python3").execute()
    print(name, "runs", flush=True)
"""


def call(*command: str | Path, folder: Path = ROOT) -> None:
    subprocess.run([str(part) for part in command], cwd=folder, check=True)


def main(chapters: list[str]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        repository, copy, content = (folder / part for part in ("vcodec.git", "copy", "content"))
        call("git", "clone", "--quiet", "--bare", ROOT, repository)
        call("git", "clone", "--quiet", repository, copy)
        config = copy / "_config.yml"
        address = rf'\g<1>"{repository.as_uri()}"'
        config.write_text(re.sub(r'^(repository:\n +url: )"[^"]*"', address, config.read_text(), flags=re.M))
        call(sys.executable, "tools/notebooks.py", "--no-run", folder=copy)
        venv.create(folder / "venv", with_pip=True)
        python = folder / "venv/bin/python"
        call(python, "-m", "pip", "install", "--quiet", "-c", ROOT / "requirements.lock", *PRESENT)
        content.mkdir()
        for path in sorted((copy / "book").glob("*.ipynb")):
            path.rename(content / path.name)
        names = [Path(chapter).name for chapter in chapters] or sorted(path.name for path in content.iterdir())
        call(python, "-c", RUN, *names, folder=content)


if __name__ == "__main__":
    main(sys.argv[1:])

"""The setup cell, which is the first code cell of every chapter: it installs vcodec where it is missing.

A wheel (the package as one file, see tools/downloads.py) that lies beside the notebook comes first. Else the cell
installs from the project's address in _config.yml. While there is none, it opens the upload dialog on Colab and asks
for the wheel; elsewhere it says what to do. tools/notebooks.py writes the cell into the chapters.
"""

START = """\
# @title Setup: installs vcodec where it is missing, as on Colab; elsewhere it does nothing
import importlib.util

if importlib.util.find_spec("vcodec") is None:
"""
FROM_ADDRESS = """\
    import subprocess
    import sys
    from pathlib import Path

    wheels = sorted(Path().glob("vcodec-*-py3-none-any.whl"))
    source = "vcodec[widgets] @ git+{address}@{branch}"
    source = f"{{wheels[-1]}}[widgets]" if wheels else source
"""
FROM_WHEEL = """\
    import re
    import subprocess
    import sys
    from pathlib import Path

    wheels = sorted(Path().glob("vcodec-*-py3-none-any.whl"))
    if not wheels and "google.colab" in sys.modules:
        from google.colab import files

        print("Choose the file vcodec-...-py3-none-any.whl from the book's page 'Setting up'.")
        for name, data in files.upload().items():  # a second download is called "... (1).whl"
            Path(re.sub(r" ?\\(\\d+\\)", "", name)).write_bytes(data)
        wheels = sorted(Path().glob("vcodec-*-py3-none-any.whl"))
    if not wheels:
        raise ModuleNotFoundError(
            "vcodec is not installed here: put vcodec-...-py3-none-any.whl from the book's "
            "page 'Setting up' beside this notebook, then run this cell again."
        )
    source = f"{wheels[-1]}[widgets]"
"""
INSTALL = """\
    print(f"Installing {source}: this takes a minute or two.")
    command = [sys.executable, "-m", "pip", "install", "--quiet", source]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"pip could not install {source}: {done.stderr}")
    importlib.invalidate_caches()
"""


def setup_source(address: str, branch: str = "main") -> str:
    """The code that makes `import vcodec` work on a machine without it. address: of the git repository, or ""."""
    source = FROM_ADDRESS.format(address=address.rstrip("/"), branch=branch) if address else FROM_WHEEL
    return (START + source + INSTALL).rstrip()

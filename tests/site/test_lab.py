"""JupyterLab on this machine, driven by a browser: two figures with a kernel behind them."""

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import pytest

from tools.chromium import CHROMIUM, SWITCHES

LAB = shutil.which("jupyter-lab", path=str(Path(sys.executable).parent))
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM, reason="no Chromium found; JupyterLab's test needs one"),
    pytest.mark.skipif(not LAB, reason="no JupyterLab found beside this Python"),
]

EXPLORER = """\
import numpy as np
from IPython.display import Pretty, display
from vcodec.widgets import CodecExplorer, RdPicture

picture = np.arange(64 * 64, dtype=np.uint8).reshape(64, 64)
points = [RdPicture("JPEG", "full", q, 100 * q, picture, 20.0 + q, 0.5) for q in (1, 2, 3)]
explorer = CodecExplorer(picture, points, target_bpp=0.1)
said = display(Pretty("the kernel waits"), display_id=True)


def answer(change):
    \"\"\"What the page said, in the kernel's words; and the kernel moves the wipe.\"\"\"
    said.update(Pretty(f"the kernel heard {explorer.bpp(points[1]):.4f} {change.new:.4f}"))
    explorer.wipe = 0.25


explorer.observe(answer, "target_bpp")
explorer"""

MONITOR = """\
import time
from pathlib import Path
from IPython.display import Pretty, display
from vcodec.images import embedded
from vcodec.widgets import TrainingMonitor

monitor = TrainingMonitor()
display(monitor)
said = display(Pretty("the kernel waits"), display_id=True)
monitor.observe(lambda change: said.update(Pretty(f"the kernel stands at {change.new:.2f}")), "at")
# next cell
for step in range(3):
    monitor.log({"seconds": 2.0 * step, "phase": "idn", "idn_loss": 0.5 / (1 + step)})
monitor.show(x=embedded("camera"), x_hat=embedded("camera") // 2, bpp=0.25, psnr_db=30)
end = time.monotonic() + 100
while not Path("seen").exists() and time.monotonic() < end:  # the page has to show it before the cell ends
    time.sleep(0.1)
monitor.log({"seconds": 8.0, "phase": "ended" if Path("seen").exists() else "unseen", "idn_loss": 0.1})
monitor.flush()"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Where the notebooks lie, one for each widget."""
    folder = tmp_path_factory.mktemp("lab") / "work"
    folder.mkdir()
    for name, code in {"explorer": EXPLORER, "monitor": MONITOR}.items():
        cells = [nbformat.v4.new_code_cell(part) for part in code.split("# next cell\n")]
        notebook = nbformat.v4.new_notebook(cells=cells)
        notebook.metadata.kernelspec = {"display_name": "Python 3", "language": "python", "name": "python3"}
        nbformat.write(notebook, folder / f"{name}.ipynb")
    return folder


@pytest.fixture(scope="module")
def lab(folder):
    """The address of a JupyterLab that knows nothing but this test's own folders."""
    tmp_path = folder.parent
    own = {f"JUPYTER_{name}_DIR": str(tmp_path / name.lower()) for name in ("CONFIG", "DATA", "RUNTIME")}
    own |= {"HOME": str(tmp_path), "IPYTHONDIR": str(tmp_path / "ipython"), "JUPYTERLAB_SETTINGS_DIR": str(tmp_path)}
    switches = ["--no-browser", "--allow-root", "--ip=127.0.0.1", "--port=0", "--IdentityProvider.token="]
    switches += [f"--ServerApp.root_dir={folder}", "--expose-app-in-browser"]
    command = [LAB, *switches, "--LabApp.news_url=None"]
    with (tmp_path / "log").open("w") as log:
        server = subprocess.Popen(command, env=os.environ | own, stdout=log, stderr=log)
    try:
        yield wait_for_server(tmp_path / "runtime", server, tmp_path / "log")
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def wait_for_server(folder: Path, server: subprocess.Popen, log: Path) -> str:
    end = time.monotonic() + 120
    while time.monotonic() < end and server.poll() is None:
        for file in folder.glob("jpserver-*.json"):
            address = json.loads(file.read_text() or "{}").get("url")
            if address and urllib.request.urlopen(address + "api/status", timeout=30).status == 200:
                return address
        time.sleep(0.2)
    raise RuntimeError("JupyterLab did not start: " + log.read_text()[-2000:])


@pytest.fixture
def open_notebook(lab):
    """A function that opens a notebook by its name and starts its first cell; nothing foreign may be asked for."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        page, asked, errors = browser.new_page(), [], []
        page.set_default_timeout(120_000)
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: errors.append(str(error)))

        def open_notebook(name: str):
            page.goto(f"{lab}lab/tree/{name}.ipynb?reset")  # without what the last test left open
            page.wait_for_selector(".jp-Notebook .cm-content")
            page.evaluate("""async () => {
                await jupyterapp.restored;
                const panel = jupyterapp.shell.currentWidget;
                await panel.context.ready;
                await panel.sessionContext.ready;
            }""")
            run_next_cell(page)
            return page

        yield open_notebook
        browser.close()
    assert [url for url in asked if not url.startswith((lab, "blob:", "data:", "ws:"))] == []
    assert errors == []


def run_next_cell(page):
    page.evaluate("""() => { jupyterapp.commands.execute("notebook:run-cell-and-select-next"); }""")


def kernel_says(page, words: str):
    """Waits for these words among the outputs; the cell's own text does not count."""
    page.locator(".jp-OutputArea-output", has_text=words).last.wait_for()


def test_page_and_kernel_hear_each_other(open_notebook):
    from playwright.sync_api import expect

    page = open_notebook("explorer")
    slider = page.get_by_role("slider", name="Bitrate")
    slider.focus()
    slider.press("ArrowRight")
    rate = f"{8 * 200 / 64**2:.4f}"  # of the second point
    kernel_says(page, f"the kernel heard {rate} {rate}")
    page.get_by_role("cell", name="0.391 bpp").wait_for()
    expect(page.get_by_role("slider", name="Wipe")).to_have_value("0.25", timeout=30_000)


def test_a_training_is_seen_while_its_cell_runs(open_notebook, folder):
    page = open_notebook("monitor")
    page.get_by_text("waiting for the first row").wait_for()
    run_next_cell(page)
    page.get_by_text("Time: 4.0 of 4.0 seconds").wait_for()
    page.get_by_role("row", name="idn_loss 0.1667").wait_for()
    page.get_by_alt_text("x_hat after 4.0 seconds").wait_for()
    (folder / "seen").touch()
    page.get_by_role("row", name="phase ended").wait_for()
    page.get_by_role("slider", name="Time").press("Home")
    page.get_by_role("row", name="idn_loss 0.5").wait_for()
    kernel_says(page, "the kernel stands at 0.00")

"""JupyterLab on this machine, driven by a browser: the codec explorer with a kernel behind it."""

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
from conftest import CHROMIUM, SWITCHES

LAB = shutil.which("jupyter-lab", path=str(Path(sys.executable).parent))
pytestmark = [
    pytest.mark.skipif(not CHROMIUM, reason="no Chromium found; JupyterLab's test needs one"),
    pytest.mark.skipif(not LAB, reason="no JupyterLab found beside this Python"),
]

CODE = """\
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


@pytest.fixture
def lab(tmp_path):
    """The address of a notebook in a JupyterLab that knows nothing but this test's own folders."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CODE)])
    notebook.metadata.kernelspec = {"display_name": "Python 3", "language": "python", "name": "python3"}
    (tmp_path / "work").mkdir()
    nbformat.write(notebook, tmp_path / "work/chapter.ipynb")
    own = {f"JUPYTER_{name}_DIR": str(tmp_path / name.lower()) for name in ("CONFIG", "DATA", "RUNTIME")}
    own |= {"HOME": str(tmp_path), "IPYTHONDIR": str(tmp_path / "ipython"), "JUPYTERLAB_SETTINGS_DIR": str(tmp_path)}
    switches = ["--no-browser", "--allow-root", "--ip=127.0.0.1", "--port=0", "--IdentityProvider.token="]
    switches += [f"--ServerApp.root_dir={tmp_path / 'work'}", "--expose-app-in-browser"]
    command = [LAB, *switches, "--LabApp.news_url=None"]
    with (tmp_path / "log").open("w") as log:
        server = subprocess.Popen(command, env=os.environ | own, stdout=log, stderr=log)
    try:
        yield wait_for_server(tmp_path / "runtime", server, tmp_path / "log") + "lab/tree/chapter.ipynb"
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


def test_page_and_kernel_hear_each_other_in_jupyterlab(lab):
    from playwright.sync_api import expect, sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        page, asked, errors = browser.new_page(), [], []
        page.set_default_timeout(120_000)
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(lab)
        page.wait_for_selector(".jp-Notebook .cm-content")
        page.evaluate("""async () => {
            await jupyterapp.restored;
            const panel = jupyterapp.shell.currentWidget;
            await panel.context.ready;
            await panel.sessionContext.ready;
            await jupyterapp.commands.execute("notebook:run-all-cells");
        }""")
        slider = page.get_by_role("slider", name="Bitrate")
        slider.focus()
        slider.press("ArrowRight")
        words = page.get_by_text("the kernel heard").last
        words.wait_for()
        rate, heard = words.inner_text().split()[-2:]
        assert rate == heard == f"{8 * 200 / 64**2:.4f}"  # the second point's rate, in the page and in the kernel
        page.get_by_role("cell", name="0.391 bpp").wait_for()
        expect(page.get_by_role("slider", name="Wipe")).to_have_value("0.25", timeout=30_000)
        browser.close()
    assert [url for url in asked if not url.startswith((lab.split("lab/")[0], "blob:", "data:", "ws:"))] == []
    assert errors == []

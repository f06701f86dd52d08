"""Seconds of the codec that runs in the browser: python benchmarks/browser.py

Opens the built gallery in Chromium without a window, hands the astronaut (512x512, gray) to its last figure and reads
the seconds that the figure states, after one run to warm up. Needs `make book` and a Chromium; prints a table."""

import argparse
import functools
import http.server
import io
import shutil
import threading
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from vcodec.images import embedded, luma

SITE = Path(__file__).parent.parent / "_build/html"
SWITCHES = ["--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"]


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


def coded_in(page: Page, resolution: str, quality: int) -> float:
    """The seconds that the figure states for one file."""
    figure = page.locator(".vbc").last
    figure.locator(".vcx-pill", has_text=resolution).click()
    figure.get_by_role("slider", name="Bitrate").fill(str(quality))
    page.wait_for_timeout(300)  # it begins by itself when the settings rest
    start = figure.locator(".vbc-start")
    if start.is_visible():
        start.click()
    done = figure.get_by_text("Coded and restored in")
    figure.locator(".vbc-download").wait_for()
    done.wait_for()
    return float(done.inner_text().split("restored in ")[1].split()[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    repeats = parser.parse_args().repeats
    picture = io.BytesIO()
    Image.fromarray(luma(embedded("astronaut"))).save(picture, "PNG")
    file = {"name": "astronaut.png", "mimeType": "image/png", "buffer": picture.getvalue()}
    handler = functools.partial(Quiet, directory=SITE)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server, sync_playwright() as playwright:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=SWITCHES)
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{server.server_port}/book/gallery.html")
        while not page.locator(".vbc canvas").count():  # figures open when they come near the window
            page.mouse.wheel(0, 600)
            page.wait_for_timeout(100)
        page.locator(".vbc input[type=file]").last.set_input_files(file)
        page.get_by_text("astronaut.png: 512×512 pixels").wait_for()
        for resolution in ("full", "half"):
            coded_in(page, resolution, 20)
            times = [coded_in(page, resolution, 10 + i % 2) for i in range(repeats)]
            print(f"{resolution} resolution, 512x512: {min(times):.1f} s (the fastest of {repeats})")
        browser.close()
        server.shutdown()


if __name__ == "__main__":
    main()

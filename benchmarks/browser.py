"""Seconds of the codec that runs in the browser: python -m benchmarks.browser

Opens the built gallery in Chromium without a window, hands the astronaut (512x512, gray) to its last figure and reads
the seconds that the figure states, after one run to warm up. Needs `make book` and a Chromium; prints a table."""

import argparse
import io
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from tools.chromium import CHROMIUM, SWITCHES, serving
from vcodec.images import embedded, luma

SITE = Path(__file__).parent.parent / "_build/html"


def coded_in(page: Page, resolution: str, quality: int) -> float:
    """The seconds that the figure states for one file."""
    figure = page.locator(".vbc").last
    figure.locator(".vcx-pill", has_text=resolution).click()
    figure.get_by_role("slider", name="Bitrate").fill(str(quality))
    start = figure.locator(".vbc-start")
    if start.is_visible():
        start.click()
    figure.locator(".vbc-download").wait_for()  # gone since the setting changed
    return float(figure.get_by_text("Coded and restored in").inner_text().split("restored in ")[1].split()[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    repeats = parser.parse_args().repeats
    if not (SITE / "book/gallery.html").exists() or not CHROMIUM:
        parser.error("this needs the built site (make book) and a Chromium")
    picture = io.BytesIO()
    Image.fromarray(luma(embedded("astronaut"))).save(picture, "PNG")
    file = {"name": "astronaut.png", "mimeType": "image/png", "buffer": picture.getvalue()}
    with serving(SITE) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        page = browser.new_page()
        page.goto(server + "book/gallery.html")
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


if __name__ == "__main__":
    main()

"""What a reader can do with the codec in the browser: open, drop, cancel, compare, by keys, mouse and touch."""

import base64

import numpy as np
import pytest
from codec_page import choose, code, pictures, png, widget
from figure_page import TELEPHONE, assert_fits, needs_chromium

from vcodec.images import embedded


@needs_chromium
class TestUse:
    def test_what_is_no_picture_gets_one_sentence(self, open_page, codec_address):
        page = open_page(codec_address + "static.html", width=TELEPHONE)
        for name, data in [("notes.txt", b"hello"), ("broken.png", png(pictures()["gray"])[:60]), ("empty.jpg", b"")]:
            file = {"name": name, "mimeType": "image/png", "buffer": data}
            page.locator("input[type=file]").set_input_files(file)
            page.get_by_text(f"{name} is not a picture that this browser can open.").wait_for()
        assert page.locator(".vbc-name").inner_text() == "cat.png: 160×128 pixels.", "the one before is still there"
        assert page.locator(".vbc-start").is_visible()

    def test_a_file_can_be_dropped(self, open_page, codec_address):
        page = open_page(codec_address + "static.html", width=TELEPHONE)
        page.evaluate(
            """async (base64) => {
                const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
                const dataTransfer = new DataTransfer();
                dataTransfer.items.add(new File([bytes], "dropped.png", { type: "image/png" }));
                for (const type of ["dragover", "drop"]) {
                    const event = new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true });
                    document.querySelector(".vcx-stage").dispatchEvent(event);
                }
            }""",
            base64.b64encode(png(pictures()["odd"])).decode(),
        )
        page.get_by_text("dropped.png: 93×77 pixels.").wait_for()

    def test_large_pictures_begin_with_their_middle(self, open_page, codec_address):
        page = open_page(codec_address + "static.html", width=TELEPHONE)
        picture = np.zeros((1200, 1400), np.uint8)
        picture[88:1112, 188:1212] = 255  # the middle 1024x1024
        page.locator("input[type=file]").set_input_files(
            {"name": "large.png", "mimeType": "image/png", "buffer": png(picture)}
        )
        page.get_by_text("large.png: 1024×1024 pixels.").wait_for()
        values = page.evaluate("""() => {
            const canvas = document.querySelector(".vbc-side canvas");
            const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            return [...new Set(data)];
        }""")
        assert values == [255]
        page.get_by_label("Part").select_option("all of it, 1400×1200")
        page.get_by_text("large.png: 1400×1200 pixels.").wait_for()

    def test_long_runs_tell_the_time_and_can_be_cancelled(self, open_page, codec_address):
        page = open_page(codec_address + "static.html", width=TELEPHONE)
        choose(page, np.tile(embedded("camera"), (2, 2)), 10)
        page.locator(".vbc-start").click()
        page.get_by_text("s left").wait_for()
        assert 0 < page.get_by_role("progressbar").evaluate("(bar) => bar.value") < 1
        page.get_by_role("button", name="Cancel").click()
        assert page.locator(".vbc-status").inner_text() == "Cancelled."
        assert page.locator(".vbc-start").is_visible() and page.get_by_role("progressbar").is_hidden()
        data = code(page, pictures()["gray"], 10)  # and the next run is sound
        assert data == widget().codec.encode(pictures()["gray"], 10, 1)

    def test_settings_that_change_meanwhile_win(self, open_page, codec_address):
        page = open_page(codec_address + "static.html", width=TELEPHONE)
        choose(page, pictures()["gray"], 60)
        page.locator(".vbc-start").click()
        for quality in (30, 20, 10):
            page.get_by_role("slider", name="Bitrate").fill(str(quality))
        assert code(page) == widget().codec.encode(pictures()["gray"], 10, 1)

    def test_sides_are_chosen_and_change_places(self, open_page, codec_address):
        page = open_page(codec_address + "static.html", width=TELEPHONE)
        code(page, pictures()["gray"])
        left, right = page.locator(".vbc-choose").all()
        tags = page.locator(".vcx-tag")
        assert tags.all_inner_texts() == ["plain JPEG", "our JPEG, restored"]
        left.select_option("original")
        assert tags.all_inner_texts() == ["original", "our JPEG, restored"]
        right.select_option("original")
        assert tags.all_inner_texts() == ["our JPEG, restored", "original"]

    def test_keys_and_mouse_move_the_wipe(self, open_page, codec_address):
        page = open_page(codec_address + "static.html", width=TELEPHONE)
        wipe = page.get_by_role("slider", name="Wipe")
        wipe.press("Home")
        wipe.press("ArrowRight")
        assert float(wipe.input_value()) == pytest.approx(0.01)
        box = page.locator(".vcx-stage").bounding_box()
        page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 20)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + 40, steps=3)
        page.mouse.up()
        assert float(wipe.input_value()) == pytest.approx(0.3, abs=0.01)

    def test_finger_moves_the_wipe(self, open_page, codec_address):
        page = open_page(codec_address + "static.html", width=TELEPHONE)
        box = page.locator(".vcx-stage").bounding_box()
        finger = page.context.new_cdp_session(page)
        for kind, share in [("touchStart", 0.4), ("touchMove", 0.6), ("touchMove", 0.7), ("touchMove", 0.8)]:
            spot = {"x": box["x"] + share * box["width"], "y": box["y"] + 50}
            finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [spot]})
        finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        assert float(page.get_by_role("slider", name="Wipe").input_value()) == pytest.approx(0.8, abs=0.02)

    def test_every_control_has_a_name_and_shows_its_focus(self, open_page, codec_address):
        page = open_page(codec_address + "static.html")
        code(page, pictures()["gray"])
        tree = page.locator(".vbc").aria_snapshot()
        for name in ("slider", "combobox", "radio", "button", "img", "radiogroup", "link"):
            for line in (line for line in tree.splitlines() if line.strip().startswith(f"- {name}")):
                assert '"' in line, f"without a name: {line}"
        stops = []
        page.locator(".vbc-wipe").focus()
        page.keyboard.press("Tab")
        page.keyboard.press("Shift+Tab")  # focus by keys, whose ring shows
        while page.evaluate("Boolean(document.activeElement.closest('.vbc'))"):
            outline, name = page.evaluate("""() => {
                const focused = document.activeElement;
                const seen = focused.classList.contains("vcx-hidden") ? focused.nextElementSibling : focused;
                return [getComputedStyle(seen).outlineStyle, `${focused.tagName} ${focused.type ?? ""}`];
            }""")
            assert outline == "solid", name
            stops.append(name)
            page.keyboard.press("Tab")
        assert len(stops) == 9, stops  # wipe, file, supplied, part, resolution, quality, left, right, download
        assert page.locator(".vbc :is(input, select, button):not([data-lm-suppress-shortcuts=true])").count() == 0

    def test_nothing_overflows_and_text_is_readable_in_the_dark(self, open_page, codec_address):
        page = open_page(codec_address + "static.html", width=TELEPHONE)
        code(page, pictures()["gray"])
        page.evaluate("document.documentElement.dataset.theme = 'dark'")
        assert_fits(page)
        for selector in (".vbc th", ".vbc td", ".vbc select", ".vcx-pill", ".vbc-note", ".vbc-status"):
            seen = page.locator(selector).last.evaluate("(e) => getComputedStyle(e).color")
            assert min(int(part) for part in seen.removeprefix("rgb(").rstrip(")").split(",")) > 180, selector

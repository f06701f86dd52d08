"""The codec explorer in a real browser, by keys, mouse and touch."""

import math

import figure_page
import numpy as np
import pytest
from explorer import SIZE, explore
from figure_page import assert_fits, box, needs_chromium, opened_page, served, set_state, state, width_for

from vcodec.widgets import CodecExplorer, RdPicture


def shown_for(explorer: CodecExplorer, method: str, resolutions: tuple, bpp: float) -> RdPicture:
    """The point nearest to a rate, found the slow way: rates are compared by their ratio."""
    own = [p for p in explorer.points if p.method == method and p.resolution in resolutions]
    return min(own, key=lambda p: abs(math.log(explorer.bpp(p) / bpp)))


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """The figure on a static page, its model filled from Python's state."""
    with served(explore(), tmp_path_factory.mktemp("explorer")) as url:
        yield url


@pytest.fixture
def page(browser, address, request):
    with opened_page(browser, address, width_for(request)) as tab:
        yield tab


def readout(page, column: int = 2) -> dict[str, str]:
    """The table's numbers by label; column 1 is the left side, 2 the right."""
    return figure_page.readout(page, column)


def numbers(explorer: CodecExplorer, p: RdPicture) -> dict[str, str]:
    return {
        "rate": f"{explorer.bpp(p):.3f} bpp",
        "file": f"{p.num_bytes:,} bytes",
        "PSNR": f"{p.psnr:.2f} dB",
        "SSIM": f"{p.ssim:.3f}",
        "quality": str(p.quality),
        "resolution": p.resolution,
    }


@needs_chromium
class TestPage:
    def test_arrow_keys_walk_along_every_point(self, page):
        explorer = explore()
        set_state(page, method="JPEG", resolution="full")
        slider = page.get_by_role("slider", name="Bitrate")
        slider.focus()
        slider.press("Home")
        for p in (p for p in explorer.points if p.method == "JPEG"):
            assert readout(page) == numbers(explorer, p)
            assert slider.get_attribute("aria-valuetext") == f"{explorer.bpp(p):.3f} bpp"
            slider.press("ArrowRight")
        assert readout(page) == numbers(explorer, p), "the last point stays"
        slider.press("ArrowLeft")
        assert readout(page)["quality"] == "55"
        assert page.evaluate("saves") > 0

    def test_arrow_keys_reach_both_ends_in_auto(self, page):
        explorer = explore()
        rates = [explorer.bpp(p) for p in explorer.points if p.method == "SCIC"]
        slider = page.get_by_role("slider", name="Bitrate")
        slider.focus()
        for key, end in [("ArrowRight", max(rates)), ("ArrowLeft", min(rates))]:
            for _ in range(20):
                slider.press(key)
            assert readout(page)["rate"] == f"{end:.3f} bpp"

    def test_dragging_the_bitrate_shows_the_nearest_point(self, page):
        explorer = explore()
        set_state(page, method="SCIC", resolution="half")
        place = box(page, ".vcx-rate input")
        for share in (0.9, 0.1, 0.6):
            page.mouse.click(place["x"] + share * place["width"], place["y"] + place["height"] / 2)
            nearest = shown_for(explorer, "SCIC", ("half",), state(page, "target_bpp"))
            assert readout(page) == numbers(explorer, nearest)

    def test_another_method_keeps_the_rate(self, page):
        explorer = explore()
        set_state(page, target_bpp=0.4, resolution="full")
        for method in ("JPEG", "SCIC"):
            page.locator(".vcx-pill", has_text=method).click()
            assert state(page, "method") == method
            assert state(page, "target_bpp") == 0.4
            assert readout(page) == numbers(explorer, shown_for(explorer, method, ("full",), 0.4))

    def test_auto_takes_the_resolution_with_the_better_psnr(self, page):
        explorer = explore()
        set_state(page, method="SCIC", resolution="auto")
        curves = {
            name: [p for p in explorer.points if (p.method, p.resolution) == ("SCIC", name)]
            for name in ("full", "half")
        }
        ends = {name: (explorer.bpp(curve[0]), explorer.bpp(curve[-1])) for name, curve in curves.items()}
        lowest, both, highest = ends["half"][0], (ends["full"][0], ends["half"][1]), ends["full"][1]
        winners = set()
        for bpp in map(float, np.geomspace(*both, 11)):
            psnrs = {
                name: np.interp(math.log(bpp), [math.log(explorer.bpp(p)) for p in curve], [p.psnr for p in curve])
                for name, curve in curves.items()
            }
            winner = max(psnrs, key=psnrs.get)
            set_state(page, target_bpp=bpp)
            assert readout(page) == numbers(explorer, shown_for(explorer, "SCIC", (winner,), bpp))
            winners.add(winner)
        assert winners == {"full", "half"}, "the test's curves cross"
        for bpp, only in [(lowest, "half"), (highest, "full"), (lowest / 9, "half"), (highest * 9, "full")]:
            set_state(page, target_bpp=bpp)
            assert readout(page)["resolution"] == only

    def test_a_resolution_that_a_method_lacks_cannot_be_chosen(self, page):
        set_state(page, method="JPEG", resolution="half")
        assert readout(page)["resolution"] == "full"
        assert page.get_by_role("radio", name="half").is_disabled()

    def test_left_side_shows_a_method_at_the_right_sides_rate(self, page):
        explorer = explore()
        assert set(readout(page, 1).values()) == {"–"}
        page.get_by_role("combobox").select_option("JPEG")
        right = shown_for(explorer, "SCIC", ("half",), 0.4)
        set_state(page, method="SCIC", resolution="half", target_bpp=0.4)
        assert readout(page, 1) == numbers(explorer, shown_for(explorer, "JPEG", ("full",), explorer.bpp(right)))
        page.get_by_role("combobox").select_option("SCIC full")
        assert readout(page, 1) == numbers(explorer, shown_for(explorer, "SCIC", ("full",), explorer.bpp(right)))

    def test_both_sides_show_their_pictures(self, page):
        explorer = explore()
        set_state(page, method="JPEG", compare="SCIC", target_bpp=0.3)
        page.wait_for_function("[...document.images].every((image) => image.complete && image.naturalWidth === 256)")
        right = shown_for(explorer, "JPEG", ("full",), 0.3)
        got = page.evaluate("""async () => {
            const bytes = await (await fetch(document.querySelector(".vcx-right img").src)).arrayBuffer();
            return [...new Uint8Array(bytes)];
        }""")
        assert bytes(got) == right.file
        assert page.locator(".vcx-right img").get_attribute("alt") == "right: JPEG, full"

    def test_mouse_drags_the_wipe(self, page):
        place = box(page, ".vcx-stage")
        middle = place["y"] + place["height"] / 2
        page.mouse.move(place["x"] + 10, middle)
        assert state(page, "wipe") == 0.5, "hovering moves nothing"
        page.mouse.down()
        page.mouse.move(place["x"] + place["width"] * 0.5, middle, steps=4)
        page.mouse.move(place["x"] + place["width"] * 0.2, middle, steps=4)
        page.mouse.up()
        assert state(page, "wipe") == pytest.approx(0.2, abs=0.01)
        bar = page.locator(".vcx-bar").bounding_box()
        assert bar["x"] + bar["width"] / 2 == pytest.approx(place["x"] + 0.2 * place["width"], abs=2)

    @pytest.mark.telephone
    def test_finger_drags_the_wipe(self, page):
        place = box(page, ".vcx-stage")
        finger = page.context.new_cdp_session(page)
        for kind, share in [("touchStart", 0.4), ("touchMove", 0.6), ("touchMove", 0.7), ("touchMove", 0.8)]:
            spot = {"x": place["x"] + share * place["width"], "y": place["y"] + 0.5 * place["height"]}
            finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [spot]})
            assert (kind == "touchStart") == (state(page, "wipe") == 0.5), "a finger that lands may want to scroll"
        assert page.locator(".vcx-loupe").is_visible()
        finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        assert state(page, "wipe") == pytest.approx(0.8, abs=0.02)
        assert page.locator(".vcx-loupe").is_hidden()

    def test_keys_move_the_wipe(self, page):
        wipe = page.get_by_role("slider", name="Wipe")
        wipe.focus()
        wipe.press("Home")
        assert state(page, "wipe") == 0
        for _ in range(3):
            wipe.press("ArrowRight")
        assert state(page, "wipe") == pytest.approx(0.03)

    def test_magnifier_shows_four_times_the_place_under_the_pointer(self, page):
        place = box(page, ".vcx-stage")
        page.mouse.move(place["x"] + 0.25 * place["width"], place["y"] + 0.75 * place["height"])
        assert page.locator(".vcx-loupe").is_visible()
        for tile in page.locator(".vcx-tile").all():
            style = tile.evaluate("(e) => [e.style.backgroundSize, e.style.backgroundPosition, e.offsetWidth]")
            left, top = (float(part.removesuffix("px")) for part in style[1].split())
            assert style[0].startswith(f"{4 * SIZE}px")
            assert (style[2] / 2 - left) / 4 == pytest.approx(0.25 * SIZE, abs=2)
            assert (style[2] / 2 - top) / 4 == pytest.approx(0.75 * SIZE, abs=2)
        page.mouse.move(2, 2)
        assert page.locator(".vcx-loupe").is_hidden()

    def test_keys_move_the_magnifier(self, page):
        page.locator(".vcx-stage").focus()
        page.keyboard.press("ArrowRight")
        assert page.locator(".vcx-loupe").is_visible()
        page.keyboard.press("Escape")
        assert page.locator(".vcx-loupe").is_hidden()
        assert state(page, "wipe") == 0.5

    @pytest.mark.telephone
    def test_magnifier_stays_on_the_picture(self, page):
        place = box(page, ".vcx-stage")
        for x in (0.01, 0.99):
            page.mouse.move(place["x"] + x * place["width"], place["y"] + 5)
            loupe = page.locator(".vcx-loupe").bounding_box()
            assert place["x"] - 1 <= loupe["x"] and loupe["x"] + loupe["width"] <= place["x"] + place["width"] + 1

    def test_nothing_is_wider_than_the_window(self, page):
        set_state(page, compare="SCIC half")
        assert_fits(page)

    def test_every_control_has_a_name_and_shows_its_focus(self, page):
        tree = page.locator(".vcx").aria_snapshot()
        for name in ("slider", "combobox", "radio", "application", "img", "radiogroup"):
            for line in (line for line in tree.splitlines() if line.strip().startswith(f"- {name}")):
                assert '"' in line, f"without a name: {line}"
        stops = 0
        page.locator(".vcx-stage").focus()
        while page.evaluate("Boolean(document.activeElement.closest('.vcx'))"):
            outline = page.evaluate("""() => {
                const focused = document.activeElement;
                return getComputedStyle(focused.type === "radio" ? focused.nextElementSibling : focused).outlineStyle;
            }""")
            assert outline == "solid"
            stops += 1
            page.keyboard.press("Tab")
        assert stops == 6  # picture, wipe, left side, method, resolution, bitrate

    def test_jupyterlab_leaves_the_keys_alone(self, page):
        controls = page.locator(".vcx :is(input, select, .vcx-stage)")
        marked = page.locator(".vcx [data-lm-suppress-shortcuts=true]")
        assert controls.count() == marked.count() == 9

    def test_text_is_readable_in_the_dark(self, page):
        page.evaluate("document.documentElement.dataset.theme = 'dark'")
        for selector in (".vcx th", ".vcx svg text", ".vcx select", ".vcx-pill"):
            seen = page.locator(selector).first.evaluate("(e) => getComputedStyle(e).color")
            assert min(int(part) for part in seen.removeprefix("rgb(").rstrip(")").split(",")) > 180

    def test_pictures_are_neither_framed_nor_dimmed_in_the_dark(self, page):
        page.evaluate("document.documentElement.dataset.theme = 'dark'")
        seen = "(e) => [getComputedStyle(e).padding, getComputedStyle(e).filter]"
        assert [image.evaluate(seen) for image in page.locator(".vcx img").all()] == [["0px", "none"]] * 2

    def test_two_views_stay_in_step_and_one_can_go(self, page):
        page.evaluate("() => { addView(); }")
        set_state(page, method="JPEG", target_bpp=0.3)
        first, second = page.locator(".vcx tbody").all_inner_texts()
        assert first == second
        assert page.locator("[type=radio][value=JPEG]:checked").count() == 2, "each view has its own radio buttons"
        before = page.evaluate("listening()")
        page.evaluate("() => cleanUp()")
        assert page.evaluate("listening()") == before / 2

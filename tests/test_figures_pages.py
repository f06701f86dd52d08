"""The moving figures in a real browser, by mouse, keys and touch: what they show is what Python computes."""

import contextlib
from fractions import Fraction

import numpy as np
import pytest
from figure_page import box, fixed, needs_chromium, opened_page, readout, served, set_state, state
from playwright.sync_api import expect
from test_figures_crossover import explore_crossover

from vcodec.images import embedded
from vcodec.metrics import psnr
from vcodec.widgets import ArithmeticCoderExplorer, DctExplorer, QuantiserExplorer, TrainingMonitor
from vcodec.widgets.arithmetic_coder import interval
from vcodec.widgets.quantiser import rounded

pytestmark = needs_chromium
CROP = embedded("camera")[60:188, 180:308]
WIDTHS = [1280, 390]


@contextlib.contextmanager
def on_page(figure, browser, folder, width, **options):
    """The figure's page; whatever is tested on it, it must fit the window, name its controls and show the focus."""
    with served(figure, folder) as address, opened_page(browser, address, width, **options) as page:
        yield page
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def fixture_for(figure):
    """A fixture: the figure that `figure()` makes, on a page of a laptop's and of a telephone's width."""

    @pytest.fixture(params=WIDTHS)
    def page(browser, tmp_path, request):
        with on_page(figure(), browser, tmp_path, request.param) as tab:
            yield tab

    return page


def slide(page, name: str, key: str, times: int = 1) -> None:
    slider = page.get_by_role("slider", name=name)
    slider.focus()
    for _ in range(times):
        slider.press(key)


def explore_dct() -> DctExplorer:
    return DctExplorer(CROP)


dct_page = fixture_for(explore_dct)


def dct_numbers(explorer: DctExplorer) -> tuple[dict[str, str], dict[str, str]]:
    """What the table must say of the block and of the picture, from a file that Pillow wrote."""
    result, (row, column) = explorer.result(), explorer.block
    place = np.s_[8 * row : 8 * row + 8, 8 * column : 8 * column + 8]

    def texts(bits, levels, original, decoded):
        error = np.mean((original.astype(float) - decoded) ** 2)
        return {
            "bits of the scan": f"{bits:,}",
            "bits per pixel": fixed(bits / original.size, 3),
            "integers not 0": f"{np.count_nonzero(levels):,}",
            "mean squared error": fixed(error, 1),
            "PSNR (dB)": fixed(psnr(original, decoded), 2) if error else "∞",
        }

    block = texts(result.bits[row, column], result.levels[row, column], CROP[place], result.picture[place])
    return block, texts(result.bits.sum(), result.levels, CROP, result.picture)


class TestDctExplorer:
    @pytest.mark.parametrize(
        "setting",
        [
            *({"table": "quality", "quality": q} for q in (1, 7, 50, 75, 93, 100)),
            *({"table": "flat", "step": s} for s in (1, 16, 77, 255)),
        ],
        ids=str,
    )
    def test_numbers_are_those_of_pillows_file(self, dct_page, setting):
        set_state(dct_page, **setting)
        for block in ([8, 8], [0, 0], [15, 3]):
            set_state(dct_page, block=block)
            expected = dct_numbers(DctExplorer(CROP, block=block, **setting))
            assert (readout(dct_page, 1), readout(dct_page, 2)) == expected

    @pytest.mark.parametrize("quality", [5, 60, 96])
    def test_pixels_are_those_of_pillows_file(self, dct_page, quality):
        set_state(dct_page, quality=quality)
        seen = dct_page.evaluate("""() => {
            const canvas = document.querySelector(".vcx-whole");
            const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
            return [...data].filter((value, i) => i % 4 === 0);
        }""")
        assert np.array_equal(np.reshape(seen, CROP.shape), DctExplorer(CROP, quality=quality).result().picture)

    def test_integers_symbols_and_their_bits(self, dct_page):
        set_state(dct_page, block=[5, 9], quality=85)
        result = DctExplorer(CROP, quality=85).result()
        cells = dct_page.locator(".vcx-eight").nth(1).locator("td").all_inner_texts()
        assert [int(text.replace("−", "-")) for text in cells] == result.levels[5, 9].ravel().tolist()
        symbols = dct_page.locator(".vcx-symbols li").all_inner_texts()
        assert sum(int(text.rpartition(": ")[2]) for text in symbols) == result.bits[5, 9]

    def test_a_click_chooses_the_block_under_the_pointer(self, dct_page):
        place = box(dct_page, ".vcx-blocks")
        dct_page.mouse.click(place["x"] + 3.5 / 16 * place["width"], place["y"] + 9.5 / 16 * place["height"])
        assert state(dct_page, "block") == [9, 3]
        expect(dct_page.get_by_role("status")).to_contain_text("row 9, column 3")

    def test_a_finger_chooses_a_block(self, dct_page):
        place = box(dct_page, ".vcx-blocks")
        dct_page.touchscreen.tap(place["x"] + 0.99 * place["width"], place["y"] + 0.01 * place["height"])
        assert state(dct_page, "block") == [0, 15]

    def test_arrow_keys_walk_and_stop_at_the_edge(self, dct_page):
        set_state(dct_page, block=[0, 14])
        dct_page.locator(".vcx-blocks").focus()
        for key in ("ArrowRight", "ArrowRight", "ArrowUp", "ArrowDown"):
            dct_page.keyboard.press(key)
        assert state(dct_page, "block") == [1, 15]

    def test_keys_move_quality_and_step(self, dct_page):
        slide(dct_page, "JPEG quality", "ArrowLeft", 5)
        assert state(dct_page, "quality") == 45
        dct_page.locator(".vcx-pill", has_text="the same for all").click()
        slide(dct_page, "Step in levels", "End")
        assert state(dct_page, "step") == 255
        assert readout(dct_page, 2) == dct_numbers(DctExplorer(CROP, table="flat", step=255))[1]


def explore_coder() -> ArithmeticCoderExplorer:
    return ArithmeticCoderExplorer()


coder_page = fixture_for(explore_coder)


def cut(value: Fraction, digits: int = 10) -> str:
    """As the page writes it: cut off, with an ellipsis where digits are missing."""
    whole = value * 10**digits
    text = f"{whole.numerator // whole.denominator:0{digits + 1}d}"
    text = f"{text[:-digits]}.{text[-digits:]}"
    return text + "…" if whole.denominator > 1 else text.rstrip("0").rstrip(".")


def same_coder(page) -> ArithmeticCoderExplorer:
    """Python's figure in the page's state."""
    names = ("message", "counts", "decoder_counts", "position")
    return ArithmeticCoderExplorer(**{name: state(page, name) for name in names})


def check_coder(page) -> None:
    figure = same_coder(page)
    low, high = interval(figure.message[: figure.position], figure.alphabet, figure.counts)
    assert readout(page) == {
        "symbols coded": f"{figure.position} of {len(figure.message)}",
        "low end": cut(low),
        "high end": cut(high),
        "width": cut(high - low),
        "information, −log2 width": f"{fixed(figure.information(), 2)} bits",
        "bits sent": str(len(figure.sent())),
    }
    assert page.locator(".vcx-bits").inner_text() == (figure.sent() or "none yet")
    received = "".join(page.locator(".vcx-received span").all_inner_texts())
    assert received.replace("✗", "") == figure.received()


class TestArithmeticCoderExplorer:
    def test_every_step_is_exact(self, coder_page):
        set_state(coder_page, counts=[40, 33, 7, 1], decoder_counts=[40, 33, 7, 1], message="BADCABBABCAABADDCABA")
        for position in range(21):
            set_state(coder_page, position=position)
            check_coder(coder_page)

    def test_keys_walk_through_the_message(self, coder_page):
        slide(coder_page, "Symbols coded", "ArrowRight", 3)
        assert state(coder_page, "position") == 3
        slide(coder_page, "Symbols coded", "End")
        assert state(coder_page, "position") == 8
        expect(coder_page.get_by_role("status")).to_contain_text("all right")
        check_coder(coder_page)

    def test_buttons_walk_and_stop_at_the_ends(self, coder_page):
        expect(coder_page.get_by_role("button", name="back")).to_be_disabled()
        coder_page.get_by_role("button", name="next symbol").tap()
        coder_page.get_by_role("button", name="next symbol").click()
        coder_page.get_by_role("button", name="back").click()
        assert state(coder_page, "position") == 1

    def test_play_runs_to_the_end_and_stops(self, coder_page):
        set_state(coder_page, position=6)
        coder_page.get_by_role("button", name="play").click()
        expect(coder_page.get_by_role("button", name="pause")).to_be_visible()
        coder_page.wait_for_function("model.get('position') === 8")
        expect(coder_page.get_by_role("button", name="play")).to_be_visible()

    def test_a_changed_probability_in_the_decoder_alone_kills_it(self, coder_page):
        set_state(coder_page, position=8)
        coder_page.get_by_role("group", name="Decoder's counts").get_by_role("spinbutton", name="B").fill("3")
        coder_page.keyboard.press("Tab")
        expect(coder_page.get_by_role("status")).to_contain_text("wrong from symbol")
        check_coder(coder_page)
        coder_page.get_by_role("button", name="give the decoder").click()
        expect(coder_page.get_by_role("status")).to_contain_text("all right")

    def test_the_decoder_follows_the_encoder_until_it_is_changed(self, coder_page):
        encoder = coder_page.get_by_role("group", name="Encoder's counts")
        encoder.get_by_role("spinbutton", name="A").fill("9")
        coder_page.keyboard.press("Tab")
        assert state(coder_page, "decoder_counts") == [9, 2, 1, 1]
        set_state(coder_page, decoder_counts=[1, 1, 1, 1])
        encoder.get_by_role("spinbutton", name="C").fill("0")
        coder_page.keyboard.press("Tab")
        assert state(coder_page, "counts") == [9, 2, 1, 1], "a count of 0 is not taken"
        assert state(coder_page, "decoder_counts") == [1, 1, 1, 1]

    def test_a_message_of_ones_own(self, coder_page):
        coder_page.get_by_role("textbox", name="Message").fill("dad, cab!")
        assert state(coder_page, "message") == "DADCAB"
        set_state(coder_page, position=6)
        check_coder(coder_page)


def explore_quantiser() -> QuantiserExplorer:
    return QuantiserExplorer()


quantiser_page = fixture_for(explore_quantiser)


def quantiser_numbers(figure: QuantiserExplorer) -> dict[str, str]:
    errors, truth = figure.errors(), rounded(figure.x, figure.step, figure.dead_zone)
    return {
        "mean squared error of rounding": fixed(errors["rounding"], 4),
        f"mean squared error of {figure.stand_in}": fixed(errors["stand-in"], 4),
        "step² / 12": fixed(errors["step^2/12"], 4),
        "rounding, against step² / 12": f"{fixed(errors['rounding'] / errors['step^2/12'], 2)} times",
        "mean gradient of the stand-in": fixed(float(figure.gradient().mean()), 2),
        "samples that become 0": f"{np.count_nonzero(truth == 0)} of 128",
    }


class TestQuantiserExplorer:
    def test_numbers_are_pythons(self, quantiser_page):
        for stand_in, signal, step, dead_zone in [
            ("rounding", "sine", 1.3, 0.0), ("straight-through", "ramp", 0.7, 0.25), ("noise", "sine", 3.9, 0.5),
            ("soft rounding", "ramp", 1.1, 0.1),
        ]:  # fmt: skip
            setting = {"stand_in": stand_in, "signal": signal, "step": step, "dead_zone": dead_zone, "sharpness": 9.0}
            set_state(quantiser_page, **setting)
            assert readout(quantiser_page) == quantiser_numbers(QuantiserExplorer(**setting))

    def test_mouse_draws_a_signal(self, quantiser_page):
        place = box(quantiser_page, ".vcx-signal[tabindex]")
        at = lambda n, value: (  # noqa: E731
            place["x"] + (26 + 328 * n / 127) / 360 * place["width"],
            place["y"] + (170 - 162 * (value + 4) / 8) / 190 * place["height"],
        )
        quantiser_page.mouse.move(*at(20, -2))
        quantiser_page.mouse.down()
        quantiser_page.mouse.move(*at(100, 2), steps=3)
        quantiser_page.mouse.up()
        drawn = state(quantiser_page, "drawn")
        assert state(quantiser_page, "signal") == "drawn"
        assert drawn[20:101] == pytest.approx(np.linspace(-2, 2, 81), abs=0.1)
        assert readout(quantiser_page) == quantiser_numbers(QuantiserExplorer(drawn, signal="drawn"))

    def test_keys_draw_and_move_the_sliders(self, quantiser_page):
        quantiser_page.locator(".vcx-signal[tabindex]").focus()
        quantiser_page.keyboard.press("ArrowRight")
        quantiser_page.keyboard.press("ArrowUp")
        assert state(quantiser_page, "signal") == "drawn"
        slide(quantiser_page, "Step", "ArrowRight", 2)
        slide(quantiser_page, "Dead zone", "End")
        assert state(quantiser_page, "step") == pytest.approx(1.2) and state(quantiser_page, "dead_zone") == 0.5

    def test_a_tap_chooses_a_stand_in(self, quantiser_page):
        expect(quantiser_page.get_by_role("slider", name="Sharpness")).to_be_disabled()
        quantiser_page.locator(".vcx-pill", has_text="soft rounding").tap()
        expect(quantiser_page.get_by_role("slider", name="Sharpness")).to_be_enabled()


LOG = [{"seconds": float(s), "phase": "idn", "idn_loss": 1 / (1 + s)} for s in range(10)]
for row in LOG[5:]:
    row["gain"] = row["seconds"] / 7


def explore_training() -> TrainingMonitor:
    monitor = TrainingMonitor.from_log(LOG)
    for s in (2, 6):
        monitor.show(x=CROP, x_hat=np.clip(CROP.astype(int) + 20 - s, 0, 255).astype(np.uint8), bpp=s / 10, seconds=s)
    return monitor


training_page = fixture_for(explore_training)


class TestTrainingMonitor:
    def test_time_is_walked_through_by_keys(self, training_page):
        strips = explore_training().strips
        newest = {"phase": "idn", "idn_loss": "0.1", "gain": "1.286", "rate (bits per pixel)": "0.600"}
        assert readout(training_page) == newest | {"PSNR (dB)": fixed(strips[1]["psnr"], 2)}
        slide(training_page, "Time", "Home")
        assert readout(training_page) == {"phase": "idn", "idn_loss": "1", "gain": "–"}
        expect(training_page.locator(".vcx-strip img")).to_have_count(0)
        slide(training_page, "Time", "ArrowRight", 3)
        assert readout(training_page)["PSNR (dB)"] == fixed(strips[0]["psnr"], 2)
        expect(training_page.locator(".vcx-strip img").nth(1)).to_have_attribute("alt", "x_hat after 2.0 seconds")
        slide(training_page, "Time", "End")
        assert state(training_page, "at") == -1, "the newest, also when more comes"

    def test_new_rows_and_pictures_appear(self, training_page):
        rows = [*state(training_page, "rows"), {"seconds": 20.0, "phase": "round", "rsn_loss": 0.5}]
        set_state(training_page, rows=rows)
        assert readout(training_page)["phase"] == "round" and readout(training_page)["rsn_loss"] == "0.5"
        training_page.get_by_role("combobox", name="Curve").select_option("rsn_loss")
        assert state(training_page, "value") == "rsn_loss"

    def test_a_tap_on_the_time_goes_there(self, training_page):
        place = box(training_page, ".vcx-slider input")
        training_page.touchscreen.tap(place["x"] + 0.3 * place["width"], place["y"] + place["height"] / 2)
        assert 2 < state(training_page, "at") < 3.5


crossover_page = fixture_for(explore_crossover)


class TestCrossoverExplorer:
    def test_every_rate_shows_the_nearest_points_and_pythons_gap(self, crossover_page):
        figure = explore_crossover()
        for bpp in (0.12, 0.2, 0.35, 0.6, 1.0):
            set_state(crossover_page, target_bpp=bpp)
            pair = [figure.nearest(resolution, bpp) for resolution in ("full", "half")]
            for column, point in enumerate(pair, start=1):
                shown = readout(crossover_page, column)
                assert shown["shown: rate"] == f"{fixed(figure.bpp(point), 3)} bpp"
                assert shown["shown: PSNR"] == f"{fixed(point.psnr, 2)} dB"
            gap = figure.gap(bpp)
            if gap is not None:
                assert readout(crossover_page, 1 if gap > 0 else 2)["ahead"] == f"{fixed(abs(gap), 2)} dB"
                winner = "Full" if gap > 0 else "Half"
                expect(crossover_page.get_by_role("status")).to_contain_text(f"{winner} resolution wins")
                expect(crossover_page.get_by_role("status")).to_contain_text(f"{fixed(100 * figure.share, 1)} %")

    def test_the_button_goes_to_the_crossover(self, crossover_page):
        slide(crossover_page, "Bitrate", "Home")
        crossover_page.get_by_role("button", name="go to the crossover").tap()
        assert state(crossover_page, "target_bpp") == explore_crossover().crossings[0]
        expect(crossover_page.get_by_role("status")).to_contain_text("this is the crossover")

    def test_errors_are_blended_from_the_right_pictures(self, crossover_page):
        crossover_page.locator(".vcx-pill", has_text="errors").click()
        expect(crossover_page.locator(".vcx-error")).to_have_count(2)
        mode = crossover_page.locator(".vcx-crop img").nth(1).evaluate("(e) => getComputedStyle(e).mixBlendMode")
        assert mode == "difference"

    def test_keys_walk_over_points_and_crossover(self, crossover_page):
        figure = explore_crossover()
        points = [point for own in figure.points.values() for point in own]
        rates = sorted({*map(figure.bpp, points), *figure.crossings})
        slide(crossover_page, "Bitrate", "Home")
        assert state(crossover_page, "target_bpp") == rates[0]
        slide(crossover_page, "Bitrate", "ArrowRight", 2)
        assert state(crossover_page, "target_bpp") == rates[2]

"""The training monitor keeps what a reader wants to see again, and little else."""

import math

import numpy as np
import pytest
import torch
from figure_page import box, fixed, fixture_for, needs_chromium, readout, set_state, slide, state, stored
from playwright.sync_api import expect

from vcodec.errors import CodecError
from vcodec.images import embedded
from vcodec.metrics import psnr
from vcodec.training.run_folder import RunFolder
from vcodec.widgets import TrainingMonitor
from vcodec.widgets.training_monitor import MAX_ROWS, MAX_STRIPS

X = embedded("camera")[60:316, 150:406]


def long_training(rows: int = 5000) -> TrainingMonitor:
    """A loss that falls, a gain now and then, strips in between."""
    monitor = TrainingMonitor(clock=lambda: 0.0)
    noise = np.random.default_rng(0).normal(0, 40, X.shape)
    for i in range(rows):
        monitor.log(
            {"seconds": i / 10, "phase": "idn", "idn_loss": 1 / (1 + i)} | ({"gain": i} if i % 100 == 99 else {})
        )
        if i % 100 == 0:
            x_hat = np.clip(X + noise / (1 + i / 500), 0, 255).astype(np.uint8)
            monitor.show(x=X, y=X[::2, ::2], z=X[::2, ::2], x_hat=x_hat, bpp=0.25)
    monitor.flush()
    return monitor


def test_a_long_training_stays_small_and_keeps_both_ends():
    monitor = long_training()
    assert len(monitor.rows) <= MAX_ROWS and len(monitor.strips) <= MAX_STRIPS
    assert len(str(stored(monitor))) < 500_000
    assert monitor.rows[0]["seconds"] == 0 and monitor.rows[-1]["seconds"] > 495
    assert monitor.strips[0]["seconds"] == 0 and monitor.strips[-1]["seconds"] > 485
    assert len([row for row in monitor.rows if "gain" in row]) > 30, "rare numbers are not thinned out"


def test_the_rd_point_is_that_of_the_whole_picture():
    monitor = TrainingMonitor()
    x_hat = np.clip(X.astype(int) + 3, 0, 255).astype(np.uint8)
    monitor.show(x=X, x_hat=x_hat, bpp=0.3, seconds=7)
    assert monitor.strips[0] | {"files": 0} == {"seconds": 7, "bpp": 0.3, "psnr": psnr(x_hat, X), "files": 0}


def test_tensors_are_pictures_too_and_equal_pictures_are_stored_once():
    monitor = TrainingMonitor()
    for _ in range(3):
        monitor.show(x=torch.rand(1, 1, 32, 32, generator=torch.Generator().manual_seed(0)), z=torch.zeros(3, 16, 16))
    assert len(monitor.pictures) == 2 and len(monitor.strips) == 3


def test_what_is_no_finite_number_is_left_out():
    monitor = TrainingMonitor()
    monitor.log({"seconds": 1, "phase": "round", "cost_gain": -math.inf, "vcn_loss": math.nan, "idn_loss": 0.123456789})
    assert monitor.rows == [{"seconds": 1.0, "phase": "round", "idn_loss": 0.12346}]


def test_a_stored_log_is_replayed(tmp_path):
    folder = RunFolder(tmp_path)
    rows = [{"seconds": 1.5, "phase": "idn", "idn_loss": 0.5}, {"seconds": 3.0, "phase": "round", "rsn_loss": 0.25}]
    for row in rows:
        folder.log(row)
    assert TrainingMonitor.from_log(tmp_path / "log.csv").rows == TrainingMonitor.from_log(rows).rows == rows


def test_a_file_that_is_no_log_is_refused(tmp_path):
    (tmp_path / "a.csv").write_text("a,b\n1,2\n")
    for bad in (tmp_path / "a.csv", tmp_path / "missing.csv"):
        with pytest.raises(CodecError):
            TrainingMonitor.from_log(bad)


def test_bad_rows_and_pictures_are_refused():
    for bad in (lambda m: m.log({"idn_loss": 1}), lambda m: m.show(), lambda m: m.show(x=torch.zeros(2, 8, 8))):
        with pytest.raises(CodecError):
            bad(TrainingMonitor())


def test_the_page_is_not_flooded():
    now = [0.0]
    monitor = TrainingMonitor(clock=lambda: now[0])
    monitor.log({"seconds": 0, "a": 1})
    for i in range(100):
        now[0] += 0.001
        monitor.log({"seconds": i, "a": 1})
    assert len(monitor.rows) == 1
    now[0] += 1
    monitor.log({"seconds": 101, "a": 1})
    assert len(monitor.rows) == 102


def test_repr_has_the_newest_numbers():
    monitor = TrainingMonitor.from_log([{"seconds": 2, "phase": "idn", "idn_loss": 0.25}])
    assert repr(monitor) == "TrainingMonitor(2.0 s, 1 rows, 0 strips, idn_loss 0.25)"


def test_the_still_shows_the_pictures_and_the_chosen_chart():
    rows = [{"seconds": s, "promised": 30 - s, "real": 25 + s, "idn_loss": 1 / (1 + s)} for s in range(3)]
    monitor = TrainingMonitor.from_log(rows, charts={"PSNR (dB)": ["promised", "real"]})
    alone = monitor.poster()
    assert colours(alone) == {BLUE, ORANGE}
    monitor.show(x=X, x_hat=X // 2)
    assert monitor.poster().shape[0] > 1.5 * alone.shape[0]
    monitor.value = "idn_loss"
    assert colours(monitor.poster()) == {BLUE}
    assert TrainingMonitor().poster().shape[1] == alone.shape[1], "also before the first row"


BLUE, ORANGE = (0x00, 0x72, 0xB2), (0xD5, 0x5E, 0x00)


def colours(still: np.ndarray) -> set[tuple[int, ...]]:
    """Of the lines' colours, those of which the still has pixels."""
    return {colour for colour in (BLUE, ORANGE) if (still == colour).all(axis=2).sum() > 20}


# The page, by mouse, keys and touch: what it shows is what Python computes.


CROP = embedded("camera")[60:188, 180:308]
LOG = [{"seconds": float(s), "phase": "idn", "idn_loss": 1 / (1 + s)} for s in range(10)]


for row in LOG[5:]:
    row["gain"] = row["seconds"] / 7


def explore_training() -> TrainingMonitor:
    monitor = TrainingMonitor.from_log(LOG)
    for s in (2, 6):
        monitor.show(x=CROP, x_hat=np.clip(CROP.astype(int) + 20 - s, 0, 255).astype(np.uint8), bpp=s / 10, seconds=s)
    return monitor


training_page = fixture_for(explore_training)


@needs_chromium
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

    def test_numbers_that_belong_together_are_in_one_chart(self, training_page):
        assert training_page.locator(".vcx-losses polyline.vcx-past").count() == 1
        set_state(training_page, charts={"both": ["idn_loss", "gain"]})
        names = training_page.get_by_role("combobox", name="Curve").locator("option").all_inner_texts()
        assert names == ["both"] and training_page.locator(".vcx-losses polyline.vcx-past").count() == 2
        assert training_page.locator(".vcx-legend").inner_text().split() == ["idn_loss", "gain"]

    def test_an_undone_round_is_a_hollow_dot(self, training_page):
        rows = [row | {"kept": float(row["seconds"] != 4)} for row in state(training_page, "rows")]
        assert training_page.locator(".vcx-undone").count() == 0
        set_state(training_page, rows=rows)
        assert training_page.locator(".vcx-undone").count() == 1

    def test_without_rates_there_is_no_rd_chart(self, training_page):
        strips = state(training_page, "strips")
        assert training_page.locator(".vcx-points").is_visible()
        set_state(training_page, strips=[{k: v for k, v in strip.items() if k != "bpp"} for strip in strips])
        assert not training_page.locator(".vcx-points").is_visible()

    @pytest.mark.telephone
    def test_a_tap_on_the_time_goes_there(self, training_page):
        place = box(training_page, ".vcx-slider input")
        training_page.touchscreen.tap(place["x"] + 0.3 * place["width"], place["y"] + place["height"] / 2)
        assert 2 < state(training_page, "at") < 3.5

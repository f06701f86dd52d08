"""The training panel: its buttons train, stop and go on; without a kernel it plays what was recorded."""

import numpy as np
import pytest
from figure_page import fixture_for, needs_chromium, readout, state

from vcodec.images import embedded, luma
from vcodec.training import Budget
from vcodec.training.run_folder import RunFolder
from vcodec.widgets import TrainingPanel
from vcodec.widgets.training_panel import GAIN

PHOTO = luma(embedded("camera"))
TINY = Budget("cpu", False, 1, "tiny", 2, 32)


def panel(**options) -> TrainingPanel:
    return TrainingPanel(
        [PHOTO[:128, :128]], [PHOTO[36:132, 148:244]], **{"plan": TINY, "rates": (0.4, 0.6), **options}
    )


def test_buttons_start_stop_and_go_on(tmp_path):
    ours = panel(folder=tmp_path)
    ours.asked = 77
    assert ours.answered == 77, "the page learns that a kernel is there"
    ours.observe(lambda change: setattr(ours, "wish", "stop"), "rows")  # as soon as something is seen
    ours.wish = "start"
    ours.wait()
    assert ours.activity == "stopped" and "Go on continues" in ours.message and ours.wish == ""
    assert GAIN in ours.rows[0] and [name for name, _ in ours.strips[0]["files"]] == ["x", "y", "z", "x_hat"]
    assert (tmp_path / "tiny-half-0.4/scic-jpeg-x2.safetensors").exists()
    first = ours.rows[-1]["seconds"]
    ours.unobserve_all("rows")
    ours.resolution = "full"
    assert ours.activity == "ready" and not ours.rows, "another combination is another training"
    ours.resolution = "half"
    assert ours.activity == "stopped" and ours.rows[-1]["seconds"] == first
    ours.minutes = 0.01
    ours.wish = "go on"
    ours.wait()
    assert ours.activity == "finished" and "choose more minutes" in ours.message


def test_a_training_that_cannot_start_says_why(tmp_path):
    ours = panel(folder=tmp_path)
    RunFolder(tmp_path / "tiny-half-0.4").save_checkpoint({"settings": {}})
    ours.go_on()
    ours.wait()
    assert ours.activity == "ready" and "was trained with another" in ours.message


def run_of(seconds: int, gain: float) -> dict:
    log = panel()
    for s in range(seconds):
        log.log({"seconds": s, "phase": "joint", GAIN: gain * s})
    log.show(x=PHOTO[:64, :64], x_hat=np.full((64, 64), int(100 * gain), np.uint8), seconds=seconds - 1, bpp=0.2)
    return log.recording(f"Recorded: {seconds} seconds.")


def recorded_panel() -> TrainingPanel:
    return panel(recorded={"tiny-half-0.4": run_of(10, 0.1), "tiny-full-0.4": run_of(20, 0.2)})


def test_recorded_runs_are_shown_until_one_trains():
    ours = recorded_panel()
    assert ours.rows[-1][GAIN] == pytest.approx(0.9) and ours.message == "Recorded: 10 seconds."
    ours.resolution = "full"
    assert ours.rows[-1][GAIN] == pytest.approx(3.8) and len(ours.recorded_pictures) == 3, "x is stored once"


page = fixture_for(recorded_panel)
STOP_AT_FIVE = """() => new Promise((done) => {
  const [start, stop] = document.querySelectorAll("[data-wish]");
  const look = () => model.get("rows").length === 5 && (model.off("change:rows", look), stop.click(), done());
  model.on("change:rows", look);
  start.click();
})"""


@needs_chromium
def test_without_a_kernel_the_page_plays_recorded_runs(page):
    assert page.locator(".vcx-message").inner_text() == "Recorded: 10 seconds."
    page.get_by_label("Resolution").select_option("full")
    assert readout(page)[GAIN] == "3.8" and page.get_by_label("Minutes").is_disabled()
    page.evaluate(STOP_AT_FIVE)
    assert len(state(page, "rows")) == 5 and state(page, "activity") == "stopped"
    page.get_by_role("button", name="Go on").click()
    page.wait_for_function("model.get('rows').length > 5", timeout=60_000)
    assert page.get_by_label("Network").locator("option[disabled]").inner_text() == "default", "not recorded"

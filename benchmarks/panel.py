"""The recorded runs of the training panel: python benchmarks/panel.py [MINUTES]

Trains each combination that the panel of the gallery offers without a kernel: tiny networks, both resolutions, two
target rates, a minute each if not said otherwise. The minutes count the processor's time, so that other work on the
machine changes little. Writes training_panel.json: rows of the log, and small pictures at three times."""

import json
import sys
import time
from pathlib import Path

from vcodec.images import EMBEDDED, embedded, luma
from vcodec.training import Budget
from vcodec.widgets import TrainingPanel
from vcodec.widgets.training_panel import RATES

FILE = Path(__file__).parent / "results/training_panel.json"
PLAN = Budget("cpu", False, 1, "tiny", 4, 48)


def record(resolution: str, rate: float, minutes: float) -> dict:
    photos = {name: luma(embedded(name)) for name in EMBEDDED}
    crop = photos.pop("camera")[36:228, 148:340]
    panel = TrainingPanel(
        list(photos.values()), [crop], plan=PLAN, clock=time.process_time, picture_quality=60,
        resolution=resolution, target_bpp=rate, minutes=minutes,
    )  # fmt: skip
    panel.start()
    panel.wait()
    print(f"{panel.key}: {panel.message}", flush=True)
    end = panel.message.split(". The networks")[0]
    return panel.recording(f"A recorded training. {end}.")


def main() -> None:
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    runs = {f"tiny-{kind}-{rate:g}": record(kind, rate, minutes) for kind in ("half", "full") for rate in RATES}
    FILE.write_text(json.dumps(runs, indent=0, separators=(",", ":")) + "\n")
    print(f"{FILE}: {FILE.stat().st_size / 1024:.0f} kB")


if __name__ == "__main__":
    main()

"""What may a chapter's training cell spend here? The machine decides once, and the loops follow."""

import pytest

from vcodec.errors import CodecError
from vcodec.networks import NETWORKS
from vcodec.training import budget


@pytest.fixture(params=[False, True], ids=["cpu", "gpu"])
def machine(request, monkeypatch) -> str:
    monkeypatch.setattr("torch.cuda.is_available", lambda: request.param)
    return "cuda" if request.param else "cpu"


def test_a_cpu_counts_its_steps_and_a_gpu_goes_by_the_clock(machine):
    plan = budget(minutes=3, on_cpu=0.5, batch=4, patch=48)
    steps, fixed = plan.steps(150, share=0.5), plan.steps(80, on_gpu=800)
    found = (plan.device, plan.batch, plan.patch, steps.count, steps.minutes, plan.clock(0.5), fixed.count)
    wanted = {"cpu": ("cpu", 4, 48, 150, None, None, 80), "cuda": ("cuda", 64, 128, 150, 1.5, 1.5, 800)}
    assert found == wanted[machine] and fixed.minutes is None


def test_its_line_names_device_minutes_and_networks_that_exist(machine):
    plan = budget(minutes=3)
    line = {
        "cpu": "cpu, about a minute: tiny networks, 8 patches of 64x64",
        "cuda": "cuda, 3 min: default networks, 64 patches of 128x128",
    }
    assert str(plan) == line[machine] and plan.network in NETWORKS


@pytest.mark.parametrize("minutes", [0, -1, float("nan")])
def test_a_training_needs_time(minutes):
    with pytest.raises(CodecError, match="needs minutes above 0"):
        budget(minutes)

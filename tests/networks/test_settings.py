"""Another program sets PyTorch up for its own work. Does it change our files, or the pictures in them?"""

import contextlib
from pathlib import Path

import numpy as np
import pytest
import torch

from vcodec import dnnc, scic
from vcodec.frameworks import load

GOLDEN = Path(__file__).parent.parent / "golden"


@contextlib.contextmanager
def switched(now, set_to, value):
    before = now()
    set_to(value)
    try:
        yield
    finally:
        set_to(before)


SETTINGS = {
    "autocast on": lambda: torch.autocast("cpu", torch.bfloat16),
    "low precision of products": lambda: switched(
        torch.get_float32_matmul_precision, torch.set_float32_matmul_precision, "medium"
    ),
    "64-bit floats": lambda: switched(torch.get_default_dtype, torch.set_default_dtype, torch.float64),
    "16-bit floats": lambda: switched(torch.get_default_dtype, torch.set_default_dtype, torch.bfloat16),
    "another device": lambda: torch.device("meta"),
    "deterministic algorithms": lambda: switched(
        torch.are_deterministic_algorithms_enabled, torch.use_deterministic_algorithms, True
    ),
    "grad mode off": torch.no_grad,
    "inference mode": torch.inference_mode,
}


def files_and_pictures(weights: Path, photo: np.ndarray) -> list[bytes]:
    found = []
    for codec in (load("scic-jpeg", weights), load("scic-webp", weights), dnnc.load(GOLDEN)):
        for scale in (1, 2) if isinstance(codec, scic.Scic) else (1,):
            data = codec.encode(photo[:48, :64], quality=30, scale=scale)
            found += [data, codec.decode(data).tobytes()]
    return found


@pytest.fixture(scope="module")
def usual(weights, photo) -> list[bytes]:
    return files_and_pictures(weights, photo)


@pytest.mark.parametrize("name", SETTINGS)
def test_global_settings_of_torch_neither_change_nor_break_a_file(name, usual, weights, photo):
    with SETTINGS[name]():
        kind, precision = torch.get_default_dtype(), torch.get_float32_matmul_precision()
        assert files_and_pictures(weights, photo) == usual
        assert (kind, precision) == (torch.get_default_dtype(), torch.get_float32_matmul_precision())

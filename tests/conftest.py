"""What several files share: a photograph, broken and odd pictures, and networks that cost no training."""

import io
import json
import shutil
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from figure_page import CHROMIUM, SWITCHES
from PIL import Image
from torch import nn

from vcodec import networks, rounds
from vcodec.images import embedded
from vcodec.networks import build_networks, save_weights
from vcodec.scic import FRAMEWORKS, Scic, load

torch.set_num_threads(1)  # tensors are small here: more threads mostly wait for each other, and round differently


# Seconds of CPU that the files with the most of them take; every other file takes less than 15.
SECONDS = {"test_site": 120, "test_cli": 45, "test_lab": 30, "test_widgets": 30, "test_scic": 25, "test_shipped": 25}
SECONDS |= {"test_processes": 20, "test_rounds": 20}
TIMES = Path(__file__).parent.parent / "benchmarks/results/chapters.json"


def pytest_collection_modifyitems(items):
    """Long files first: tests run side by side, a file in one piece, and nobody should wait for the last one."""
    chapters = {name: line["seconds"] for name, line in json.loads(TIMES.read_text()).items()}
    longest = {"ipynb": 60.0, "py": 10.0}
    items.sort(key=lambda item: -(chapters | SECONDS).get(item.path.stem, longest[item.path.suffix[1:]]))


@pytest.fixture(autouse=True)
def same_random_numbers_every_time():
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def accelerate_forgets():
    """It keeps one state for the whole process, and a second one with another precision would be refused."""
    yield
    if state := sys.modules.get("accelerate.state"):
        state.AcceleratorState._reset_state(reset_partial_state=True)


@pytest.fixture
def single_precision(monkeypatch):
    """The same arithmetic everywhere, whether this machine has units for bfloat16 or not."""
    for module in (networks, rounds):
        monkeypatch.setattr(module, "fastest_dtype", lambda device: torch.float32)


@pytest.fixture(scope="session")
def photo() -> np.ndarray:
    """Eyes and whiskers of a cat, (128, 160, 3): edges, texture, colour."""
    return embedded("chelsea")[60:188, 140:300].copy()


@pytest.fixture(scope="session")
def weights(tmp_path_factory) -> Path:
    """A folder like that of a run, for every framework, both scales at step 0: default networks for JPEG, else tiny."""
    folder = tmp_path_factory.mktemp("weights")
    for framework in FRAMEWORKS:
        network = "default" if framework == "scic-jpeg" else "tiny"
        for scale in (1, 2):
            card = {"network": network, "scale": scale}
            save_weights(folder / f"{framework}-x{scale}.safetensors", *build_networks(network, scale), card)
    return folder


@pytest.fixture
def half_only(weights, tmp_path) -> Path:
    """A folder like that of a run at half resolution: no weights for full resolution."""
    folder = tmp_path / "half"
    folder.mkdir()
    for source in weights.glob("*x2*"):
        shutil.copy(source, folder)
    return folder


@pytest.fixture(scope="session")
def untrained(weights) -> Scic:
    return load("scic-jpeg", weights)


@pytest.fixture(scope="module")
def browser():
    """Chromium without a window, and without any host but this machine in reach."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        yield chromium
        chromium.close()


def opened(data: bytes) -> Image.Image:
    """What any other program sees."""
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def shaken(network: nn.Module, seed: int = 0, amount: float = 1.0) -> nn.Module:
    """`network` with random weights everywhere, also in the layers that start at zero, so that it does something."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            fan_in = max(1, parameter[0].numel())
            parameter.copy_(amount * torch.randn(parameter.shape, generator=generator) / fan_in**0.5)
    return network.eval().requires_grad_(False)


def make_png(width: int, height: int, depth: int, colour_type: int, rows: bytes) -> bytes:
    """A PNG file by hand (RFC 2083), for pictures that no library writes. `rows`: a filter byte before each row."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    parts = chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows, 1)), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)

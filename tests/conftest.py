"""What several files share: a photograph, broken and odd pictures, and networks that cost no training."""

import io
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from built_site import site_address  # noqa: F401  (a fixture)
from codec_page import codec_address, codec_site, open_page  # noqa: F401  (fixtures)
from PIL import Image
from torch import nn

from tools.chromium import CHROMIUM, SWITCHES
from vcodec.images import embedded, save_image
from vcodec.networks import NetworkPair, build_networks, save_weights, tiles
from vcodec.scic import FRAMEWORKS, Scic, load
from vcodec.standard import TUNED_JPEG
from vcodec.training import rounds

torch.set_num_threads(1)  # tensors are small here: more threads mostly wait for each other, and round differently


# Seconds of CPU that the files with the most of them take; every other file takes less than 15.
SECONDS = {"test_pages": 220, "test_cli_stopped": 45, "test_mixed": 30, "test_lab": 30, "test_scic": 25}
SECONDS |= {"test_shipped": 25, "test_processes": 20, "test_your_codec": 25, "test_browser_codec": 25, "test_cli": 20}
SECONDS |= {"test_widgets_page": 20, "test_deep": 20, "test_dnnc": 15}
TIMES = Path(__file__).parent.parent / "benchmarks/results/chapters.json"


def pytest_collection_modifyitems(items):
    """Long files first: tests run side by side, a file in one piece, and nobody should wait for the last one.
    Whatever opens a page is marked `browser`, so that `make quick` can leave it out."""
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker("browser")
    chapters = json.loads(TIMES.read_text())
    longest = {"ipynb": 60.0, "py": 10.0}
    items.sort(key=lambda item: -(chapters | SECONDS).get(item.path.stem, longest[item.path.suffix[1:]]))


SCALES = pytest.mark.parametrize("scale", [1, 2])


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
    for module in (tiles, rounds):
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


@pytest.fixture
def page(browser):
    """A fresh tab. Whatever it complains of is in page.complaints; every request's address in page.asked."""
    tab = browser.new_page()
    tab.set_default_timeout(120_000)  # a busy machine is no fault of the page
    tab.complaints, tab.asked = [], []
    tab.on("request", lambda request: tab.asked.append(request.url))
    tab.on(  # what a page no longer wanted when it was left is aborted; that is no fault
        "requestfailed",
        lambda failed: "ABORTED" in (failed.failure or "") or tab.complaints.append(f"{failed.url} {failed.failure}"),
    )
    tab.on("response", lambda reply: reply.ok or tab.complaints.append(f"{reply.status}: {reply.url}"))
    tab.on("pageerror", lambda error: tab.complaints.append(f"error: {error}"))
    tab.on(
        "console",
        lambda message: message.type == "error" and tab.complaints.append(f"console: {message.text}"),
    )
    yield tab
    tab.close()


@pytest.fixture
def own_folder_and_signals(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def cat(tmp_path, photo) -> str:
    save_image(tmp_path / "cat.png", photo)
    return "cat.png"


@pytest.fixture
def run():
    """Starts a real process of the command line, or of `code` with the same arguments; ends it if the test does not."""
    jobs = []

    def start(*arguments, code="import sys; from vcodec.cli import main; sys.exit(main())") -> subprocess.Popen:
        arguments = [sys.executable, "-c", code, *map(str, arguments)]
        quiet = os.environ | {"TQDM_DISABLE": "1", "OMP_NUM_THREADS": "1"}
        jobs.append(subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=quiet))
        return jobs[-1]

    yield start
    for job in jobs:
        job.kill()
        job.communicate()


@pytest.fixture(scope="module")
def lively() -> Scic:
    """Networks that do something to every pixel: small random corrections."""
    pairs = {}
    for scale in (1, 2):
        rsn, idn = (shaken(network, amount=0.8) for network in build_networks("default", scale))
        pairs[scale] = NetworkPair(scale, rsn, idn, b"live")
    return Scic(TUNED_JPEG, pairs)


def jpeg(image: np.ndarray, **options) -> bytes:
    """What any other program would write."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", **options)
    return buffer.getvalue()


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

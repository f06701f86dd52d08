"""The codec itself in the reader's browser: a picture of their own becomes an ordinary JPEG, and is restored.

All work is done by the page, in Web Workers (static/browser_codec*.js): luma, RSN, a real JPEG file, IDN. Python
supplies a first photograph, the quantisation tables, and the networks' weights when the page asks for them: on the
built site as a script file of its own (tools/vendor.py), under a kernel by message.

The page writes with the codec "jpeg-table": the quantisation tables and networks of scic-jpeg, without trellis and
feedback, which cost seconds. `vcodec.load("scic-jpeg")` decodes these files like its own. At full resolution the
page's bytes are those of `BrowserCodec.codec`; at half resolution a pixel of the network's picture that falls
between two levels may be rounded to the other one, and the files then differ in a few bytes.

The networks run on 200 lines of our own that assemble one convolution kernel as WebAssembly. A general runtime
(onnxruntime-web) is no faster here, takes 14 MB more, and does not start on a page that was opened from the disk.
Browsers without four-lane WebAssembly use the same kernel in plain JavaScript, some twenty times slower.

Book: chapter 8."""

import json
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import traitlets
from PIL import Image

from vcodec.errors import CodecError
from vcodec.images import embedded, luma, to_array
from vcodec.metrics import bits_per_pixel, psnr
from vcodec.networks.weights import SHIPPED, read_card
from vcodec.scic.codec import Scic, load
from vcodec.standard.jpeg import Jpeg
from vcodec.standard.protocol import CODECS
from vcodec.widgets.figure import STATIC, Figure, file_of, side_by_side, style

FRAMEWORK = "scic-jpeg"
RESOLUTIONS = {"full": 1, "half": 2}
MAX_BYTES = 250_000  # of the supplied photograph: as base64 in a notebook, with the code, below 0.5 MB


def source(name: str) -> str:
    return (STATIC / f"browser_codec{name}.js").read_text(encoding="utf-8")


def bundle() -> str:
    """The page's code as one module, with the worker's inside it as a text."""
    worker = "".join(map(source, ("_steps", "_jpeg", "_kernel", "_network", "_worker")))
    return f"const WORKER_SOURCE = {json.dumps(worker)};\n" + "".join(map(source, ("_steps", "_picture", "_pool", "")))


def weight_file(resolution: str) -> Path:
    return SHIPPED / f"{FRAMEWORK}-x{RESOLUTIONS[resolution]}.safetensors"


class BrowserCodec(Figure):
    """A figure that codes and restores the reader's own pictures, on the reader's machine alone.

    photo: a picture to begin with, uint8 (H, W) or (H, W, 3) or a Pillow image; its luma is used. The default is the
    embedded astronaut. name: what it is called.
    State that a kernel can read and set: quality (1 to 100), resolution ("full" or "half"), wipe (0 to 1: the share
    of the width that shows the left picture). Raises CodecError for a photograph of more than 250 kB as lossless
    WebP, for an unknown resolution, and where the weights are missing."""

    _esm = bundle()
    _css = style("wipe", "browser_codec")

    photo = traitlets.Bytes().tag(sync=True)
    photo_name = traitlets.Unicode().tag(sync=True)
    tables = traitlets.Dict().tag(sync=True)
    weights = traitlets.Dict().tag(sync=True)
    quality = traitlets.Int(10, min=1, max=100).tag(sync=True)
    resolution = traitlets.Unicode("half").tag(sync=True)
    wipe = traitlets.Float(0.5, min=0.0, max=1.0).tag(sync=True)

    def __init__(self, photo: np.ndarray | Image.Image | None = None, name: str = "astronaut", **state: Any):
        self.original = luma(embedded("astronaut") if photo is None else to_array(photo))
        data = file_of(self.original, "WEBP", lossless=True)
        if len(data) > MAX_BYTES:
            raise CodecError(f"the photograph takes {len(data):,} bytes; crop it until it takes {MAX_BYTES:,}")
        tables = {"ours": list(_table("jpeg-table")), "plain": list(_table("jpeg"))}
        files = {resolution: weight_file(resolution) for resolution in RESOLUTIONS}
        found = {r: {"name": f.stem, "bytes": f.stat().st_size} for r, f in files.items() if f.exists()}
        if not found:
            raise CodecError(f"there are no weights of {FRAMEWORK} in {SHIPPED}; `vcodec train` makes them")
        super().__init__(
            photo=data, photo_name=name, tables=tables, weights=found, **{"resolution": [*found][-1], **state}
        )
        self.on_msg(self._send_weights)

    def _send_weights(self, widget: Any, content: Any, buffers: Any) -> None:
        """Answer the page, which asks for the weights of one resolution by their name."""
        for resolution, entry in self.weights.items():
            if isinstance(content, dict) and content.get("want") == entry["name"]:
                path = weight_file(resolution)
                self.send({"name": path.stem, "networkId": read_card(path)["sha256"][:8]}, [path.read_bytes()])

    @traitlets.validate("resolution")
    def _known(self, proposal: Any) -> str:
        if proposal.value not in self.weights:
            raise CodecError(f"resolution is one of {', '.join(self.weights)}, not {proposal.value!r}")
        return proposal.value

    @cached_property
    def codec(self) -> Scic:
        """What the page does, in Python."""
        return Scic(CODECS["jpeg-table"], load(FRAMEWORK).networks)

    def encode(self) -> bytes:
        """The file of the supplied photograph that the page writes with the present settings."""
        return self.codec.encode(self.original, self.quality, RESOLUTIONS[self.resolution])

    def __repr__(self) -> str:
        height, width = self.original.shape
        settings = f"quality {self.quality}, {self.resolution} resolution"
        return f"BrowserCodec({self.photo_name}, {width}x{height} gray, {settings})"

    def poster(self) -> np.ndarray:
        """A still for viewers without widgets: a third each of the original, the file and what is restored of it."""
        data, (height, width) = self.encode(), self.original.shape
        restored = self.codec.decode(data)
        viewed = Image.fromarray(self.codec.codec.decode(data)).resize((width, height), Image.Resampling.BICUBIC)
        numbers = f"{bits_per_pixel(data, self.original):.2f} bpp, {psnr(self.original, restored):.1f} dB"
        pictures = enumerate((self.original, np.asarray(viewed), restored))
        thirds = [picture[:, i * width // 3 : (i + 1) * width // 3] for i, picture in pictures]
        return side_by_side(thirds, f"original | the JPEG in any viewer\nrestored: {numbers}", gap=1)


def _table(name: str) -> tuple[float, ...]:
    """The base table that libjpeg's rule scales, 64 steps in row order."""
    codec = CODECS[name]
    assert isinstance(codec, Jpeg)
    return codec.luma_table

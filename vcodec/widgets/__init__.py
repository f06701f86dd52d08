"""Figures that a reader moves: one module and one small JavaScript file each, alive with and without a kernel."""

from vcodec.widgets.browser_codec import BrowserCodec
from vcodec.widgets.codec_explorer import CodecExplorer, RdPicture

__all__ = ["BrowserCodec", "CodecExplorer", "RdPicture"]

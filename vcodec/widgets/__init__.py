"""Figures that a reader moves: one module and one small JavaScript file each, alive with and without a kernel."""

from vcodec.widgets.arithmetic_coder import ArithmeticCoderExplorer
from vcodec.widgets.browser_codec import BrowserCodec
from vcodec.widgets.codec_explorer import CodecExplorer, RdPicture
from vcodec.widgets.crossover import CrossoverExplorer
from vcodec.widgets.dct_explorer import DctExplorer
from vcodec.widgets.quantiser import QuantiserExplorer
from vcodec.widgets.training_monitor import TrainingMonitor
from vcodec.widgets.training_panel import TrainingPanel

__all__ = [
    "ArithmeticCoderExplorer",
    "BrowserCodec",
    "CodecExplorer",
    "CrossoverExplorer",
    "DctExplorer",
    "QuantiserExplorer",
    "RdPicture",
    "TrainingMonitor",
    "TrainingPanel",
]

"""SCIC, standard-compliant: learned networks around a standard codec, and the choice of resolution and rate."""

from vcodec.scic.codec import Scic, load, plain
from vcodec.scic.info import describe, framework_of
from vcodec.standard.protocol import FRAMEWORKS

__all__ = ["FRAMEWORKS", "Scic", "describe", "framework_of", "load", "plain"]

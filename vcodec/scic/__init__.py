"""SCIC, standard-compliant: learned networks around a standard codec, and the choice of resolution and rate."""

from vcodec.scic.codec import FRAMEWORKS, Scic, describe, framework_of, load, plain

__all__ = ["FRAMEWORKS", "Scic", "describe", "framework_of", "load", "plain"]

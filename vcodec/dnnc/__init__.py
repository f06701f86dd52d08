"""DNNC, the deep codec: its transform, quantiser, entropy coder and file."""

from vcodec.dnnc.codec import FILE_NAME, DeepNetworks, Dnnc, describe, is_dnnc, load, save

__all__ = ["FILE_NAME", "DeepNetworks", "Dnnc", "describe", "is_dnnc", "load", "save"]

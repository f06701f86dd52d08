"""Baseline of the challenge: the book's deep codec with the weights that ship."""

import numpy as np

import vcodec


def encode(image: np.ndarray, max_bytes: int) -> bytes:
    return vcodec.load("dnnc").encode(image, max_bytes=max_bytes)


def decode(data: bytes) -> np.ndarray:
    return vcodec.load("dnnc").decode(data)

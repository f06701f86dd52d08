"""Baseline of the challenge: the book's standard-compliant codec with the weights that ship."""

import numpy as np

import vcodec


def encode(image: np.ndarray, max_bytes: int) -> bytes:
    return vcodec.load("scic-jpeg").encode(image, max_bytes=max_bytes)


def decode(data: bytes) -> np.ndarray:
    return vcodec.load("scic-jpeg").decode(data)

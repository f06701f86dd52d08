"""A codec from outside the package, for tests: quantised pixels behind zlib, in a format that Pillow does not know."""

import struct
import zlib

import numpy as np

from vcodec.errors import CodecError
from vcodec.quality import check_quality
from vcodec.standard import StandardCodec

HEAD = struct.Struct(">4sBBHHB")  # magic, quality, bytes of the comment, height, width, channels


class Toy(StandardCodec):
    """Pixels in whole steps, then zlib."""

    name, format, suffixes = "toy", "TOYZ", (".toyz",)

    def step(self, quality: int) -> float:
        return 1 + 60 / quality

    def encode(self, image: np.ndarray, quality: int, comment: bytes = b"") -> bytes:
        check_quality(quality)
        channels = 0 if image.ndim == 2 else 3
        head = HEAD.pack(b"TOYZ", quality, len(comment), *image.shape[:2], channels)
        return head + comment + zlib.compress(np.rint(image / self.step(quality)).astype(np.uint8).tobytes(), 9)

    def decode(self, data: bytes) -> np.ndarray:
        _, quality, skipped, height, width, channels = HEAD.unpack_from(data)
        try:
            symbols = np.frombuffer(zlib.decompress(data[HEAD.size + skipped :]), np.uint8)
        except zlib.error:
            raise CodecError("this TOYZ file is damaged") from None
        pixels = np.rint(symbols * self.step(quality)).clip(0, 255).astype(np.uint8)
        return pixels.reshape((height, width, 3) if channels else (height, width))

    def comment(self, data: bytes) -> bytes:
        return data[HEAD.size : HEAD.size + data[5]]

    def step_of(self, data: bytes) -> float:
        return self.step(data[4])


def is_toy(data: bytes) -> bool:
    return data.startswith(b"TOYZ")

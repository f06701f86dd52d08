"""PNG, written in strips: Pillow's writer needs a copy of the picture with four bytes a pixel, and the whole file.

Each row is stored as the difference from a prediction, the one of five with the smallest sum of magnitudes: W3C's
specification of PNG, section 12.7."""

import struct
import zlib
from collections.abc import Iterator

import numpy as np

ROWS = 64  # filtered at once


def png(image: np.ndarray, exif: bytes = b"") -> Iterator[bytes]:
    """The file of uint8 (H, W) or (H, W, 3), piece by piece. exif: a TIFF header and what follows it."""
    height, width = image.shape[:2]
    yield b"\x89PNG\r\n\x1a\n" + chunk(
        b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2 * (image.ndim == 3), 0, 0, 0)
    )
    if exif:
        yield chunk(b"eXIf", exif)
    packer, above = zlib.compressobj(), np.zeros_like(image[:1])
    for top in range(0, height, ROWS):
        strip = image[top : top + ROWS]
        packed = packer.compress(filtered(strip, np.concatenate([above, strip[:-1]])).tobytes())
        above = strip[-1:]
        if packed:
            yield chunk(b"IDAT", packed)
    yield chunk(b"IDAT", packer.flush()) + chunk(b"IEND", b"")


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def filtered(rows: np.ndarray, above: np.ndarray) -> np.ndarray:
    """Rows (n, W[, 3]) and those above them -> (n, 1 + bytes of a row): each with the number of its filter in front."""
    here, up = (part.reshape(len(rows), rows.shape[1], -1).astype(np.int16) for part in (rows, above))
    left, corner = (np.pad(part, ((0, 0), (1, 0), (0, 0)))[:, :-1] for part in (here, up))
    predictions = [np.zeros_like(here), left, up, (left + up) // 2, paeth(left, up, corner)]
    kinds = np.stack([(here - guess).astype(np.uint8).reshape(len(rows), -1) for guess in predictions])
    best = np.abs(kinds.view(np.int8).astype(np.int16)).sum(2, dtype=np.int64).argmin(0)
    return np.concatenate([best[:, None].astype(np.uint8), kinds[best, np.arange(len(rows))]], 1)


def paeth(left: np.ndarray, up: np.ndarray, corner: np.ndarray) -> np.ndarray:
    """Whichever of the three is nearest to left + up - corner; of equals the first."""
    to_left, to_up, to_corner = np.abs(up - corner), np.abs(left - corner), np.abs(left + up - 2 * corner)
    return np.where((to_left <= to_up) & (to_left <= to_corner), left, np.where(to_up <= to_corner, up, corner))

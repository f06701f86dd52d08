"""What each block of a baseline JPEG costs, counted symbol by symbol with the file's own Huffman tables.

A block costs its DC symbol (the size of the difference to the block before), its AC symbols (a run of zeros and a
size), the sign-and-magnitude bits behind each, and the end-of-block mark: ITU-T T.81 (1992), Annex F.1.2. What a
file holds beside that is its headers, a zero byte after each byte FF of the scan, and ones up to the last full
byte. Book: chapters 2 and 5."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from vcodec.errors import CodecError
from vcodec.standard.memory_file import memory_file
from vcodec.standard.trellis import END_OF_BLOCK, SIXTEEN_ZEROS, ZIGZAG


class Symbol(NamedTuple):
    """kind: "DC", "AC".  value: the Huffman symbol, 16 * run + size (DC: size).  bits: of code and magnitude."""

    kind: str
    value: int
    bits: int


def read_levels(data: bytes) -> np.ndarray:
    """The integers that a gray JPEG stores: int16 (H/8, W/8, 8, 8), rows are vertical frequencies."""
    import jpeglib  # slow to import

    with memory_file(data) as path:
        return jpeglib.read_dct(str(path)).Y


def segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Marker and content of each segment, up to and with the first scan's header."""
    at = 2  # behind the start of image
    while at + 4 <= len(data):
        if data[at + 1] == 0xFF:  # T.81, B.1.1.2: any number of bytes FF may fill up before a marker
            at += 1
            continue
        marker, length = data[at + 1], max(2, int.from_bytes(data[at + 2 : at + 4], "big"))
        yield marker, data[at + 4 : at + 2 + length]
        at += 2 + length
        if marker == 0xDA:
            return


def code_lengths(data: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Bits of the first DC and the first AC Huffman code of a JPEG, by symbol: (256,) each, 0 where there is none.

    Raises CodecError where the file has no such tables."""
    lengths = np.zeros((2, 256), int)  # DC, AC
    for marker, content in segments(data):
        while marker == 0xC4 and content:
            kind, number, counts = content[0] >> 4, content[0] & 15, content[1:17]
            values = content[17 : 17 + sum(counts)]
            if number == 0:
                lengths[kind, list(values)] = np.repeat(np.arange(1, 17), list(counts))
            content = content[17 + sum(counts) :]
    if not lengths.any(axis=1).all():
        raise CodecError("this JPEG has no Huffman tables")
    return lengths[0], lengths[1]


def block_symbols(scan: np.ndarray, before: int, dc: np.ndarray, ac: np.ndarray) -> list[Symbol]:
    """The symbols of one block. scan: its 64 integers in zig-zag order; before: the DC of the block before."""
    size = (int(scan[0]) - before).bit_length()
    symbols, run = [Symbol("DC", size, int(dc[size]) + size)], 0
    for level in map(int, scan[1:]):
        if level == 0:
            run += 1
            continue
        symbols += [Symbol("AC", SIXTEEN_ZEROS, int(ac[SIXTEEN_ZEROS]))] * (run // 16)
        value = 16 * (run % 16) + level.bit_length()
        symbols.append(Symbol("AC", value, int(ac[value]) + level.bit_length()))
        run = 0
    return symbols + ([Symbol("AC", END_OF_BLOCK, int(ac[END_OF_BLOCK]))] if run else [])


def block_bits(levels: np.ndarray, dc: np.ndarray, ac: np.ndarray) -> np.ndarray:
    """Bits of each block of a gray JPEG, (H/8, W/8), for its integers (H/8, W/8, 8, 8) and code lengths (256,)."""
    scans = levels.reshape(-1, 64)[:, ZIGZAG]
    before = np.r_[0, scans[:-1, 0]]
    bits = [sum(s.bits for s in block_symbols(scan, int(b), dc, ac)) for scan, b in zip(scans, before, strict=True)]
    return np.reshape(bits, levels.shape[:2])

"""What SCIC writes into a file's comment field, so that its decoder knows the scale and the networks: 9 bytes.

A check byte covers all others. Two bytes are a check of the size of the coded picture, which stands in the format's own
fields: damage there would go unnoticed. Another program may turn a file without decoding it, so they are the same for
a turned picture, and one bit says whether it was taller than wide: an odd height of the original is then its width.
They took the place of half of the network id, so that version 3 is as long as the others. Version 2 had no check of
the size, version 1 no check at all; both are still read. The widget in the browser writes what `Header.pack` does."""

import struct
import zlib
from typing import NamedTuple

from vcodec.errors import CodecError
from vcodec.images import log
from vcodec.networks.tiles import NO_NETWORK
from vcodec.standard.jpeg import Jpeg
from vcodec.standard.protocol import StandardCodec

HEADER = struct.Struct(">2sBBB2s2s")  # magic, version and flags, tall and quality, check, size, network id: 9 bytes
MAGIC, VERSION = b"\xd6C", 3  # VC with the first bit set: nobody's text begins like this
SECOND_VERSION = 2  # of the layout: magic, version and flags, tall and quality, check, network id of 4 bytes
NETWORK_BYTES = 2  # of the id of the networks: enough to tell that others are at hand; zeros leave them out
# Flags, the lower half of their byte; the version is the upper one. The lowest is never set alone, so that no flipped
# bit makes 0000 0001 of this byte, which is version 1.
ODD_HEIGHT, HALF, ODD_WIDTH, GRAY = 1, 2, 4, 8
TALL = 128  # beside the quality
FIRST_VERSION = 1  # of the layout: magic, version, flags, quality, network id
FIRST_HALF, FIRST_ODD_HEIGHT = 1, 2  # its flags; the other two are those of today


class Header(NamedTuple):
    """What the decoder needs to know beside the picture."""

    scale: int
    odd: tuple[int, int]  # of the original's height and width: its size is scale times the file's, less these
    quality: int
    network_id: bytes  # the first 2 bytes of it; versions 1 and 2 have 4
    gray: bool  # because WebP has no gray pictures
    tall: bool | None  # whether the coded picture was higher than wide; None: version 1 does not say
    size_check: bytes  # of the coded picture; empty: versions 1 and 2 do not say

    def pack(self) -> bytes:
        """Always of version 3, which needs a `size_check`."""
        flags = self.odd[0] * ODD_HEIGHT + (self.scale == 2) * HALF + self.odd[1] * ODD_WIDTH + self.gray * GRAY
        start = bytes([VERSION << 4 | flags, bool(self.tall) * TALL | self.quality])
        rest = self.size_check + self.network_id[:NETWORK_BYTES]
        return MAGIC + start + check(start + rest) + rest

    def original_size(self, height: int, width: int) -> tuple[int, int]:
        """(H, W) of the original, from those of the coded picture as it is now; a note where that has not the size
        with which it was written. One that was as high as wide gives no sign of having been turned."""
        if self.size_check and self.size_check != size_check(height, width):
            log.warning("the picture in this file has not the size with which it was written: cropped, or damaged")
        turned = self.tall is not None and height != width and self.tall != (height > width)
        odd_height, odd_width = self.odd[::-1] if turned else self.odd
        return self.scale * height - odd_height, self.scale * width - odd_width


def without_networks(data: bytes, header: Header | None) -> bytes:
    """The same file with a header that leaves the networks out: its picture is shown as it is, or enlarged by bicubic
    alone. header: that of the file, of version 3."""
    return data.replace(header.pack(), header._replace(network_id=NO_NETWORK).pack(), 1) if header else data


def check(fields: bytes) -> bytes:
    """One byte that any single flipped bit changes: the last of the CRC-32."""
    return bytes([zlib.crc32(fields) & 255])


def size_check(height: int, width: int) -> bytes:
    """Two bytes that stand for the size of a coded picture, and for the same size turned: of the CRC-32 of both sides,
    the shorter first."""
    return struct.pack(">H", zlib.crc32(struct.pack(">II", *sorted((height, width)))) & 0xFFFF)


def unpack_header(comment: bytes) -> Header | None:
    """The header in a comment, None where it is somebody else's. Raises CodecError for a later version and damage."""
    if len(comment) != HEADER.size:
        return None
    sound = check(comment[2:4] + comment[5:]) == comment[4:5]
    if not comment.startswith(MAGIC):
        if sound and differing_bits(comment[:2], MAGIC) == 1:
            raise CodecError("the vcodec header in this file is damaged")
        return None
    if comment[2] == FIRST_VERSION:
        return _unpack_first(comment)
    version, flags, quality, tall = comment[2] >> 4, comment[2] & 15, comment[3] & ~TALL, bool(comment[3] & TALL)
    if sound and version > VERSION:
        raise CodecError(f"this file was written by a later vcodec (format {version}; this one reads {VERSION})")
    odd = bool(flags & ODD_HEIGHT), bool(flags & ODD_WIDTH)
    if not sound or version < SECOND_VERSION or (any(odd) and not flags & HALF) or not 1 <= quality <= 100:
        raise CodecError("the vcodec header in this file is damaged")
    size, network_id = (comment[5:7], comment[7:]) if version == VERSION else (b"", comment[5:])
    return Header(2 if flags & HALF else 1, odd, quality, network_id, bool(flags & GRAY), tall, size)


def _unpack_first(comment: bytes) -> Header:
    flags, quality, network_id = comment[3], comment[4], comment[5:]
    odd = bool(flags & FIRST_ODD_HEIGHT), bool(flags & ODD_WIDTH)
    if flags > 15 or (any(odd) and not flags & FIRST_HALF) or not 1 <= quality <= 100:
        raise CodecError("the vcodec header in this file is damaged")
    return Header(2 if flags & FIRST_HALF else 1, odd, quality, network_id, bool(flags & GRAY), None, b"")


def differing_bits(one: bytes, other: bytes) -> int:
    return (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).bit_count()


def read_header(codec: StandardCodec, data: bytes) -> Header | None:
    """The header of a file, the first where there are several comments. None where the file is not one of ours or not
    any more: programs that save a changed JPEG keep the comment, but not our tables. Raises CodecError on damage."""
    header = next((header for header in map(unpack_header, codec.comments(data)) if header), None)
    if header is None or not isinstance(codec, Jpeg) or codec.step_of(data) == codec.step(header.quality):
        return header
    log.warning("another program has saved this file again; what it knew of vcodec no longer holds")
    return None

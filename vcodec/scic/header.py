"""What SCIC writes into a file's comment field, so that its decoder knows the scale and the networks: 9 bytes.

Version 2 has a check byte, and says whether the coded picture was taller than wide: another program may turn a file
without decoding it, and an odd height of the original is then its width. Version 1 had neither; it is still read, and
the widget in the browser writes what `Header.pack` does."""

import struct
import zlib
from typing import NamedTuple

from vcodec.errors import CodecError
from vcodec.images import log
from vcodec.standard.jpeg import Jpeg
from vcodec.standard.protocol import StandardCodec

HEADER = struct.Struct(">2sBBB4s")  # magic, version and flags, tall and quality, check, network id: 9 bytes
MAGIC, VERSION = b"\xd6C", 2  # VC with the first bit set: nobody's text begins like this
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
    network_id: bytes
    gray: bool  # because WebP has no gray pictures
    tall: bool | None = False  # whether the coded picture was higher than wide; None: version 1 does not say

    def pack(self) -> bytes:
        """Always of version 2."""
        flags = self.odd[0] * ODD_HEIGHT + (self.scale == 2) * HALF + self.odd[1] * ODD_WIDTH + self.gray * GRAY
        start = bytes([VERSION << 4 | flags, bool(self.tall) * TALL | self.quality])
        return MAGIC + start + check(start + self.network_id) + self.network_id

    def original_size(self, height: int, width: int) -> tuple[int, int]:
        """(H, W) of the original, from those of the coded picture as it is now. One that was as high as wide gives
        no sign of having been turned."""
        turned = self.tall is not None and height != width and self.tall != (height > width)
        odd_height, odd_width = self.odd[::-1] if turned else self.odd
        return self.scale * height - odd_height, self.scale * width - odd_width


def check(fields: bytes) -> bytes:
    """One byte that any single flipped bit changes: the last of the CRC-32."""
    return bytes([zlib.crc32(fields) & 255])


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
    if not sound or version < VERSION or (any(odd) and not flags & HALF) or not 1 <= quality <= 100:
        raise CodecError("the vcodec header in this file is damaged")
    return Header(2 if flags & HALF else 1, odd, quality, comment[5:], bool(flags & GRAY), tall)


def _unpack_first(comment: bytes) -> Header:
    _, _, flags, quality, network_id = HEADER.unpack(comment)
    odd = bool(flags & FIRST_ODD_HEIGHT), bool(flags & ODD_WIDTH)
    if flags > 15 or (any(odd) and not flags & FIRST_HALF) or not 1 <= quality <= 100:
        raise CodecError("the vcodec header in this file is damaged")
    return Header(2 if flags & FIRST_HALF else 1, odd, quality, network_id, bool(flags & GRAY), None)


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

"""What SCIC writes into a file's comment field, so that its decoder knows the scale and the networks: 9 bytes."""

import struct
from typing import NamedTuple

from vcodec.errors import CodecError
from vcodec.images import log
from vcodec.standard.jpeg import Jpeg
from vcodec.standard.protocol import StandardCodec

HEADER = struct.Struct(">2sBBB4s")  # magic, version, flags, quality, network id: 9 bytes in the comment field
MAGIC, VERSION = b"\xd6C", 1  # VC with the first bit set: nobody's text begins like this
HALF, ODD_HEIGHT, ODD_WIDTH = 1, 2, 4  # flags; with the codec's own size they give the original's
GRAY = 8  # because WebP has no gray pictures


class Header(NamedTuple):
    """What the decoder needs to know beside the picture."""

    scale: int
    odd: tuple[int, int]  # of the original's height and width: its size is scale times the file's, less these
    quality: int
    network_id: bytes
    gray: bool

    def pack(self) -> bytes:
        flags = (self.scale == 2) * HALF + self.odd[0] * ODD_HEIGHT + self.odd[1] * ODD_WIDTH + self.gray * GRAY
        return HEADER.pack(MAGIC, VERSION, flags, self.quality, self.network_id)


def unpack_header(comment: bytes) -> Header | None:
    """The header in a comment, None where it is somebody else's. Raises CodecError for a later version."""
    if not comment.startswith(MAGIC) or len(comment) != HEADER.size:
        return None
    _, version, flags, quality, network_id = HEADER.unpack(comment)
    if version != VERSION:
        raise CodecError(f"this file was written by a later vcodec (format {version}; this one reads {VERSION})")
    if flags > 15 or (flags & (ODD_HEIGHT | ODD_WIDTH) and not flags & HALF) or not 1 <= quality <= 100:
        raise CodecError("the vcodec header in this file is damaged")
    odd = (flags & ODD_HEIGHT) // ODD_HEIGHT, (flags & ODD_WIDTH) // ODD_WIDTH
    return Header(2 if flags & HALF else 1, odd, quality, network_id, bool(flags & GRAY))


def read_header(codec: StandardCodec, data: bytes) -> Header | None:
    """The header of a file, None where the file is not one of ours or not any more: programs that save a changed
    JPEG keep the comment, but not our tables. Raises CodecError on damage."""
    header = unpack_header(codec.comment(data))
    if header is None or not isinstance(codec, Jpeg) or codec.step_of(data) == codec.step(header.quality):
        return header
    log.warning("another program has saved this file again; what it knew of vcodec no longer holds")
    return None

"""EXIF from one file to another, where a reader asks for it: camera, lens, date, author; the place only if asked.

What no longer holds is left out: the orientation, which has been applied, the thumbnail, the sizes of the old file, and
the colour space, which is sRGB now. XMP, IPTC, colour profiles and a maker's own notes are never copied."""

import logging

from vcodec.eight_bit import quiet_pillow
from vcodec.errors import CodecError
from vcodec.images import open_image

log = logging.getLogger("vcodec")

EXIF_IFD, GPS_IFD = 0x8769, 0x8825  # EXIF 2.3, 4.6.3
# Of the main field: description, maker, model, both resolutions and their unit, program, date, author, rights.
KEPT = {270, 271, 272, 282, 283, 296, 305, 306, 315, 33432, EXIF_IFD}
# Of the field of the camera's settings: the maker's notes, which hold offsets and perhaps the place, the colour space,
# both sizes, and what depends on these.
DROPPED = (0x927C, 0xA001, 0xA002, 0xA003, 0xA005)
LONGEST = 65533 - 6  # bytes that a segment of a JPEG holds beside its length and "Exif\0\0"
MARK = b"Exif\0\0"


@quiet_pillow()
def exif_of(data: bytes, location: bool = False) -> bytes:
    """The EXIF field of a file, from the TIFF header on; empty where there is none, with a note where it is damaged.

    location: with the place."""
    try:
        exif = open_image(data, decode=False).getexif()
        details = exif.get_ifd(EXIF_IFD) if EXIF_IFD in exif else {}
        for tag in DROPPED:
            details.pop(tag, None)
        for tag in set(exif) - KEPT - ({GPS_IFD} if location else set()):
            del exif[tag]
        return exif.tobytes().removeprefix(MARK) if exif else b""
    except CodecError:  # no file that could hold one, as a .vcn
        return b""
    except Exception:  # Pillow's parsers raise whatever damaged data lead them to
        log.warning("the metadata is damaged and was not copied")
        return b""


def with_exif(data: bytes, exif: bytes) -> bytes:
    """A JPEG with this EXIF field behind its first marker segment. Raises CodecError for another format."""
    if not data.startswith(b"\xff\xd8"):
        raise CodecError("of the files that vcodec encodes, JPEG alone carries metadata")
    if len(exif) > LONGEST:
        raise CodecError(f"the metadata takes {len(exif)} bytes; a JPEG holds {LONGEST}")
    end = 4 + int.from_bytes(data[4:6], "big")
    return data[:end] + b"\xff\xe1" + (len(exif) + 8).to_bytes(2, "big") + MARK + exif + data[end:]


def segment_length(exif: bytes) -> int:
    """Bytes by which `with_exif` makes a file longer."""
    return len(exif) + 10 if exif else 0

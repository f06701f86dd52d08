"""How coarsely a file quantises luma, read from its stream: VP8's, AV1's and HEVC's quantiser, JPEG 2000's wavelet.

Each function returns None where the stream is of a kind that it does not follow, and LOSSLESS where nothing was
quantised. None of them decodes a picture. Book: chapter 2."""

from collections.abc import Iterator

from vcodec.standard.bits import BitReader, BoolDecoder

LOSSLESS = 0.0
CONTAINERS = (b"meta", b"iprp", b"ipco")  # one inside the other, they lead to the decoder's configuration


def webp_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(name, content) of the chunks of a WebP (RFC 9649)."""
    at = 12
    while at + 8 <= len(data):
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        yield data[at : at + 4], data[at + 8 : at + 8 + length]
        at += 8 + length + length % 2


def vp8_index(data: bytes) -> float | None:
    """The quantiser index of a WebP, 0 to 127, the mean over its segments; -1 without loss (VP8L)."""
    for name, content in webp_chunks(data):
        if name == b"VP8L":
            return -1.0
        if name == b"VP8 ":
            return _vp8_frame(BoolDecoder(content[10:]))
    return None


def _vp8_frame(bits: BoolDecoder) -> float:
    """The frame header as far as its quantiser: RFC 6386, 9.2 to 9.6."""
    bits.bits(2)  # colour space, clamping
    values, absolute, segmented = [0] * 4, False, bits.flag()
    if segmented:
        has_map, has_values = bits.flag(), bits.flag()
        if has_values:
            absolute = bits.flag()
            values = [bits.signed(7) if bits.flag() else 0 for _ in range(4)]
            for _ in range(4):  # loop filter
                bits.signed(6) if bits.flag() else 0
        if has_map:
            for _ in range(3):
                bits.bits(8) if bits.flag() else 0
    bits.bits(10)  # filter type, level, sharpness
    if bits.flag() and bits.flag():  # deltas of the loop filter
        for _ in range(8):
            bits.signed(6) if bits.flag() else 0
    bits.bits(2)  # partitions
    base = bits.bits(7)
    used = [value if absolute else base + value for value in values] if segmented else [base]
    return sum(min(max(index, 0), 127) for index in used) / len(used)


def jpeg2000_is_reversible(data: bytes) -> bool:
    """Whether the main header says that the wavelet is the reversible 5/3 one: COD, ITU-T T.800, A.6.1."""
    at = data.find(b"\xff\x52", max(0, data.find(b"\xff\x4f\xff\x51")))
    return at >= 0 and data[at + 13 : at + 14] == b"\x01"


def boxes(data: bytes, depth: int = 0) -> Iterator[tuple[bytes, bytes]]:
    """(name, content) of all boxes (ISO/IEC 14496-12), with those inside the CONTAINERS. depth: of these boxes."""
    at = 0
    while at + 8 <= len(data):
        length, name, head = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8], 8
        if length == 1:
            length, head = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        content = data[at + head : at + length if length else len(data)]
        yield name, content
        if name in CONTAINERS[depth : depth + 1]:
            yield from boxes(content[4:] if name == b"meta" else content, depth + 1)
        at += max(head, length) if length else len(data)


def primary_item(data: bytes) -> bytes:
    """The coded bytes of the picture itself, without metadata and thumbnails: the first extent of the item that the
    `pitm` box names, found in `iloc` (ISO/IEC 14496-12, 8.11.3). Empty where it is not stored in the file plainly."""
    found = {name: content for name, content in boxes(data) if name in (b"pitm", b"iloc")}
    try:
        start, end = _extent(found[b"pitm"], found[b"iloc"])
    except LookupError:  # no such box or item, or a box that ends too early
        return b""
    return data[start : end or len(data)]


def _extent(primary: bytes, table: bytes) -> tuple[int, int]:
    """Where the primary item's first extent begins and ends in the file; an end of 0 is the file's. Raises LookupError
    where there is none."""
    wanted = int.from_bytes(primary[4:] if primary[0] else primary[4:6], "big")
    version, bits = table[0], BitReader(table[4:])
    offset_bits, length_bits, base_bits, index_bits = (8 * bits.bits(4) for _ in range(4))
    for _ in range(bits.bits(32 if version == 2 else 16)):
        item = bits.bits(32 if version == 2 else 16)
        elsewhere = bits.bits(16) & 15 if version else 0
        elsewhere |= bits.bits(16)
        base, extents = bits.bits(base_bits), bits.bits(16)
        index_bits = index_bits if version else 0
        if item == wanted and extents and not elsewhere:
            bits.bits(index_bits)
            start, length = base + bits.bits(offset_bits), bits.bits(length_bits)
            return start, start + length if length else 0
        bits.skip(extents * (index_bits + offset_bits + length_bits))
    raise LookupError("the primary item is not in the table")


def av1_index(data: bytes) -> int | None:
    """base_q_idx of an AVIF's first frame, 0 (without loss) to 255. AV1 specification, 5.5 and 5.9."""
    sequence = None
    for kind, content in _obus(primary_item(data)):
        if kind == 1 and sequence is None:
            sequence = _av1_sequence(BitReader(content))
        if kind in (3, 6):  # frame header; frame
            return None if sequence is None else _av1_frame(BitReader(content), **sequence)
    return None


def _obus(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(type, content) of open bitstream units that carry their size."""
    at = 0
    while at + 2 <= len(data) and data[at] & 2:
        kind, head, size, shift = data[at] >> 3 & 15, 2 if data[at] & 4 else 1, 0, 0
        at += head
        while at < len(data):
            size |= (data[at] & 127) << shift
            at, shift = at + 1, shift + 7
            if data[at - 1] < 128:
                break
        yield kind, data[at : at + size]
        at += size


def _av1_sequence(bits: BitReader) -> dict[str, int] | None:
    """What a frame header of a reduced still picture depends on; None for any other kind of stream."""
    bits.bits(4)  # profile, still picture
    if not bits.flag():  # reduced_still_picture_header
        return None
    bits.bits(5)  # level
    width_bits, height_bits = bits.bits(4) + 1, bits.bits(4) + 1
    width, height = bits.bits(width_bits) + 1, bits.bits(height_bits) + 1
    large = bits.flag()
    bits.bits(2)  # filter intra, edge filter
    return {"width": width, "height": height, "large": large, "superres": bits.flag()}


def _av1_frame(bits: BitReader, width: int, height: int, large: int, superres: int) -> int | None:
    bits.bits(1)  # disable_cdf_update
    tools = bits.flag()  # allow_screen_content_tools
    if tools:
        bits.bits(1)  # force_integer_mv
    if superres and bits.flag():
        return None
    if bits.flag():  # render_and_frame_size_different
        bits.bits(32)
    if tools:
        bits.bits(1)  # allow_intrabc
    side = 128 if large else 64
    columns, rows = -(-width // side), -(-height // side)
    if not bits.flag() or columns * side > 4096 or columns * rows * side**2 > 4096 * 2304:
        return None  # tiles of unequal size, or more than one by force
    split = False
    for count in (columns, rows):
        limit = (min(count, 64) - 1).bit_length()
        while limit and bits.flag():
            limit, split = limit - 1, True
    return None if split else bits.bits(8)


def hevc_qp(data: bytes) -> int | None:
    """The QP of the first slice of a HEIC, 0 to 51; -1 without loss. ITU-T H.265, 7.3."""
    config = next((content for name, content in boxes(data) if name == b"hvcC"), b"")
    sets = dict(_parameter_sets(config))
    if not {33, 34} <= sets.keys():
        return None
    tools, unit = _hevc_sequence(BitReader(sets[33])), _unescaped(_first_slice(primary_item(data)))
    return None if tools is None else _hevc_slice(BitReader(sets[34]), unit, **tools)


def _parameter_sets(config: bytes) -> Iterator[tuple[int, bytes]]:
    """(type, content without header) of the units of an hvcC box (ISO/IEC 14496-15, 8.3.3)."""
    at = 23
    while at + 3 <= len(config):
        kind, count = config[at] & 63, int.from_bytes(config[at + 1 : at + 3], "big")
        at += 3
        for _ in range(count):
            length = int.from_bytes(config[at : at + 2], "big")
            yield kind, _unescaped(config[at + 4 : at + 2 + length])
            at += 2 + length


def _unescaped(unit: bytes) -> bytes:
    return unit.replace(b"\0\0\3", b"\0\0")


def _first_slice(media: bytes) -> bytes:
    """The first unit of an IDR picture behind its 4 bytes of length, as far as its header may reach."""
    at = 0
    while at + 6 <= len(media):
        length, kind = int.from_bytes(media[at : at + 4], "big"), media[at + 4] >> 1 & 63
        if kind in (19, 20):
            return media[at + 6 : at + 70]
        at += 4 + length
    return b""


def _hevc_sequence(bits: BitReader) -> dict[str, bool] | None:
    """Whether there is sample adaptive offset, and chroma: what stands before the QP of a slice."""
    bits.bits(4)
    if bits.bits(3):  # sub-layers
        return None
    bits.bits(1 + 96)  # nesting; profile, tier and level
    bits.golomb()
    chroma = bits.golomb()
    if chroma == 3:
        bits.bits(1)
    bits.golomb(), bits.golomb()  # width, height
    if bits.flag():
        for _ in range(4):
            bits.golomb()  # conformance window
    for _ in range(3):
        bits.golomb()  # bit depths, picture order count
    bits.bits(1)
    for _ in range(9):
        bits.golomb()  # buffering (3), block sizes (4), depths (2)
    if bits.flag():  # scaling lists
        return None
    bits.bits(1)  # asymmetric partitions
    return {"sao": bits.flag(), "chroma": chroma > 0}


def _hevc_slice(pps: BitReader, unit: bytes, sao: bool, chroma: bool) -> int | None:
    pps.golomb(), pps.golomb()
    pps.bits(1)  # dependent slices
    output, extra = pps.flag(), pps.bits(3)
    pps.bits(2)  # sign hiding, cabac_init
    pps.golomb(), pps.golomb()  # reference indices
    initial = 26 + pps.signed_golomb()
    pps.bits(2)  # constrained intra, transform skip
    if pps.flag():
        pps.golomb()  # depth of QP changes
    pps.signed_golomb(), pps.signed_golomb()  # chroma
    pps.bits(3)  # chroma offsets in slices, weighted prediction
    if pps.flag():  # transquant_bypass: x265's mode without loss
        return -1
    head = BitReader(unit)
    if not head.flag():
        return None  # not the picture's first slice
    head.bits(1)
    head.golomb()
    head.bits(extra)
    head.golomb()  # slice type
    head.bits(int(output))
    if sao:
        head.bits(1 + chroma)
    return initial + head.signed_golomb()

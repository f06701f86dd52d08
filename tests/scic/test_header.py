"""Does the header of a SCIC file come back, and is every damage to it noticed?"""

import contextlib
from itertools import product

import numpy as np
import pytest
from conftest import SCALES
from hypothesis import given, settings
from hypothesis import strategies as st

from vcodec.errors import CodecError
from vcodec.scic import describe
from vcodec.scic.header import HEADER, MAGIC, Header, check, size_check, unpack_header
from vcodec.standard import CODECS

JPEG = CODECS["jpeg"]


@settings(deadline=None, derandomize=True)
@given(
    *map(st.sampled_from, ([1, 2], [(0, 0), (0, 1), (1, 0), (1, 1)], range(1, 101))),
    st.binary(min_size=2, max_size=2),
    st.booleans(),
    st.booleans(),
    st.binary(min_size=2, max_size=2),
)
def test_the_header_comes_back_and_takes_at_most_24_bytes(scale, odd, quality, network_id, gray, tall, size):
    header = Header(scale, odd if scale == 2 else (0, 0), quality, network_id, gray, tall, size)
    assert unpack_header(header.pack()) == header and len(header.pack()) <= 24


@settings(deadline=None, derandomize=True, max_examples=300)
@given(
    st.one_of(
        st.binary(max_size=24),
        st.binary(min_size=7, max_size=7).map(lambda b: MAGIC + b),
        st.binary(min_size=6, max_size=6).map(lambda b: MAGIC + b[:2] + check(b) + b[2:]),
    )
)
def test_any_comment_is_a_header_or_none_or_refused(comment):
    try:
        header = unpack_header(comment)
    except CodecError:
        return
    assert header is None or not header.size_check or header.pack() == comment


@pytest.mark.parametrize("odd", [(0, 0), (1, 0), (0, 1)])
def test_every_single_flip_in_a_header_is_noticed(odd):
    comment = Header(2, odd, 37, b"tiny", gray=True, tall=True, size_check=size_check(20, 24)).pack()
    for bit in range(8 * len(comment)):
        flipped = bytearray(comment)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(CodecError, match="damaged"):
            unpack_header(bytes(flipped))


def second(flags: int, tall_and_quality: int, network_id: bytes) -> bytes:
    """A header of version 2."""
    start = bytes([2 << 4 | flags, tall_and_quality])
    return MAGIC + start + check(start + network_id) + network_id


def test_headers_of_versions_1_and_2_are_read():
    old = MAGIC + bytes([1, 1 + 2 + 8, 40]) + b"tiny"  # half resolution, an odd height, gray
    assert unpack_header(old) == Header(2, (True, False), 40, b"tiny", gray=True, tall=None, size_check=b"")
    old = MAGIC + bytes([1, 4 + 1, 9]) + b"tiny"
    assert unpack_header(old) == Header(2, (False, True), 9, b"tiny", gray=False, tall=None, size_check=b"")
    old = second(1 + 2 + 8, 128 + 40, b"tiny")
    assert unpack_header(old) == Header(2, (True, False), 40, b"tiny", gray=True, tall=True, size_check=b"")


@SCALES
@pytest.mark.parametrize("version", [1, 2])
def test_files_of_versions_1_and_2_decode_as_before(version, scale, photo, untrained):
    image = photo[:63, :80]
    data, network_id = untrained.encode(image, quality=30, scale=scale), untrained.pair(scale).network_id
    old = second(3 if scale == 2 else 0, 30, network_id)  # half resolution, an odd height
    if version == 1:
        old = MAGIC + bytes([1, 3 if scale == 2 else 0, 30]) + network_id
    changed = data.replace(untrained.header(data).pack(), old)
    assert changed != data and len(changed) == len(data)
    assert np.array_equal(untrained.decode(changed), untrained.decode(data))


@SCALES
def test_damage_to_the_size_in_jpegs_own_header_is_said(scale, photo, untrained, caplog):
    """`vcodec info` says it, too; and a turn, which changes only the order of both sides, is no damage."""
    data = untrained.encode(photo[:63, :80], quality=30, scale=scale)
    at = next(data.index(marker) for marker in (b"\xff\xc0", b"\xff\xc2") if marker in data) + 5
    said = []
    for bit in range(7):  # the eighth makes a much larger picture
        for byte, use in product((1, 3), (untrained.decode, describe)):
            changed = bytearray(data)
            changed[at + byte] ^= 1 << bit
            with contextlib.suppress(CodecError):  # no rows or columns at all, say
                use(bytes(changed))
                said.append("cropped, or damaged" in caplog.text)
            caplog.clear()
    assert all(said) and len(said) > 20
    assert untrained.decode(data).shape[:2] == (63, 80) and not caplog.records


@SCALES
def test_the_file_is_the_codecs_own_and_the_header_costs_13_bytes(scale, photo, lively):
    data = lively.candidate(photo, 20, scale).data
    bare = lively.codec.encode(lively.resample(photo, 20, scale), 20)
    assert len(data) == len(bare) + HEADER.size + 4 and HEADER.size <= 24  # marker and length of a JPEG comment
    assert np.array_equal(lively.codec.decode(data), lively.codec.decode(bare))
    size = size_check(*lively.codec.decode(data).shape[:2])
    assert lively.header(data) == Header(scale, (0, 0), 20, b"li", gray=False, tall=False, size_check=size)


LATER = MAGIC + b"\x40\x0a" + check(b"\x40\x0a" + bytes(4)) + bytes(4)  # version 4


@pytest.mark.parametrize(
    ("comment", "words"),
    [(LATER, "later vcodec"), (MAGIC + bytes([1, 16, 10, 0, 0, 0, 0]), "damaged"),
     (MAGIC + bytes([1, 2, 10, 0, 0, 0, 0]), "damaged"), (MAGIC + bytes([1, 0, 0, 0, 0, 0, 0]), "damaged"),
     (MAGIC + bytes([1, 1, 101, 0, 0, 0, 0]), "damaged")],
)  # fmt: skip
def test_headers_from_the_future_or_damaged_are_refused(comment, words, photo, untrained):
    data = JPEG.encode(photo, 10, comment)
    for use in (untrained.decode, describe):
        with pytest.raises(CodecError, match=words):
            use(data)


@SCALES
def test_a_file_made_with_other_weights_is_refused_in_one_sentence(scale, photo, lively, untrained):
    with pytest.raises(CodecError) as caught:
        untrained.decode(lively.candidate(photo, 10, scale).data)
    assert b"li".hex() in str(caught.value) and untrained.networks[scale].network_id[:2].hex() in str(caught.value)
    assert "\n" not in str(caught.value)

"""Does the deep codec refuse each broken .vcn file in one sentence, before it allocates what a file claims?"""

import json
import struct
import time
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest

import vcodec
from vcodec import dnnc
from vcodec.errors import CodecError

GOLDEN = Path(__file__).parent.parent / "golden"


@pytest.fixture(scope="module")
def plain() -> dnnc.Dnnc:
    """The transform and its entropy model, no networks: fast."""
    return dnnc.load(GOLDEN)


@pytest.fixture(scope="module")
def shipped() -> dnnc.Dnnc:
    return vcodec.load("dnnc")


def signed_again(data: bytes) -> bytes:
    """A file whose checksum is right again, whatever was done to it."""
    return data[:15] + struct.pack(">I", zlib.crc32(data[:15] + data[19:])) + data[19:]


def header_of(codec: dnnc.Dnnc, height: int, width: int, colour: bool = False) -> bytes:
    return dnnc.codec.Header(colour, 1, codec.networks.network_id, height, width).pack(b"")


def test_ten_thousand_broken_files_end_in_one_sentence(plain, photo):
    data = plain.encode(photo[:48, :48], 30)
    other = plain.encode(photo[20:60, :70], 55)
    random = np.random.default_rng(0)
    slowest = 0.0
    for number in range(10_000):
        kind = number % 5
        broken = bytearray(data)
        if kind == 0:
            for _ in range(random.integers(1, 9)):
                broken[random.integers(len(data))] ^= 1 << random.integers(8)
        elif kind == 1:
            del broken[random.integers(len(data)) :]
        elif kind == 2:
            at = random.integers(1, len(data))
            broken[at:] = other[random.integers(len(other)) :]
        elif kind == 3:
            broken = bytearray(random.bytes(random.integers(200)))
        else:
            broken[: random.integers(4, 19)] = random.bytes(4) if number % 2 else b"\xd6VCN"
        begin = time.thread_time()
        if bytes(broken) != data:
            with pytest.raises(CodecError):
                plain.decode(bytes(broken))
        slowest = max(slowest, time.thread_time() - begin)
    assert slowest < 1


@pytest.mark.slow
def test_damage_that_hides_from_the_checksum_ends_in_a_sentence_or_a_picture(plain, photo):
    data = plain.encode(photo[:32, :32], 30)
    random = np.random.default_rng(2)
    pictures = 0
    for _ in range(15):
        broken = bytearray(data)
        for _ in range(3):
            broken[random.integers(19, len(data))] = random.integers(256)
        try:
            pictures += plain.decode(signed_again(bytes(broken))).shape == (32, 32, 3)
        except CodecError:
            continue
    assert pictures


def test_a_header_that_claims_too_much_is_refused_before_anything_is_allocated(plain, photo):
    data = bytearray(plain.encode(photo, 30))
    data[11:15] = struct.pack(">HH", 60000, 60000)
    tracemalloc.start()
    with pytest.raises(CodecError, match="60000x60000 pixels; the limit is 100 megapixels"):
        plain.decode(signed_again(bytes(data)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1e6


def test_25_bytes_that_claim_100_megapixels_are_refused_before_anything_is_allocated(shipped):
    lie = header_of(shipped, 10000, 10000, colour=True) + bytes.fromhex("000140004000")
    tracemalloc.start()
    with pytest.raises(CodecError, match="claims more symbols than its 6 bytes"):
        shipped.decode(signed_again(lie))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(lie) == 25 and peak < 1e6


def test_a_payload_of_one_byte_is_refused_in_one_sentence(shipped):
    with pytest.raises(CodecError, match="cut off"):
        shipped.decode(signed_again(header_of(shipped, 64, 205) + b"\0"))


def test_a_stream_that_ends_before_its_symbols_is_refused(shipped, photo):
    data = shipped.encode(photo, 30)
    for words in (1, 3, 20):
        with pytest.raises(CodecError, match=r"too early|more symbols|damaged"):
            shipped.decode(signed_again(data[: -4 * words - 12]))


@pytest.mark.parametrize(
    "at, value, sentence",
    [
        (0, b"JUNK", "not a vcodec"), (4, b"\x09", "format 9"), (5, b"\x77", "makes no sense"),
        (6, b"\x00", "makes no sense"), (6, b"\xff", "makes no sense"), (11, b"\0\0", "makes no sense"),
        (7, b"\1\2\3\4", "made with network 01020304"),
    ],
)  # fmt: skip
def test_each_field_of_the_header_is_checked(plain, photo, at, value, sentence):
    data = bytearray(plain.encode(photo, 30))
    data[at : at + len(value)] = value
    with pytest.raises(CodecError, match=sentence):
        plain.decode(signed_again(bytes(data)))


def test_cut_files_say_so(plain, photo):
    data = plain.encode(photo, 30)
    for length, sentence in ((0, "not a vcodec"), (10, "cut off within its header"), (40, "does not match")):
        with pytest.raises(CodecError, match=sentence):
            plain.decode(data[:length])


def test_bad_weights_are_refused(tmp_path):
    with pytest.raises(CodecError, match=r"there are no weights dnnc\.safetensors"):
        dnnc.load(tmp_path)
    for suffix in (".safetensors", ".json"):
        (tmp_path / f"dnnc{suffix}").write_bytes((GOLDEN / f"dnnc{suffix}").read_bytes())
    dnnc.load(tmp_path)
    card = json.loads((tmp_path / "dnnc.json").read_text())
    (tmp_path / "dnnc.json").write_text(json.dumps(card | {"space": "outer"}))
    with pytest.raises(CodecError, match="outer"):
        dnnc.load(tmp_path)

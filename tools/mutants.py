"""Files of ours, changed at random: for `make torture` and the tests. A decoder makes one of OUTCOMES of each."""

import logging
import struct
import warnings
from collections import Counter
from functools import cache
from pathlib import Path

import numpy as np

from vcodec import dnnc
from vcodec.errors import CodecError
from vcodec.frameworks import names
from vcodec.images import embedded
from vcodec.networks import NetworkPair, build_networks
from vcodec.scic import FRAMEWORKS, Scic

GOLDEN = Path(__file__).parent.parent / "tests/golden"
FORMATS = names()  # scic-jpeg, scic-jpeg2000, scic-webp, scic-avif, scic-heic, dnnc
OUTCOMES = ("refused", "right size", "said", "silent", "crashed")
HEIGHT, WIDTH = 39, 47  # odd, so that half resolution has something to lose


@cache
def codec(name: str) -> Scic | dnnc.Dnnc:
    """With networks that are small or untrained: damage does not care."""
    if name == "dnnc":
        return dnnc.load(GOLDEN)
    pairs = {scale: NetworkPair(scale, *build_networks("tiny", scale), b"live") for scale in (1, 2)}
    return Scic(FRAMEWORKS[name], pairs)


@cache
def files(name: str) -> tuple[bytes, ...]:
    """Gray and colour, and both resolutions where there are two."""
    picture = embedded("chelsea")[60 : 60 + HEIGHT, 140 : 140 + WIDTH]
    scales = ("auto",) if name == "dnnc" else (1, 2)
    return tuple(codec(name).encode(p, 30, s, passes=None if name == "dnnc" else 0)
                 for p in (picture, np.ascontiguousarray(picture[..., 1])) for s in scales)  # fmt: skip


def mutant(data: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    """`data` with one of eight kinds of damage."""
    changed, kind = bytearray(data), rng.integers(8)
    begin, length = int(rng.integers(len(data))), int(rng.integers(1, 17))
    piece = changed[begin : begin + length]
    if kind in (0, 1):  # one bit, a few bytes
        for _ in range(1 if kind == 0 else length):
            at = int(rng.integers(len(data)))
            changed[at] ^= (1 << int(rng.integers(8))) if kind == 0 else int(rng.integers(1, 256))
    elif kind == 2:
        del changed[begin:]
    elif kind == 3:
        del changed[begin : begin + length]
    elif kind == 4:
        changed[begin:begin] = piece  # twice
    elif kind == 5:
        changed[begin:begin] = rng.bytes(length)
    elif kind == 6:
        changed[begin : begin + length] = bytes([int(rng.choice([0, 255]))]) * len(piece)
    else:
        changed[begin:] = other[begin:]
    return bytes(changed)


class Notes(logging.Handler):
    """Counts what is said."""

    def __init__(self) -> None:
        super().__init__()
        self.said = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.said += 1


def outcome(name: str, data: bytes) -> str:
    """What the decoder makes of the bytes: one of OUTCOMES, "said" for another size with a note about it; the words of
    an exception that is not ours behind "crashed"."""
    notes, log = Notes(), logging.getLogger("vcodec")
    log.addHandler(notes)
    log.propagate = False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            image = codec(name).decode(data)
    except CodecError as error:
        return "crashed: more than one line" if "\n" in str(error) else "refused"
    except Exception as error:
        return f"crashed: {type(error).__name__}: {error}"
    finally:
        log.removeHandler(notes)
        log.propagate = True
    if image.shape[:2] == (HEIGHT, WIDTH):
        return "right size"
    return "said" if notes.said else "silent"


def mutations(name: str, seed: int, count: int) -> tuple[dict[str, int], list[str]]:
    """How often each outcome came out of `count` mutants, and the first few that should not have."""
    rng, found, bad = np.random.default_rng([seed, FORMATS.index(name)]), Counter(dict.fromkeys(OUTCOMES, 0)), []
    for index in range(count):
        whole = files(name)
        data = mutant(whole[index % len(whole)], whole[(index + 1) % len(whole)], rng)
        result = outcome(name, data)
        found[result.split(":")[0]] += 1
        if result.startswith("crashed") or (result == "silent" and len(bad) < 3):
            bad.append(f"{result} ({data[:400].hex()})" if result == "silent" else result)
    return dict(found), bad


def bombs() -> dict[str, bytes]:
    """Small files that claim large pictures."""
    jpeg = bytearray(files("scic-jpeg")[2])
    at = next(i for i in range(len(jpeg)) if jpeg[i] == 0xFF and jpeg[i + 1] in (0xC0, 0xC2))
    claims = {}
    for side in (30_000, 65_500):
        jpeg[at + 5 : at + 9] = struct.pack(">HH", side, side)
        claims[f"JPEG of {side}x{side}"] = bytes(jpeg)
    return claims | {
        "vcn of 10000x10000": bytes.fromhex("d656434e010105f8b4973c27102710f8dcb982000140004000"),
        "vcn without a payload": bytes.fromhex("d656434e010005f8b4973c00400040cdfade7800"),
    }

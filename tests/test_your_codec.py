"""The reader's own codec: is the module what the chapters say, do its files come back, is its card true?"""

import ast
import hashlib
import json
import sys

import nbformat
import numpy as np
import pytest
import torch

from tools.collect_parts import MODULE, ROOT, collect, parts
from tools.train_your_codec import CARD, PHOTOS, RATES, STEPS, at_rates, curve, jpeg
from vcodec import your_codec
from vcodec.images import embedded
from vcodec.weights import LICENCE, data_terms

TEXT = MODULE.read_text(encoding="utf-8")
KNOWN = json.loads(CARD.read_text())


@pytest.fixture(scope="module")
def codecs():
    return your_codec.load(your_codec.WEIGHTS)


def test_the_module_is_what_the_chapters_say():
    assert collect() == TEXT, "run: python tools/collect_parts.py"
    for path in sorted((ROOT / "book").glob("ch*.ipynb"))[1:10]:
        assert parts(path), f"{path.stem} has no part"
        assert max(len(part.splitlines()) for part in parts(path)) <= 40


def test_every_chapter_says_where_its_part_goes():
    for path in sorted((ROOT / "book").glob("ch*.ipynb")):
        headings = [cell.source for cell in nbformat.read(path, as_version=4).cells if "## Your codec" in cell.source]
        assert len(headings) == bool(parts(path)), path.stem


def test_the_module_is_short_and_needs_three_packages():
    assert len(TEXT.splitlines()) <= 350
    nodes = list(ast.walk(ast.parse(TEXT)))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in names} - sys.stdlib_module_names == {"torch", "numpy", "PIL"}


@pytest.mark.parametrize("shape", [(1, 1), (16, 16), (37, 90)])
def test_a_file_comes_back_in_the_shape_of_the_picture(shape, codecs):
    photo = your_codec.to_gray(embedded("coffee"))[150 : 150 + shape[0], 200 : 200 + shape[1]]
    sizes = []
    for step in (8, 64):
        data = your_codec.encode(photo, step, codecs)
        restored = your_codec.decode(data, codecs)
        assert restored.shape == shape and restored.dtype == np.uint8
        assert np.abs(restored.astype(int) - photo).mean() < step / 2
        sizes.append(len(data))
    assert sizes[1] <= sizes[0]


def test_the_file_is_the_cheaper_of_both_resolutions(codecs):
    photo = your_codec.to_gray(embedded("astronaut"))[:96, 200:320]
    for step, scale in ((8, 1), (200, 2)):
        assert your_codec.encode(photo, step, codecs) == your_codec.write(photo, step, codecs[scale - 1])


def test_integers_of_any_size_come_back():
    random = np.random.default_rng(0)
    integers = (random.laplace(size=(64, 5, 3)) * 2.0 ** random.uniform(-3, 11, (64, 1, 1))).astype(int)
    integers[:, 2] = 0
    coder = your_codec.RangeCoder([2**15] * your_codec.CONTEXTS)
    your_codec.code_blocks(coder, integers.shape, integers)
    decoder = your_codec.RangeCoder([2**15] * your_codec.CONTEXTS, coder.finish())
    assert np.array_equal(your_codec.code_blocks(decoder, integers.shape), integers)


@pytest.mark.parametrize("damage", [lambda d: d[:-1], lambda d: d[:9], lambda d: d[:20] + b"?" + d[21:], lambda d: b""])
def test_a_damaged_file_is_refused_in_one_sentence(damage, codecs):
    data = your_codec.write(your_codec.to_gray(embedded("coffee"))[:48, :64], 20, codecs[0])
    with pytest.raises(ValueError, match=r"file of your codec|file is damaged"):
        your_codec.decode(damage(data), codecs)


def test_a_training_stores_weights_that_write_files(tmp_path):
    photos, costs = [your_codec.to_gray(embedded("coffee"))[:128, :128]], []
    your_codec.build(photos, 3, tmp_path / "weights.npz", watch=lambda each: costs.append(list(each)))
    assert [len(each) for each in costs] == [3, 3]
    built = your_codec.load(tmp_path / "weights.npz")
    for codec in built:
        restored = your_codec.decode(your_codec.write(photos[0], 40, codec), built)
        assert np.abs(restored.astype(int) - photos[0]).mean() < 20
        assert (codec.table != 2**15).any()


@pytest.mark.parametrize("virtual", [False, True], ids=["straight-through", "virtual codec"])
def test_the_resampler_learns_by_either_gradient(virtual):
    patches = [your_codec.to_gray(embedded("coffee"))[row : row + 96, 200:296] for row in (100, 200)]
    x = torch.from_numpy(np.stack(patches))[:, None] / 255
    codec, vcn = your_codec.Codec(2), your_codec.VirtualCodec(2) if virtual else None
    optimizer = torch.optim.Adam([*codec.parameters(), *(vcn.parameters() if vcn else [])], lr=2e-3)
    costs = [your_codec.train_step(codec, optimizer, x, 16.0, vcn) for _ in range(20)]
    assert costs[-1] < 0.98 * costs[0]
    assert codec.rsn.trunk.last.weight.abs().max() > 0


@pytest.mark.parametrize(("scale", "network"), [(1, "idn"), (2, "rsn"), (2, "idn")])
def test_each_network_that_ships_lowers_the_cost(scale, network):
    crops = [your_codec.to_gray(embedded(name))[100:292, 130:322] for name in PHOTOS]
    x, costs = torch.from_numpy(np.stack(crops))[:, None] / 255, []
    codec = your_codec.load(your_codec.WEIGHTS)[scale - 1]
    with torch.no_grad():
        for _ in ("with its correction", "without"):
            costs.append(your_codec.cost(x, *codec(codec.rsn(x, 48.0), 48.0), 48.0).item())
            for weight in getattr(codec, network).trunk.last.parameters():
                weight.zero_()
    assert costs[0] < costs[1]


def test_the_card_is_that_of_these_weights():
    assert KNOWN["sha256"] == hashlib.sha256(your_codec.WEIGHTS.read_bytes()).hexdigest()
    assert KNOWN["cpu_minutes"] <= 15 and KNOWN["command"].endswith(f"{KNOWN['data']} {KNOWN['steps']}")
    assert KNOWN["licence"] == LICENCE and KNOWN["data_terms"] == data_terms(KNOWN["data"])
    assert your_codec.WEIGHTS.stat().st_size < 300_000


@pytest.mark.parametrize("name", PHOTOS)
def test_whole_files_are_as_good_as_the_card_says_and_better_than_jpeg(name, codecs):
    known, photo = KNOWN["measured"]["photos"][name], your_codec.to_gray(embedded(name))
    pairs = list(zip(STEPS, known["scales"], strict=True))
    yours = curve(photo, lambda x, pair: your_codec.write(x, pair[0], codecs[pair[1] - 1]),
                  lambda data: your_codec.decode(data, codecs), pairs)  # fmt: skip
    rates, quality = np.transpose(yours)
    assert rates == pytest.approx(np.transpose(known["points"])[0], rel=0.005)  # floats differ between processors
    assert quality == pytest.approx(np.transpose(known["points"])[1], abs=0.02)
    assert rates[0] < RATES[0] and rates[-1] > RATES[-1]
    assert at_rates(known["points"]) == known["your_codec"]
    assert all(np.array(at_rates(yours)) > np.array(at_rates(jpeg(photo))) + 0.8)  # dB at 0.1 to 0.4 bpp

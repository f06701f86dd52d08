"""Does a .vcn file hold the same symbols for every machine, keep every size, and refuse what is broken?"""

import copy
import hashlib
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import shaken
from PIL import Image

import vcodec
from vcodec import dnnc
from vcodec.dnnc import networks as deep_networks
from vcodec.errors import CodecError
from vcodec.images import embedded, luma
from vcodec.metrics import bits_per_pixel, psnr
from vcodec.networks import tiles

GOLDEN = Path(__file__).parent.parent / "golden"
EXPECTED = json.loads((GOLDEN / "symbols.json").read_text())


@pytest.fixture(scope="module")
def plain() -> dnnc.Dnnc:
    """The transform and its entropy model, no networks: fast."""
    return dnnc.load(GOLDEN)


@pytest.fixture(scope="module")
def full(plain) -> dnnc.Dnnc:
    """The same with networks that do something, trained for nothing."""
    rsn, idn = (shaken(network, amount=0.5) for network in deep_networks.build_deep_networks("tiny"))
    return dnnc.Dnnc(replace(plain.networks, rsn=rsn, idn=idn))


@pytest.fixture(scope="module")
def cat() -> np.ndarray:
    return embedded("chelsea")[60:187, 140:301].copy()


@pytest.mark.parametrize("name", EXPECTED)
def test_golden_files_still_hold_the_same_symbols(plain, name):
    data = (GOLDEN / f"{name}.vcn").read_bytes()
    header, symbols = plain.symbols(data)
    assert hashlib.sha256(symbols.astype("<i4").tobytes()).hexdigest() == EXPECTED[name]["sha256"]
    picture = plain.decode(data)
    assert list(picture.shape) == EXPECTED[name]["shape"]
    original = {"gray": luma(embedded("chelsea")[60:187, 140:301]), "colour": embedded("chelsea")[60:187, 140:301]}
    if name in original:
        assert 25 < psnr(picture, original[name]) < 40
    assert plain.encode(picture, header.quality)[:4] == data[:4]


class InFloat64(torch.nn.Module):
    """A network that calculates with 64 bits, for the pictures that it would be given otherwise."""

    def __init__(self, network: torch.nn.Module):
        super().__init__()
        self.network, self.halo = copy.deepcopy(network).double(), network.halo

    def forward(self, x, step):
        return self.network(x.double(), step.double()).float()


def with_networks(codec: dnnc.Dnnc, change) -> dnnc.Dnnc:
    return dnnc.Dnnc(replace(codec.networks, rsn=change(codec.networks.rsn), idn=change(codec.networks.idn)))


class WithoutOneDnn(torch.nn.Module):
    """A network that calculates with PyTorch's own convolutions, which add in another order."""

    def __init__(self, network: torch.nn.Module):
        super().__init__()
        self.network, self.halo = network, network.halo

    def forward(self, x, step):
        before, torch.backends.mkldnn.enabled = torch.backends.mkldnn.enabled, False
        try:
            return self.network(x, step)
        finally:
            torch.backends.mkldnn.enabled = before


@pytest.mark.slow
def test_a_file_holds_the_same_symbols_whatever_the_arithmetic_of_the_networks(full, cat):
    """Coded on each setting, decoded on all others: the last bits of the networks differ, the symbols do not."""
    picture = luma(cat)[:64, :80]
    codecs = {"eager": full, "float64": with_networks(full, InFloat64), "plain": with_networks(full, WithoutOneDnn)}
    settings = [(name, count) for count in (1, 8) for name in codecs]
    first, threads = full.encode(picture, 35), torch.get_num_threads()
    files, pictures, symbols = {first}, {}, {}
    try:
        for name, count in settings:
            torch.set_num_threads(count)
            files.add(codecs[name].encode(picture, 35))
            pictures[name, count] = codecs[name].decode(first)
        for name, count in settings:
            torch.set_num_threads(count)
            for data in files:
                symbols.setdefault(data, set()).add(codecs[name].symbols(data)[1].tobytes())
    finally:
        torch.set_num_threads(threads)
    assert {len(found) for found in symbols.values()} == {1}
    reference = pictures["eager", 1].astype(int)
    assert all(np.abs(decoded - reference).max() <= 1 for decoded in pictures.values())
    differences = [codec.coefficients(picture, 35) - full.coefficients(picture, 35) for codec in codecs.values()]
    assert 0 < np.abs(differences[1]).max() < 1e-3  # the arithmetic really differs


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU; the symbols of a file do not depend on one")
def test_a_gpu_finds_the_same_symbols(full, cat):
    data = full.encode(cat, 35)
    on_gpu = with_networks(full, lambda network: copy.deepcopy(network).cuda())
    assert np.array_equal(on_gpu.symbols(data)[1], full.symbols(data)[1])


@pytest.mark.slow
def test_a_search_for_a_psnr_decodes_nothing_and_runs_no_network_for_a_price(full, cat, monkeypatch):
    """The encoder knows the symbols; another price of bits changes no coefficient."""
    small = cat[:64, :80]
    expected = full.encode(small, min_psnr=16)
    assert psnr(full.decode(expected), small) >= 16
    monkeypatch.setattr(dnnc.Dnnc, "symbols", lambda self, data: pytest.fail("decoded"))
    qualities, coefficients = [], dnnc.Dnnc.coefficients

    def counted(self, x, quality):
        qualities.append(quality)
        return coefficients(self, x, quality)

    monkeypatch.setattr(dnnc.Dnnc, "coefficients", counted)
    assert full.encode(small, min_psnr=16) == expected
    assert len(qualities) == len(set(qualities)) + 1  # the one that is found is looked at once more


@pytest.mark.parametrize("size", [(1, 1), (1, 2), (2, 1), (3, 5), (15, 16), (16, 17), (1, 4097), (4097, 3)])
@pytest.mark.parametrize("colour", [False, True], ids=["gray", "colour"])
def test_every_size_comes_back(plain, size, colour):
    random = np.random.default_rng(0)
    picture = random.integers(0, 256, (*size, 3) if colour else size, dtype=np.uint8)
    quality = (1, 40, 100)[sum(size) % 3]
    assert plain.decode(plain.encode(picture, quality)).shape == picture.shape


@pytest.mark.parametrize("value", [0, 7, 128, 255])
def test_flat_pictures_are_tiny_and_almost_exact(full, plain, value):
    picture = np.full((130, 70), value, np.uint8)
    data = plain.encode(picture, 60)
    assert len(data) < 70 and np.abs(plain.decode(data).astype(int) - value).max() <= 3
    assert full.decode(full.encode(picture, 60)).shape == picture.shape


def test_noise_at_the_finest_step_is_almost_exact(plain):
    noise = np.random.default_rng(1).integers(0, 256, (64, 48), dtype=np.uint8)
    assert psnr(plain.decode(plain.encode(noise, 100)), noise) > 54  # a step of 1: an error of 1/12 + rounding


def test_quality_buys_bytes_and_decibels(plain, cat):
    picture = luma(cat)
    points = [(len(d), psnr(plain.decode(d), picture)) for d in (plain.encode(picture, q) for q in (5, 25, 45, 65, 85))]
    assert points == sorted(points) and points[0][0] < points[-1][0] / 10


def test_a_budget_is_kept_and_used(plain, cat):
    picture = luma(cat)
    data = plain.encode(picture, bpp=0.5)
    assert 0.4 < bits_per_pixel(data, picture) <= 0.5
    assert 900 < len(plain.encode(picture, max_bytes=1000)) <= 1000
    with pytest.raises(CodecError, match="the smallest file takes"):
        plain.encode(picture, max_bytes=20)


def test_tiles_leave_no_seam(full, monkeypatch):
    """The same picture in one piece and in tiles of 64 pixels."""
    picture = luma(embedded("chelsea"))[:160, :208]
    whole = full.coefficients(picture, 40), full.decode(full.encode(picture, 40))
    monkeypatch.setattr(tiles, "TILE", 64)
    parts = full.coefficients(picture, 40), full.decode(full.encode(picture, 40))
    assert np.abs(whole[0] - parts[0]).max() < 1e-3
    assert np.abs(whole[1].astype(int) - parts[1]).max() <= 1


@pytest.fixture(scope="module")
def shipped() -> dnnc.Dnnc:
    return vcodec.load("dnnc")


class TestShipped:
    def test_it_beats_jpeg_2000_at_its_own_size(self, shipped):
        for name in ("coffee", "astronaut"):
            picture = luma(embedded(name))[:256, 100:356]
            data = shipped.encode(picture, 35)
            buffer = io.BytesIO()
            ratio = picture.size / len(data)
            Image.fromarray(picture).save(buffer, "JPEG2000", quality_mode="rates", quality_layers=[ratio])
            jpeg2000 = np.asarray(Image.open(buffer))
            assert psnr(shipped.decode(data), picture) > psnr(jpeg2000, picture) + 0.3

    def test_colour_works(self, shipped, cat):
        data = shipped.encode(cat, 45)
        assert psnr(shipped.decode(data), cat) > 29 and shipped.decode(data).shape == cat.shape

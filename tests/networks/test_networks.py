"""Do the networks have the right shape, start at the baseline, and pass gradients where they should and only there?"""

import copy

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from conftest import shaken
from scipy.fft import dctn
from torch import nn

from vcodec.dct import dct_basis
from vcodec.errors import CodecError
from vcodec.images import luma, to_float
from vcodec.networks import NetworkPair, VirtualCodec, build_networks, double, halve, tiles
from vcodec.networks.layers import ResidualBlock
from vcodec.networks.tiles import NO_NETWORK, apply_tiled, fastest_dtype
from vcodec.networks.virtual_codec import RateHead
from vcodec.standard import TUNED_JPEG, Jpeg
from vcodec.training import BatchCodec, PatchSampler, squared_error
from vcodec.training.steps import Descent, update_vcn

STEPS = torch.tensor([5.0, 60.0])
EVERY = pytest.mark.parametrize(("name", "scale"), [(n, s) for n in ("default", "paper") for s in (1, 2)])
SCALES = pytest.mark.parametrize("scale", [1, 2])


@EVERY
def test_sizes_and_ranges(name, scale):
    rsn, idn = build_networks(name, scale)
    x = torch.rand(2, 1, 32, 48)
    y = rsn(x, STEPS)
    assert y.shape == (2, 1, 32 // scale, 48 // scale) and 0 <= y.min() and y.max() <= 1
    assert idn(y, STEPS).shape == x.shape


@pytest.mark.parametrize(("name", "scale"), [("default", 3), ("default", 0), ("default", "2"), ("unheard", 1)])
def test_networks_that_do_not_exist_are_refused(name, scale):
    with pytest.raises(CodecError):
        build_networks(name, scale)


@SCALES
def test_step_0_is_the_baseline_exactly(scale):
    rsn, idn = build_networks("default", scale)
    x = torch.rand(2, 1, 32, 48)
    assert torch.equal(rsn(x, STEPS), x if scale == 1 else halve(x))
    assert torch.equal(idn(x, STEPS), x if scale == 1 else double(x))


@SCALES
def test_the_paper_networks_have_the_layers_of_the_figure(scale):
    rsn, idn = build_networks("paper", scale)

    def layers(network: nn.Module) -> list[tuple]:
        found = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
        return [(type(m), *m.kernel_size, m.in_channels, m.out_channels, *m.stride) for m in found]

    def conv(kernel, c_in, c_out, stride, kind=nn.Conv2d):
        return kind, kernel, kernel, c_in, c_out, stride, stride

    middle = [conv(3, 128, 128, 1)]
    assert layers(rsn) == [conv(9, 1, 128, 1), conv(3, 128, 128, scale), *4 * middle, conv(9, 128, 1, 1)]
    assert layers(idn) == [conv(9, 1, 128, 1), *5 * middle, conv(9, 128, 1, scale, nn.ConvTranspose2d)]
    for network in (rsn, idn):  # a ReLU after each but the last
        kinds = [type(m) for m in network.modules() if not list(m.children())]
        assert kinds[1::2] == [nn.ReLU] * 6 and nn.ReLU not in kinds[::2]


@EVERY
@pytest.mark.parametrize("amount", [1, 3, 10])
def test_rsn_never_leaves_the_range_of_pixels(name, scale, amount):
    """Unclamped, it learns to amplify, and the codec clips what it was promised: 34 dB arrive as 25 dB."""
    rsn = shaken(build_networks(name, scale)[0], amount, amount)
    y = rsn(torch.rand(2, 1, 16, 16), STEPS)
    assert 0 <= y.min() and y.max() <= 1  # false for NaN as well
    assert amount == 1 or ((y == 0) | (y == 1)).any()  # the clamp had work to do


@EVERY
@pytest.mark.parametrize("size", [(51, 36), (1, 40)])
def test_tiles_leave_no_seam(name, scale, size, single_precision):
    """Every random weight counts here: a halo that is a pixel too small would show."""
    for network, ratio in zip(build_networks(name, scale), (1 / scale, scale), strict=True):
        network = shaken(network)
        height, width = (s + s % 2 if ratio == 0.5 else s for s in size)
        x = torch.rand(1, 1, height, width)
        with torch.no_grad():
            whole = apply_tiled(network, x, 20.0, ratio, tile=1000)
            tiled = apply_tiled(network, x, 20.0, ratio, tile=16)
        assert whole.shape == (1, 1, int(ratio * height), int(ratio * width))
        largest = whole.abs().max()
        assert whole.std() > 0.01 and (whole - tiled).abs().max() < 1e-5 * max(1, largest)
        if height > 32:
            network.halo = 0  # proof that the comparison sees a seam
            with torch.no_grad():
                assert (apply_tiled(network, x, 20.0, ratio, tile=16) - whole).abs().max() > 1e-3 * largest


@SCALES
def test_one_tile_is_the_network_itself(scale, single_precision):
    rsn, idn = map(shaken, build_networks("default", scale))
    pair = NetworkPair(scale, rsn, idn)
    x, step = torch.rand(1, 1, 20, 24), torch.tensor([20.0])
    assert torch.allclose(pair.resample(x, 20.0), rsn(x, step), atol=1e-6)
    assert torch.allclose(pair.restore(x, 20.0), idn(x, step), atol=1e-6)


@SCALES
def test_sixteen_bits_move_a_picture_by_less_than_its_rounding(scale, monkeypatch):
    """Corrections of a few levels, to 8 or 11 bits of mantissa each: what passes by the network stays exact."""
    rsn, idn = (shaken(network, amount=0.8) for network in build_networks("tiny", scale))
    pair, x, results = NetworkPair(scale, rsn, idn), torch.rand(1, 1, 40, 48), {}
    for dtype in (torch.float32, torch.bfloat16, torch.float16):
        monkeypatch.setattr(tiles, "fastest_dtype", lambda device, dtype=dtype: dtype)
        results[dtype] = [pair.resample(x, 20.0), pair.restore(x, 20.0)]
        assert all(result.dtype == torch.float32 for result in results[dtype])
    exact = results.pop(torch.float32)
    plain = NetworkPair(scale).resample(x, 1)
    assert (exact[0] - plain).abs().max() > 1 / 255  # the network did something
    for quick in results.values():
        for difference in (a - b for a, b in zip(exact, quick, strict=True)):
            assert 0 < difference.abs().max() < 2 / 255 and difference.abs().mean() < 0.5 / 255


@SCALES
def test_at_step_0_bfloat16_is_exact(scale, monkeypatch):
    monkeypatch.setattr(tiles, "fastest_dtype", lambda device: torch.bfloat16)
    pair, x = NetworkPair(scale, *build_networks("default", scale)), torch.rand(1, 1, 20, 24)
    assert torch.equal(pair.resample(x, 20.0), x if scale == 1 else halve(x))
    assert torch.equal(pair.restore(x, 20.0), x if scale == 1 else double(x))


def test_the_type_follows_what_the_machine_can_do(monkeypatch):
    for capabilities, dtype in (
        ({"amx_bf16": True}, torch.bfloat16), ({"amx_bf16": False, "avx512_bf16": True}, torch.bfloat16),
        ({}, torch.float32),
    ):  # fmt: skip
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda c=capabilities: c, raising=False)
        assert fastest_dtype.__wrapped__("cpu") == dtype
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    assert fastest_dtype.__wrapped__("cpu") == torch.float32
    for has_units, dtype in ((True, torch.bfloat16), (False, torch.float16)):  # an A100, a T4
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation, has=has_units: has)
        assert fastest_dtype.__wrapped__("cuda") == dtype
    assert fastest_dtype.__wrapped__("mps") == torch.float32


def test_a_picture_alone_is_modulated_as_in_a_batch():
    """The condition inside the convolution is the same sum in another order."""
    block = shaken(ResidualBlock(16))
    x, scale, shift = torch.randn(2, 16, 9, 11), torch.randn(2, 16, 1, 1), torch.randn(2, 16, 1, 1)
    together = block(x, scale, shift)
    for i in (slice(0, 1), slice(1, 2)):
        before = x[i].clone()
        assert torch.allclose(block(x[i], scale[i], shift[i]), together[i], atol=1e-5)
        assert torch.equal(x[i], before)  # nothing is written over
    assert not torch.allclose(together, x + block.second(torch.relu(block.first(x))), atol=0.1)


@SCALES
def test_without_networks_a_pair_is_the_plain_operation(scale):
    pair, x = NetworkPair(scale), torch.rand(1, 1, 20, 24)
    assert torch.equal(pair.resample(x, 9.0), x if scale == 1 else halve(x))
    assert torch.equal(pair.restore(x, 9.0), x if scale == 1 else double(x))
    assert pair.network_id == NO_NETWORK


@SCALES
def test_the_default_networks_listen_to_the_step(scale):
    x = torch.rand(1, 1, 16, 16)
    for network in map(shaken, build_networks("default", scale)):
        assert (network(x, torch.tensor([2.0])) - network(x, torch.tensor([90.0]))).abs().max() > 0.01


def test_resamplers_keep_a_flat_picture_and_shift_nothing():
    flat = torch.full((1, 1, 8, 8), 0.3)
    assert torch.allclose(halve(flat), flat[..., :4, :4]) and torch.allclose(double(flat)[..., :8, :8], flat)
    ramp = torch.linspace(0.2, 0.8, 32).expand(1, 1, 32, 32)
    # A shift of half a pixel would be 0.01; PyTorch's bicubic (a = -0.75) waves by 0.002 around a ramp.
    assert torch.allclose(double(halve(ramp))[..., 8:-8], ramp[..., 8:-8], atol=0.004)


# Weight files.


def test_the_dct_is_that_of_scipy():
    basis, block = dct_basis().double(), torch.rand(8, 8, dtype=torch.float64)
    assert torch.allclose(basis @ basis.T, torch.eye(8, dtype=torch.float64), atol=1e-6)
    assert np.allclose(basis @ block @ basis.T, dctn(block.numpy(), norm="ortho"), atol=1e-5)
    head = nn.functional.conv2d(block[None, None].float(), RateHead().kernels)[0, :, 0, 0].reshape(8, 8)
    assert np.allclose(head, dctn(block.numpy(), norm="ortho"), atol=1e-4)  # rows and columns not exchanged


def test_vcn_starts_as_a_copy_of_the_idn_and_shares_nothing_with_it():
    idn = shaken(build_networks("default", 2)[1])
    vcn, y = VirtualCodec(idn), torch.rand(2, 1, 17, 24)
    imitation, bits = vcn(y, STEPS)
    assert torch.equal(imitation, idn(y, STEPS)) and bits.shape == (2,) and (bits > 0).all()
    before = copy.deepcopy(idn.state_dict())
    with torch.no_grad():
        for parameter in vcn.parameters():
            parameter += 1
    assert all(torch.equal(before[key], value) for key, value in idn.state_dict().items())


@SCALES
def test_a_gradient_reaches_rsn_through_vcn_by_pixels_and_by_bits(scale):
    rsn, idn = build_networks("default", scale)
    vcn, x = VirtualCodec(idn), torch.rand(2, 1, 32, 32)
    for part in (0, 1):
        rsn.zero_grad()
        vcn(rsn(x, STEPS), STEPS)[part].square().sum().backward()
        tail = rsn.trunk.tail.weight.grad
        assert tail is not None and tail.isfinite().all() and tail.abs().max() > 0


@pytest.mark.slow
def test_the_rate_head_learns_the_bits_of_real_files(photo):
    """A few dozen steps: the relative miss falls to less than half (the full training reaches a few per cent)."""
    torch.manual_seed(0)
    patches = PatchSampler([luma(photo)], size=32, seed=0)
    codec = BatchCodec(Jpeg(luma_table=TUNED_JPEG.luma_table, optimize=False))
    vcn = VirtualCodec(nn.Module())
    vcn.decoder.forward = lambda y, step: y  # pixels are not asked about here
    optimizer, descend = torch.optim.Adam(vcn.parameters(), 3e-3), Descent(Accelerator(cpu=True))
    misses = []
    for index in range(40):
        y, qualities = patches.sample(8), np.linspace(1 + index % 5, 90, 8).astype(int)
        z, bits = codec(y, qualities)
        step = torch.tensor([codec.codec.step(int(q)) for q in qualities])
        misses.append(update_vcn(vcn, optimizer, descend, y, step, z, bits, squared_error)["bits_miss"])
    assert np.mean(misses[-10:]) < np.mean(misses[:3]) / 2
    head = vcn.rate.eval()
    y, step = to_float(luma(photo)), torch.tensor([codec.codec.step(10)])
    assert head(y, step) > head(torch.full_like(y, 0.5), step)  # and a busy picture costs more than a flat one
    assert head(y, step) > head(y, 4 * step)

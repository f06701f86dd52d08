"""Is each stand-in what its formula says, and does a gradient reach the re-sampler through it?"""

import numpy as np
import pytest
import torch
from conftest import shaken
from torch import nn

from vcodec.dct import block_kernels
from vcodec.errors import CodecError
from vcodec.images import luma, to_float
from vcodec.networks import VirtualCodec, build_networks
from vcodec.standard import CODECS, Jpeg
from vcodec.training import BatchCodec
from vcodec.training.steps import frozen
from vcodec.training.surrogates import (
    GRADIENTS,
    build_stand_in,
    differentiable_jpeg,
    luma_tables,
    noisy,
    straight_through,
)

JPEG = CODECS["jpeg"]
QUALITIES = torch.tensor([10, 40])
STEPS = torch.tensor([JPEG.step(10), JPEG.step(40)])


class Untouched(nn.Module):
    """An IDN that changes nothing, so that what it is given can be seen."""

    def forward(self, z: torch.Tensor, step: torch.Tensor) -> torch.Tensor:
        return z


def seen_by_idn(name: str, y: torch.Tensor, codec=JPEG) -> torch.Tensor:
    stand_in = build_stand_in(name, Untouched(), VirtualCodec(Untouched()), BatchCodec(codec))
    return stand_in(y, STEPS[: len(y)], QUALITIES[: len(y)])


def test_straight_through_has_the_values_of_z_and_the_gradient_of_y():
    y, z = torch.rand(2, 1, 8, 8, requires_grad=True), torch.rand(2, 1, 8, 8)
    out = straight_through(y, z)
    assert torch.allclose(out, z, atol=1e-6)
    weights = torch.rand_like(out)
    (out * weights).sum().backward()
    assert torch.equal(y.grad, weights)


def test_straight_through_shows_idn_the_pixels_of_the_real_codec(photo):
    y = to_float(luma(photo)[:40, :48]).repeat(2, 1, 1, 1).requires_grad_()
    assert torch.allclose(seen_by_idn("straight-through", y), BatchCodec(JPEG)(y, [10, 40])[0], atol=1e-6)


def test_noise_has_the_variance_of_rounding_and_leaves_the_gradient_alone():
    y = torch.full((2, 1, 200, 200), 0.5, requires_grad=True)
    out = noisy(y, torch.tensor([6.0, 60.0]))
    error = 255 * (out - y).detach()
    assert error.var(dim=(1, 2, 3)).tolist() == pytest.approx([36 / 12, 3600 / 12], rel=0.02)
    assert error[0].abs().max() <= 3.001 and error[1].abs().max() <= 30.001 and abs(error[1].mean()) < 0.5
    assert not torch.equal(noisy(y, STEPS), noisy(y, STEPS))
    out.sum().backward()
    assert torch.equal(y.grad, torch.ones_like(y))


@pytest.mark.parametrize("codec", [JPEG, CODECS["jpeg-table"], Jpeg(optimize=False)], ids=["annex K", "flat", "fast"])
@pytest.mark.parametrize("size", [(64, 80), (37, 51)])
def test_differentiable_jpeg_is_jpeg(codec, size, photo):
    """But for the decoder's rounding, and coefficients so near a tie that libjpeg's integers take the other side."""
    plane = luma(photo)[: size[0], : size[1]] // 2 + 64  # no clipping, which the formula leaves out
    for quality in (5, 25, 60, 90):
        steps = luma_tables(codec)[[quality]]
        ours = 255 * differentiable_jpeg(to_float(plane), steps, block_kernels())[0, 0].numpy()
        theirs = codec.decode(codec.encode(plane, quality)).astype(float)
        error = np.abs(ours - theirs)
        assert ours.shape == plane.shape and np.median(error) < 0.4 and np.mean(error > 1) < 0.2
        assert quality > 5 or error.max() < 0.6
        assert error.mean() < 0.8 * np.abs(plane - theirs).mean()  # nearer than the picture itself


def test_the_gradient_of_differentiable_jpeg_is_that_of_no_rounding():
    """DCT and inverse cancel: whatever is asked of the output is asked of the input."""
    y = torch.rand(2, 1, 16, 24, requires_grad=True)
    weights = torch.rand(2, 1, 16, 24)
    (differentiable_jpeg(y, luma_tables(JPEG)[QUALITIES], block_kernels()) * weights).sum().backward()
    assert torch.allclose(y.grad, weights, atol=1e-5)


def test_every_picture_of_a_batch_is_quantised_by_its_own_quality(photo):
    y = to_float(luma(photo)[:32, :32]).repeat(2, 1, 1, 1)
    coarse, fine = 255**2 * (seen_by_idn("differentiable-jpeg", y) - y).square().mean(dim=(1, 2, 3))
    assert coarse > 2 * fine


def test_tables_are_the_files_own():
    tables = luma_tables(CODECS["jpeg-tuned"])
    assert tables.shape == (101, 64, 1, 1) and tables[1:].min() >= 1
    assert tables[30].flatten().tolist() == CODECS["jpeg-tuned"].tables(30)[0]


@pytest.mark.parametrize("scale", [1, 2])
@pytest.mark.parametrize("name", [name for name in GRADIENTS if name != "none"])
def test_a_gradient_reaches_rsn_and_leaves_nothing_in_the_frozen_networks(name, scale):
    rsn, idn = build_networks("tiny", scale)
    vcn = VirtualCodec(shaken(idn).requires_grad_(True))
    x = torch.rand(2, 1, 32, 32)
    with frozen(idn, vcn):
        stand_in = build_stand_in(name, idn, vcn, BatchCodec(JPEG))
        out = stand_in(rsn(x, STEPS), STEPS, QUALITIES)
        assert out.shape == x.shape
        (out - x).square().sum().backward()
    tail = rsn.trunk.tail.weight.grad
    assert tail is not None and tail.isfinite().all() and tail.abs().max() > 0
    assert all(p.grad is None and p.requires_grad for network in (idn, vcn) for p in network.parameters())


def test_only_the_virtual_codec_is_asked_where_it_stands_in(photo):
    """Its imitation may be wrong, and is what RSN sees: not IDN, and not the codec."""
    vcn = VirtualCodec(Untouched())
    vcn.decoder.forward = lambda y, step: 1 - y
    y = to_float(luma(photo)[:16, :16])
    out = build_stand_in("vcn", Untouched(), vcn, BatchCodec(JPEG))(y, STEPS[:1], QUALITIES[:1])
    assert torch.equal(out, 1 - y)


@pytest.mark.parametrize("name", ["none", "", "ste", "VCN"])
def test_names_that_are_none_are_refused_with_those_there_are(name):
    with pytest.raises(CodecError, match="straight-through"):
        seen_by_idn(name, torch.rand(1, 1, 8, 8))


@pytest.mark.parametrize("name", ["webp-tuned", "jpeg2000", "heic"])
def test_a_jpeg_formula_for_another_codec_is_refused(name):
    with pytest.raises(CodecError, match=f"imitates JPEG alone, not {name}"):
        seen_by_idn("differentiable-jpeg", torch.rand(1, 1, 8, 8), CODECS[name])
    assert seen_by_idn("noise", torch.rand(1, 1, 8, 8), CODECS[name]).shape == (1, 1, 8, 8)

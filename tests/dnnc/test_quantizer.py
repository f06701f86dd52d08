"""Does the quantiser of the deep codec lose what it says, and nothing else? And what do its stand-ins let through?"""

import numpy as np
import pytest
import torch

from vcodec.dnnc.quantizer import LatentQuantiser, add_noise, base_step, join_bands, round_ste, split_bands
from vcodec.errors import CodecError
from vcodec.images import embedded, luma, to_float


def test_bands_are_orthonormal_and_the_first_is_a_small_picture():
    x = to_float(luma(embedded("camera")))
    y = split_bands(x)
    assert torch.allclose(join_bands(y), x, atol=1e-5)
    assert (y**2).sum().item() == pytest.approx((x**2).sum().item(), rel=1e-5)
    small = torch.nn.functional.avg_pool2d(x, 2)
    assert (y[:, :1] / 2 - small).abs().mean() < 0.02


@pytest.mark.parametrize("space", ["dct", "feature"])
def test_the_inverse_undoes_it_and_errors_keep_their_size(space):
    quantiser = LatentQuantiser(4, space)
    y, step = torch.randn(2, 4, 16, 24), torch.tensor([3.0, 40.0])
    numbers = quantiser(y, step)
    assert torch.allclose(quantiser.inverse(numbers, step), y, atol=1e-4)
    error = 0.1 * torch.randn_like(numbers)
    moved = quantiser.inverse(numbers + error, step) - y
    expected = (error**2).sum((1, 2, 3)) * step**2 / 255**2
    assert torch.allclose((moved**2).sum((1, 2, 3)), expected, rtol=1e-3)


def test_the_stand_ins():
    x = torch.tensor([0.2, 1.7, -2.6], requires_grad=True)
    round_ste(x).sum().backward()
    assert round_ste(x).tolist() == [0, 2, -3] and x.grad.tolist() == [1, 1, 1]
    noise = add_noise(torch.zeros(20000))
    assert noise.abs().max() <= 0.5 and noise.var().item() == pytest.approx(1 / 12, rel=0.05)


def test_steps_fall_by_the_same_factor_from_200_to_1():
    steps = [base_step(q) for q in range(1, 101)]
    assert steps[0] == 200 and steps[-1] == pytest.approx(1)
    assert np.ptp(np.diff(np.log(steps))) < 1e-9


def test_another_space_is_refused():
    with pytest.raises(CodecError, match="dct or feature, not 'time'"):
        LatentQuantiser(4, "time")

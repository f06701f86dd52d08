"""Does the price of a bit come from the codec's own curve, and is each distortion what its name says?"""

import pytest
import torch

from vcodec.images import embedded, luma, to_float
from vcodec.networks import double, halve
from vcodec.standard import CODECS, FLAT_JPEG
from vcodec.training import RateDistortion, dssim, squared_error
from vcodec.training.objectives import PaperObjective, plain_point


def test_dssim_is_zero_for_equals_and_grows():
    x = to_float(luma(embedded("camera"))[:64, :64])
    assert dssim(x, x).item() == pytest.approx(0, abs=1e-6)
    assert 0 < dssim(x, 0.9 * x).item() < dssim(x, torch.rand_like(x)).item() <= 1
    assert squared_error(x, x + 2 / 255).item() == pytest.approx(4, rel=1e-4)
    assert PaperObjective().rate(torch.ones(3), torch.tensor([1, 2, 3])).tolist() == [0, 0, 0]


@pytest.mark.parametrize("scale", [1, 2])
@pytest.mark.parametrize(
    ("codec", "near"), [(FLAT_JPEG, (10, 13)), (CODECS["jpeg2000"], (50, 54))], ids=["jpeg", "jpeg2000"]
)
def test_the_price_of_a_bit_is_the_slope_of_the_plain_codecs_curve(scale, codec, near):
    """Between two qualities of the plain codec the cost hardly changes: what a bit buys there is what it costs."""
    pictures = [luma(embedded(name))[:160, :160] for name in ("chelsea", "coffee", "astronaut")]
    objective = RateDistortion(codec, scale, pictures)
    assert (objective.price[1:] > 0).all() and (objective.error[1:] > 2).all() and objective.error.shape == (101,)
    (rate, error), (rate2, error2) = (plain_point(codec, scale, pictures, q) for q in near)
    bought, paid = error - error2, objective.price[sum(near) // 2].item() * (rate2 - rate)
    assert 0.7 < paid / bought < 1.4  # the slope is interpolated between a few qualities
    x = to_float(pictures[0])[..., :160, :160]
    z = to_float(codec.decode(codec.encode((255 * halve(x)).round().byte()[0, 0].numpy(), 10)))
    assert plain_point(codec, 2, pictures[:1], 10)[1] == pytest.approx(squared_error(double(z), x).item(), rel=1e-4)

"""Does the deep codec learn from the rate of its own files, and become a codec that can be saved and loaded?"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from vcodec import dnnc
from vcodec.errors import CodecError
from vcodec.images import embedded, luma
from vcodec.training.deep import DeepRounds, DeepSettings, RateModel

GOLDEN = Path(__file__).parent.parent / "golden"
# Small: the entropy model is fitted to crops as high as they are, or 256 pixels.
PHOTOS = (embedded("chelsea")[60:188, 100:292], embedded("coffee")[100:228, 150:342])


@pytest.fixture(scope="module")
def rounds() -> DeepRounds:
    torch.manual_seed(0)
    settings = DeepSettings(network="tiny", patch=64, batch=4, fit_photos=24, lr=2e-3)
    rounds = DeepRounds(settings, PHOTOS)
    rounds.fit()
    return rounds


@pytest.mark.slow
def test_the_rate_of_the_loss_is_the_rate_of_the_file(rounds):
    """Within 1 % and the header, for a picture coded by the model that the loss uses."""
    picture = luma(embedded("astronaut"))[:160, 100:260]
    contexts, quantiser = rounds.rate_model.contexts, rounds.quantiser
    for quality in (20, 50):
        codec = dnnc.Dnnc(dnnc.DeepNetworks(quantiser, contexts, rounds.settings.price, rounds.rsn))
        wanted = codec.coefficients(picture, quality)
        _, bits = rounds.rate_model(torch.from_numpy(wanted)[None], np.array([quality]))
        real = 8 * len(codec.encode(picture, quality)) - 8 * 19
        assert bits.item() == pytest.approx(real, rel=0.01, abs=64)


def test_its_gradient_is_the_slope_of_the_tables(rounds):
    wanted = torch.zeros(1, 256, 2, 2)
    wanted[0, 100, 1, 1] = 0.6
    wanted.requires_grad_(True)
    symbols, bits = RateModel(rounds.rate_model.contexts, 0.0)(wanted, np.array([40]))
    (gradient,) = torch.autograd.grad(bits.sum(), wanted)
    assert symbols[0, 100, 1, 1] == 1 and gradient[0, 100, 1, 1] > 0.3  # larger costs more


@pytest.mark.parametrize("gradient", ["straight-through", "noise", "vcn"])
@pytest.mark.slow
def test_a_few_steps_lower_the_loss_and_reach_the_re_sampler(rounds, gradient):
    """On one batch again and again, so that a few steps are enough."""
    student = DeepRounds(replace(rounds.settings, gradient=gradient), PHOTOS)
    student.rate_model, batch = rounds.rate_model, student.draw()
    student.draw = lambda: batch
    losses = [student.train_step()["loss"].item() for _ in range(10)]
    assert np.mean(losses[-3:]) < np.mean(losses[:3])
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in student.rsn.parameters())


def test_an_unknown_gradient_is_refused():
    with pytest.raises(CodecError, match="not 'hope'"):
        DeepRounds(DeepSettings(gradient="hope"), PHOTOS)


@pytest.mark.slow
def test_networks_for_use_are_saved_and_loaded(rounds, tmp_path, photo):
    made = rounds.networks_for_use(8)
    dnnc.save(tmp_path / dnnc.FILE_NAME, made, {"network": "tiny"})
    codec = dnnc.load(tmp_path)
    data = codec.encode(photo, 30)
    assert codec.decode(data).shape == photo.shape
    with pytest.raises(CodecError, match="made with network"):
        dnnc.load(GOLDEN).decode(data)

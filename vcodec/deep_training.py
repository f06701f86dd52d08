"""Training of the deep codec: rate and distortion in one loss, with the rate of the very tables that will code.

The entropy model (`contexts`, `entropy`) is fitted to the symbols of the networks as they are, the networks are
trained against that entropy model, and so on by turns: the alternating idea of arXiv:1806.08514, for the coder.
Book: chapter 10."""

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from vcodec import entropy, fitting
from vcodec.contexts import Layout, Pass, Symbols
from vcodec.deep_networks import build_deep_networks, to_latent, to_picture
from vcodec.entropy import Choice, ContextModel
from vcodec.errors import CodecError
from vcodec.images import PatchSampler
from vcodec.quantizer import LatentQuantiser, add_noise, base_step

GRADIENTS = ("straight-through", "noise", "vcn")


@dataclass(frozen=True)
class DeepSettings:
    """Everything a run depends on beside its data; stored with the checkpoint and on the weight card."""

    network: str = "default"
    space: str = "dct"
    gradient: str = "straight-through"
    seed: int = 0
    patch: int = 96
    batch: int = 16
    learning_rate: float = 3e-4
    step_rate: float = 1e-3  # learning rate of the steps of the frequencies
    price: float = 0.12  # squared error, in steps, that a bit must save: in training and in the encoder
    fit_photos: int = 100  # crops that the entropy model is fitted to
    fits: int = 3  # how often it is fitted, the last time at the end


class RateModel:
    """Bits of a batch under an entropy model, with a gradient.

    coefficients (N, planes, h, w) in units of the step -> the symbols that the encoder would send, and the bits of each
    image: exactly the ideal code length, whose gradient is the slope of the tables between the whole numbers."""

    def __init__(self, contexts: ContextModel, price: float):
        self.contexts, self.price = contexts, price
        self.table = contexts.bits().astype(np.float32)

    def __call__(self, coefficients: Tensor, quality: np.ndarray) -> tuple[Tensor, Tensor]:
        wanted = coefficients.detach().cpu().numpy().transpose(1, 0, 2, 3)
        planes, images, height, width = wanted.shape
        framed = np.pad(wanted, ((0, 0), (0, 0), (1, 1), (1, 1))).reshape(planes, -1)
        length, slope = np.zeros_like(framed), np.zeros_like(framed)
        symbols = Symbols(self.contexts.layout, images, height, width)

        def settle(spot: Pass, choice: Choice) -> np.ndarray:
            target = choice.sign * (framed[spot.plane, spot.positions] - choice.centre)
            residual = entropy.cheapest(target, choice, self.table, self.price)
            length[spot.plane, spot.positions] = entropy.code_length(residual, choice.key, choice.shift, self.table)
            below = np.floor(target).astype(np.int64)
            ends = [entropy.code_length(below + up, choice.key, choice.shift, self.table) for up in (0, 1)]
            slope[spot.plane, spot.positions] = choice.sign * (ends[1] - ends[0])
            return residual

        used = entropy.planes_used(self.contexts.layout, wanted)
        entropy.code(self.contexts, symbols, quality, used, settle)

        def batch(array: np.ndarray) -> Tensor:
            inside = array.reshape(planes, images, height + 2, width + 2)[:, :, 1:-1, 1:-1]
            return torch.from_numpy(inside.transpose(1, 0, 2, 3).astype(np.float32)).to(coefficients.device)

        change = batch(slope) * (coefficients - coefficients.detach())
        return batch(symbols.signed.reshape(planes, -1)), (batch(length) + change).sum((1, 2, 3))


class DeepRounds:
    """Networks, quantiser, entropy model and data; and one step of their training."""

    def __init__(self, settings: DeepSettings, images: Sequence[np.ndarray], device: str = "cpu"):
        """images: uint8. Raises CodecError for an unknown gradient, and where no picture is as large as a patch."""
        if settings.gradient not in GRADIENTS:
            raise CodecError(f"the deep codec learns by {', '.join(GRADIENTS)}, not {settings.gradient!r}")
        self.settings, self.device = settings, device
        torch.manual_seed(settings.seed)
        self.random = np.random.default_rng(settings.seed)
        self.images = images
        self.patches = PatchSampler(images, settings.patch, settings.seed)
        self.rsn, self.idn = build_deep_networks(settings.network)
        self.quantiser = LatentQuantiser(4, settings.space)
        self.vcn = copy.deepcopy(self.idn)
        self.networks = nn.ModuleDict(
            {"rsn": self.rsn, "idn": self.idn, "vcn": self.vcn, "quantiser": self.quantiser}
        ).to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        slow = list(self.quantiser.parameters())
        fast = [p for p in self.networks.parameters() if all(p is not q for q in slow)]
        self.optimizer = torch.optim.Adam([
            {"params": fast, "lr": settings.learning_rate}, {"params": slow, "lr": settings.step_rate},
        ])  # fmt: skip
        self.rates = [settings.learning_rate, settings.step_rate]
        self.rate_model: RateModel | None = None

    def draw(self) -> tuple[Tensor, Tensor, np.ndarray]:
        """Originals (N, 1, P, P), steps (N,) and qualities (N,); middle qualities more often than the ends."""
        x = self.patches.sample(self.settings.batch).to(self.device, memory_format=torch.channels_last)
        quality = draw_qualities(len(x), self.random)
        return x, base_step(torch.from_numpy(quality)).float().to(self.device), quality  # type: ignore[union-attr]

    def train_step(self) -> dict[str, float]:
        """One step of all networks. Returns the loss, its two parts in bpp and squared steps, and the PSNR in dB."""
        if self.rate_model is None:
            self.fit()
        assert self.rate_model is not None
        x, step, quality = self.draw()
        y = to_latent(self.rsn(x, step))
        coefficients = self.quantiser(y, step)
        symbols, bits = self.rate_model(coefficients, quality)
        x_hat, extra = self.restore(coefficients, symbols, step)
        error = 255**2 * (x_hat - x).square().mean((1, 2, 3)) / step**2
        bpp = bits / x[0].numel()
        loss = (error + self.settings.price * bpp).mean() + extra
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.networks.parameters(), 1.0)
        self.optimizer.step()
        psnr = -10 * torch.log10((error * step**2 / 255**2).detach()).mean()
        return {"loss": loss.item(), "bpp": bpp.mean().item(), "error": error.mean().item(), "psnr": psnr.item()}

    def restore(self, coefficients: Tensor, symbols: Tensor, step: Tensor) -> tuple[Tensor, Tensor]:
        """x_hat with a gradient towards the coefficients, by the chosen stand-in, and what VCN's own loss adds."""

        def picture(numbers: Tensor) -> Tensor:
            return to_picture(self.quantiser.inverse(numbers, step))

        zero = coefficients.new_zeros(())
        if self.settings.gradient == "straight-through":
            return self.idn(picture(coefficients + (symbols - coefficients).detach()), step), zero
        if self.settings.gradient == "noise":
            return self.idn(picture(add_noise(coefficients)), step), zero
        real = self.idn(picture(symbols), step)
        still = picture(coefficients.detach())
        imitation = self.vcn(still, step)
        lesson = ((imitation - real.detach()).square().mean((1, 2, 3)) * 255**2 / step**2).mean()
        guide = self.vcn(picture(coefficients), step)  # VCN's own weights learn from the lesson alone
        return real + (guide - guide.detach()), lesson

    def fit(self, photos: int | None = None) -> None:
        """Fit the entropy model to the symbols of the networks as they are now."""
        quality = np.sort(np.r_[draw_qualities((photos or self.settings.fit_photos) - 12, self.random),
                                np.linspace(1, 100, 12).astype(int)])  # fmt: skip
        side = min(256, *(min(image.shape[:2]) // 16 * 16 for image in self.images))
        crops = PatchSampler(self.images, side, int(self.random.integers(1 << 30)))
        wanted = np.concatenate([self.coefficients(crops.sample(1), [q]) for q in quality], 1)
        contexts = fitting.fit(Layout(4, self.settings.space), wanted, quality, self.settings.price)
        self.rate_model = RateModel(contexts, self.settings.price)

    @torch.no_grad()
    def coefficients(self, x: Tensor, quality: Sequence[int]) -> np.ndarray:
        """(planes, N, h, w) in units of the step."""
        step = torch.tensor([float(base_step(int(q))) for q in quality], device=self.device)
        y = to_latent(self.rsn(x.to(self.device), step))
        return self.quantiser(y, step).cpu().numpy().transpose(1, 0, 2, 3)

    def set_rates(self, share: float) -> None:
        """Cosine decay of the learning rates; share: of the whole time, 0 to 1."""
        factor = 0.02 + 0.98 * (1 + math.cos(math.pi * share)) / 2
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = rate * factor


def draw_qualities(count: int, random: np.random.Generator) -> np.ndarray:
    """1 to 100, the lower half more often: there the networks matter."""
    return (1 + np.floor(100 * random.beta(1.3, 2.2, count))).clip(1, 100).astype(int)

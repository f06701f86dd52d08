"""Training of the deep codec: rate and distortion in one loss, with the rate of the very tables that will code.

The entropy model (`contexts`, `entropy`) is fitted to the symbols of the networks as they are, the networks are
trained against that entropy model, and so on by turns: the alternating idea of arXiv:1806.08514, for the coder.
Book: chapter 10."""

import copy
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from torch import Tensor, nn

from vcodec.dnnc import entropy, fitting
from vcodec.dnnc.codec import FILE_NAME, DeepNetworks, Dnnc, save
from vcodec.dnnc.contexts import Layout, Pass, Symbols
from vcodec.dnnc.entropy import Choice, ContextModel
from vcodec.dnnc.networks import build_deep_networks, start_from_post_processor, to_latent, to_picture
from vcodec.dnnc.quantizer import LatentQuantiser, add_noise, base_step
from vcodec.errors import CodecError
from vcodec.images import luma
from vcodec.networks.weights import load_weights
from vcodec.training.data import PatchSampler
from vcodec.training.loop import Loop, falling
from vcodec.training.run_folder import RunFolder, machine, training_command
from vcodec.training.steps import means

GRADIENTS = ("straight-through", "noise", "vcn")


@dataclass(frozen=True)
class DeepSettings:
    """Everything a run depends on beside its data; stored with the checkpoint and on the weight card."""

    network: Annotated[str, "default or tiny"] = "default"
    space: Annotated[str, "where the latent is rounded: dct or feature"] = "dct"
    gradient: Annotated[str, "how RSN learns through rounding: straight-through, noise or vcn"] = "straight-through"
    seed: Annotated[int, "0 or more"] = 0
    patch: Annotated[int, "side of the patches, in pixels"] = 96
    batch: Annotated[int, "patches in a step"] = 16
    lr: Annotated[float, "learning rate of the networks"] = 3e-4
    step_lr: Annotated[float, "learning rate of the steps of the frequencies"] = 1e-3
    price: Annotated[float, "squared error, in steps, that a bit must save: in training and in the encoder"] = 0.12
    fit_photos: Annotated[int, "crops that the entropy model is fitted to"] = 100
    fits: Annotated[int, "how often it is fitted, the last time at the end"] = 3


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

        def cheapest(now: Pass, choice: Choice) -> np.ndarray:
            place = now.plane, now.positions
            target = choice.sign * (framed[place] - choice.centre)
            residual = entropy.cheapest(target, choice, self.table, self.price)
            length[place] = entropy.code_length(residual, choice.key, choice.shift, self.table)
            below = np.floor(target).astype(np.int64)
            ends = [entropy.code_length(below + up, choice.key, choice.shift, self.table) for up in (0, 1)]
            slope[place] = choice.sign * (ends[1] - ends[0])
            return residual

        used = entropy.planes_used(self.contexts.layout, wanted)
        entropy.code(self.contexts, symbols, quality, used, cheapest)

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
        self.settings, self.device, self.images = settings, device, images
        torch.manual_seed(settings.seed)
        self.random = np.random.default_rng(settings.seed)
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
            {"params": fast, "lr": settings.lr}, {"params": slow, "lr": settings.step_lr},
        ])  # fmt: skip
        self.lr = [settings.lr, settings.step_lr]
        self.rate_model: RateModel | None = None

    def draw(self) -> tuple[Tensor, Tensor, np.ndarray]:
        """Originals (N, 1, P, P), steps (N,) and qualities (N,); middle qualities more often than the ends."""
        x = self.patches.sample(self.settings.batch).to(self.device, memory_format=torch.channels_last)
        quality = draw_qualities(len(x), self.random)
        return x, base_step(torch.from_numpy(quality)).float().to(self.device), quality  # type: ignore[union-attr]

    def train_step(self) -> dict[str, Tensor]:
        """One step of all networks. Returns the loss, its two parts in bpp and squared steps, and the PSNR in dB, all
        on the device."""
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
        row = {"loss": loss, "bpp": bpp.mean(), "error": error.mean(), "psnr": psnr}
        return {name: value.detach() for name, value in row.items()}

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

    def fit(self) -> None:
        """Fit the entropy model to the symbols of the networks as they are now, for luma alone."""
        contexts, _ = self.fitted(Layout(4, self.settings.space), self.settings.fit_photos)
        self.rate_model = RateModel(contexts, self.settings.price)

    def fitted(self, layout: Layout, count: int, mode: str = "context") -> tuple[ContextModel, LatentQuantiser]:
        """An entropy model of symbols of `count` crops at all qualities, and the quantiser of as many channels.

        RSN is used as it is now; untrained it changes nothing."""
        quantiser = LatentQuantiser(layout.channels, layout.space).requires_grad_(False)
        quantiser.log_steps[:4].copy_(self.quantiser.log_steps.detach().cpu())
        codec = Dnnc(DeepNetworks(quantiser, fitting.empty(layout), self.settings.price, self.rsn))
        ends = np.linspace(1, 100, 12).astype(int)  # all of the range is seen
        quality = np.r_[draw_qualities(max(0, count - len(ends)), self.random), ends]
        side = min(256, *(min(image.shape[:2]) // 16 * 16 for image in self.images))
        crops = [self._crop(side, layout.channels > 4) for _ in quality]
        self.rsn.eval()
        wanted = [codec.coefficients(crop, int(q)) for crop, q in zip(crops, quality, strict=True)]
        return fitting.fit(layout, np.stack(wanted, 1), quality, self.settings.price, mode), quantiser

    def _crop(self, side: int, colour: bool) -> np.ndarray:
        image = self.images[int(self.random.integers(len(self.images)))]
        top, left = (int(self.random.integers(edge - side + 1)) for edge in image.shape[:2])
        crop = image[top : top + side, left : left + side]
        if not colour:
            return luma(crop)
        return crop if crop.ndim == 3 else np.repeat(crop[..., None], 3, axis=2)

    def networks_for_use(self, count: int = 200) -> DeepNetworks:
        """Everything a codec needs, with an entropy model for luma and chroma fitted to the networks of now."""
        contexts, quantiser = self.fitted(Layout(6, self.settings.space), count)
        return DeepNetworks(quantiser, contexts, self.settings.price, self.rsn, self.idn)

    def set_lr(self, share: float) -> None:
        """Let the learning rates fall; share: of the whole training, 0 to 1."""
        for group, lr in zip(self.optimizer.param_groups, self.lr, strict=True):
            group["lr"] = lr * falling(share)


class DeepTrainer(DeepRounds, Loop):
    """The same with a clock and a folder: log, checkpoint every minute, weights with their card for use."""

    def __init__(
        self, settings: DeepSettings, images: Sequence[np.ndarray], run: Path | str,
        facts: dict[str, Any] | None = None, device: str | None = None,
    ):  # fmt: skip
        """As `DeepRounds`; run: the folder; facts: for the card."""
        super().__init__(settings, images, device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.folder, self.facts = RunFolder(Path(run)), facts or {}
        self.rank = 0
        self.state: dict[str, Any] = {"elapsed": 0.0, "rows": 0, "steps": 0, "fits": 0}

    @property
    def weights_path(self) -> Path:
        return self.folder.path / FILE_NAME

    def start_from(self, weights: Path | None) -> None:
        """Give IDN the weights of a post-processor of SCIC at full resolution. Raises CodecError where they differ."""
        if weights is not None:
            idn = load_weights(weights).idn
            try:
                start_from_post_processor(self.idn, idn.state_dict() if idn else {})
            except RuntimeError:
                raise CodecError(f"{weights} holds no post-processor of the network {self.settings.network}") from None
            self.vcn.load_state_dict(self.idn.state_dict())

    def advance(self, share: float) -> dict[str, Any]:
        """Ten steps; before them the entropy model is fitted anew where its turn has come."""
        self.set_lr(share)
        if share >= self.state["fits"] / self.settings.fits:
            self.fit()
            self.state["fits"] += 1
        rows = [self.train_step() for _ in range(10)]
        self.state["steps"] += len(rows)
        return {"phase": "deep"} | means(rows)

    @property
    def log_fields(self) -> tuple[str, ...]:
        return ("seconds", "phase", "loss", "bpp", "error", "psnr")

    @property
    def how_to_use(self) -> str:
        return f"vcodec encode PHOTO OUT.vcn --quality 30 --weights {self.folder.path}"

    def finish(self) -> None:
        self.save()
        self.export()

    def save(self) -> None:
        self.folder.save_checkpoint({
            "settings": asdict(self.settings), "state": self.state,
            "networks": self.networks.state_dict(), "optimizer": self.optimizer.state_dict(),
            "random": [r.bit_generator.state for r in (self.random, self.patches.random)],
        })  # fmt: skip

    def resume(self) -> bool:
        """Go on from the folder's checkpoint; False where there is none. Raises CodecError where it does not fit."""
        checkpoint = self.folder.load_checkpoint(asdict(self.settings), torch.device(self.device))
        if checkpoint is None:
            return False
        self.networks.load_state_dict(checkpoint["networks"])
        self.optimizer.load_state_dict(checkpoint["optimizer"])
        for generator, state in zip((self.random, self.patches.random), checkpoint["random"], strict=True):
            generator.bit_generator.state = state
        self.state = checkpoint["state"]
        self.fit()
        return True

    def export(self) -> None:
        """Weights and card under the names that `vcodec.load("dnnc", weights=run)` looks for."""
        settings = asdict(self.settings)
        minutes = round(self.state["elapsed"] / 60, 1)
        save(self.weights_path, self.networks_for_use(2 * self.settings.fit_photos), {
            "network": settings["network"], "seed": settings["seed"], "minutes": minutes, "steps": self.state["steps"],
            "torch": torch.__version__, "machine": machine(self.device), "settings": settings, **self.facts,
            "command": training_command("train-dnnc", self.settings, {**self.facts, "minutes": minutes}),
        })  # fmt: skip


def draw_qualities(count: int, random: np.random.Generator) -> np.ndarray:
    """1 to 100, the lower half more often: there the networks matter."""
    return (1 + np.floor(100 * random.beta(1.3, 2.2, count))).clip(1, 100).astype(int)

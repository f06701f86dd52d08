"""Joint training, the default: RSN, IDN and VCN learn in the same step, around the codec that ships.

Each step codes RSN's picture y with the real codec. IDN learns from the real z; VCN learns to imitate IDN's picture
and to predict the real bits; RSN follows VCN's gradient and pays for bits. The *values* in RSN's loss are the real
ones, and the stand-in lends its gradient alone: value + guide - guide.detach(). Ours; the papers train in turns
(`rounds`). Pictures are (N, 1, H, W) in [0, 1]. Book: chapter 8."""

import copy
import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from vcodec.dct import block_kernels
from vcodec.errors import CodecError
from vcodec.images import luma
from vcodec.networks import NetworkPair, VirtualCodec, build_networks, halve, load_weights
from vcodec.networks.tiles import fastest_dtype
from vcodec.scic import FRAMEWORKS
from vcodec.standard import CODECS, TunedJpeg
from vcodec.training.data import PatchSampler
from vcodec.training.in_loop import Coded, loop_codec
from vcodec.training.judge import Judge
from vcodec.training.loop import falling
from vcodec.training.objectives import RateDistortion, build_objective, check_objective, dssim
from vcodec.training.steps import frozen
from vcodec.training.surrogates import GRADIENTS, differentiable_jpeg, luma_tables, noisy, straight_through

RATES = ("head", "symbols", "none")
RANGES = {1: (2, 30), 2: (2, 70)}  # qualities by scale: about 0.05 to 0.6 bpp, where results are judged


@dataclass(frozen=True)
class JointSettings:
    """Everything a run depends on beside its data; stored with the checkpoint and on the weight card."""

    codec: Annotated[str, "of the framework scic-<codec>: jpeg, jpeg2000, webp, avif, heic"] = "jpeg"
    scale: Annotated[int, "1 full resolution, 2 half"] = 2
    network: Annotated[str, "default, paper or tiny"] = "default"
    objective: Annotated[str, "rd (rate-distortion) or paper (L1 + DSSIM)"] = "rd"
    gradient: Annotated[str, "how RSN learns: vcn, straight-through, noise, differentiable-jpeg; none: no RSN"] = "vcn"
    rate: Annotated[str, "what prices RSN's bits: VCN's rate head, JPEG's own symbols, or none"] = "head"
    price: Annotated[float, "of a bit, as a share of the slope of the present curve"] = 1.0
    steps: Annotated[int, "steps of the whole training; the learning rates fall over them"] = 5000
    seed: Annotated[int, "0 or more"] = 0
    patch: Annotated[int, "side of the patches, in pixels of the original; a multiple of 16"] = 96
    batch: Annotated[int, "patches in a step"] = 16
    lr: Annotated[float, "learning rate of IDN and VCN"] = 5e-4
    rsn_lr: Annotated[float, "learning rate of RSN"] = 5e-4
    structure: Annotated[float, "weight of the papers' DSSIM(f(X), s(X))"] = 0.0
    lead_in: Annotated[int, "steps in which VCN learns and RSN waits"] = 200
    check: Annotated[int, "steps between two looks at whole held-out photographs"] = 500
    judged: Annotated[int, "held-out photographs that are looked at"] = 6
    foreign: Annotated[float, "share of steps with other people's JPEGs, for IDN at full resolution"] = 0.15
    wide: Annotated[float, "share of steps at any quality from 1 to 100"] = 0.1
    average: Annotated[float, "decay of the moving average of the weights, which is judged and shipped"] = 0.998


class Joint:
    """The networks of one training, and one step of it.

    Under torchrun each process draws patches and a quality of its own, and gradients are averaged."""

    def __init__(
        self, settings: JointSettings, images: Sequence[np.ndarray], held_out: Sequence[np.ndarray],
        device: str | None = None, start_from: Path | str | None = None,
    ):  # fmt: skip
        """images, held_out: uint8 pictures to learn from and to judge by; start_from: weights to begin with.
        Raises CodecError for settings that make no sense and where no picture is as large as a patch."""
        s = self.settings = settings
        check_settings(s)
        kind = device or ("cuda" if torch.cuda.is_available() else "cpu")
        mixed = "bf16" if fastest_dtype(kind) == torch.bfloat16 else "no"
        self.accelerator = Accelerator(cpu=kind == "cpu", mixed_precision=mixed)
        self.device, self.rank = self.accelerator.device, self.accelerator.process_index
        torch.manual_seed(s.seed)
        self.random = np.random.default_rng([s.seed, self.rank])
        self.codec, threads = FRAMEWORKS[f"scic-{s.codec}"], os.cpu_count() or 1
        self.code = loop_codec(self.codec, threads)
        foreign = s.foreign > 0 and s.scale == 1 and isinstance(self.codec, TunedJpeg)
        self.code_foreign = loop_codec(CODECS["jpeg"], threads) if foreign else None
        self.patches = self._patches(images)
        photos = [image for image in held_out if min(image.shape[:2]) >= s.patch][: s.judged]
        self.judge = self._judge(photos)
        self.objective = build_objective(s.objective, self.codec, s.scale, [luma(p) for p in photos[:4]])
        self._build_networks(start_from)
        self.qualities = RANGES[s.scale]  # that a training of one target rate may narrow
        self.steps_done = 0

    def _patches(self, images: Sequence[np.ndarray]) -> PatchSampler:
        return PatchSampler(images, self.settings.patch, self.settings.seed + 1000 * self.rank)

    def _judge(self, photos: Sequence[np.ndarray]) -> Judge:
        return Judge(self.settings.codec, self.settings.scale, [luma(photo) for photo in photos])

    def _networks(self) -> tuple[nn.Module, nn.Module]:
        """(RSN, IDN), untrained."""
        return build_networks(self.settings.network, self.settings.scale)

    def _plain(self, x: Tensor) -> Tensor:
        """y where no RSN makes it: the original, or its bicubic half."""
        return x if self.settings.scale == 1 else halve(x)

    def _build_networks(self, start_from: Path | str | None) -> None:
        s = self.settings
        self.rsn, self.idn = self._networks()
        if start_from is not None:
            pair = load_weights(Path(start_from))
            try:
                self.idn.load_state_dict((pair.idn or self.idn).state_dict())
                self.rsn.load_state_dict((pair.rsn or self.rsn).state_dict())
            except RuntimeError:
                raise CodecError(f"{start_from} holds networks of another kind than {s.network}") from None
        self.vcn = VirtualCodec(self.idn)
        self.networks: dict[str, nn.Module] = {"rsn": self.rsn, "idn": self.idn, "vcn": self.vcn}
        for network in self.networks.values():
            network.to(device=self.device, memory_format=torch.channels_last).train()  # type: ignore[call-overload]
        self.lr = {"rsn": s.rsn_lr, "idn": s.lr, "vcn": s.lr}
        self.optimizers = {n: torch.optim.Adam(self.networks[n].parameters(), lr) for n, lr in self.lr.items()}
        moving = get_ema_multi_avg_fn(s.average)
        self.averages = {n: AveragedModel(self.networks[n], multi_avg_fn=moving) for n in ("rsn", "idn")}
        self.kernels = block_kernels().to(self.device)
        self.tables = luma_tables(self.codec).to(self.device) if s.gradient == "differentiable-jpeg" else None

    def draw(self) -> tuple[Tensor, int, bool]:
        """A batch of originals x (N, 1, P, P), its quality, and whether another program codes it."""
        s = self.settings
        foreign = self.code_foreign is not None and bool(self.random.random() < s.foreign)
        low, high = (1, 100) if foreign or self.random.random() < s.wide else self.qualities
        quality = int(math.exp(self.random.uniform(math.log(low), math.log(high + 1))))
        x = self.patches.sample(s.batch).to(self.device, memory_format=torch.channels_last)
        return x, min(quality, high), foreign

    def train_step(self, share: float) -> dict[str, Tensor]:
        """One step of all networks; returns what to log, on the device. share: of the training, 0 to 1."""
        s, (x, quality, foreign) = self.settings, self.draw()
        self._set_lr(share)
        moves = s.gradient != "none" and not foreign and self.steps_done >= s.lead_in
        codec, code = (CODECS["jpeg"], self.code_foreign) if foreign else (self.codec, self.code)
        assert code is not None
        step = torch.full((len(x),), codec.step(quality), device=self.device)
        qualities = torch.full((len(x),), quality, device=self.device)
        through = moves and s.gradient == "straight-through"  # then IDN's own loss reaches RSN
        with self.accelerator.autocast():
            y = self.rsn(x, step) if moves else self._plain(x)
            coded = code(y.detach(), quality)
            x_hat = self.idn(straight_through(y, coded.z) if through else coded.z, step)
        loss = distortion = self.objective.distortion(x_hat, x, qualities).mean()
        rate = self.objective.rate(coded.bits / x[0, 0].numel(), qualities).mean()
        row = {"distortion": distortion.detach(), "rate": rate.detach()}
        if not foreign and s.gradient != "none" and (s.rate == "head" or s.gradient == "vcn"):
            row |= self._teach_vcn(y.detach(), step, x_hat.detach(), coded.bits, qualities)
        if moves:
            loss = loss + self._rsn_loss(x, y, step, qualities, x_hat.detach(), coded)
        self._descend(loss, ["idn", "rsn"] if moves else ["idn"])
        self.steps_done += 1
        for name, average in self.averages.items():
            average.update_parameters(self.networks[name])
        return row

    def _rsn_loss(
        self, x: Tensor, y: Tensor, step: Tensor, qualities: Tensor, x_hat: Tensor, coded: Coded
    ) -> Tensor:  # fmt: skip
        """What is RSN's alone: the distortion through a stand-in, unless IDN's loss carries it, and the rate."""
        s, loss = self.settings, torch.zeros((), device=self.device)
        with frozen(self.vcn, self.idn):
            if s.gradient != "straight-through":
                with self.accelerator.autocast():
                    guide = self._guide(y, step, qualities).float()
                loss = loss + self.objective.distortion(x_hat.float() + guide - guide.detach(), x, qualities).mean()
            if s.rate != "none":
                slope = coded.slope if s.rate == "symbols" else None
                guide = self.vcn.rate(y, step) if slope is None else (slope * y).sum(dim=(1, 2, 3))
                bits = coded.bits + guide - guide.detach()
                loss = loss + s.price * self.objective.rate(bits / x[0, 0].numel(), qualities).mean()
        if s.structure:
            loss = loss + s.structure * dssim(y, self._plain(x)).mean()
        return loss

    def _guide(self, y: Tensor, step: Tensor, qualities: Tensor) -> Tensor:
        """An imitation of x_hat that has a gradient towards y."""
        if self.settings.gradient == "vcn":
            return self.vcn.decoder(y, step)
        if self.settings.gradient == "noise":
            return self.idn(noisy(y, step), step)
        assert self.tables is not None
        return self.idn(differentiable_jpeg(y, self.tables[qualities], self.kernels), step)

    def _teach_vcn(self, y: Tensor, step: Tensor, x_hat: Tensor, bits: Tensor, qualities: Tensor) -> dict[str, Tensor]:
        """One VCN step towards IDN's picture, where it lends its gradient, and towards the real bits."""
        predicted = self.vcn.rate(y, step)
        miss = loss = ((predicted - bits).abs() / (bits + 200)).mean()  # 200 bits: a patch that is almost flat
        if self.settings.gradient == "vcn":
            with self.accelerator.autocast():
                imitation = self.vcn.decoder(y, step)
            loss = loss + self.objective.distortion(imitation, x_hat.float(), qualities).mean()
        self._descend(loss, ["vcn"])
        return {"bits_miss": miss.detach()}

    def _descend(self, loss: Tensor, names: Iterable[str]) -> None:
        """Backward pass, mean over all processes, gradients clipped to a norm of 1 for each network, and a step."""
        for name in names:
            self.optimizers[name].zero_grad(set_to_none=True)
        loss.backward()
        for name in names:
            parameters = [p for p in self.networks[name].parameters() if p.grad is not None]
            if self.accelerator.num_processes > 1:
                for p in parameters:
                    p.grad = self.accelerator.reduce(p.grad, "mean")
            nn.utils.clip_grad_norm_(parameters, 1.0)
            self.optimizers[name].step()

    def _set_lr(self, share: float) -> None:
        factor = min(1, (self.steps_done + 1) / 100) * falling(share)
        for name, lr in self.lr.items():
            self.optimizers[name].param_groups[0]["lr"] = lr * factor

    @property
    def rsn_learned(self) -> bool:
        return self.settings.gradient != "none" and self.steps_done > self.settings.lead_in

    def pair(self) -> NetworkPair:
        """The averaged networks, as they would ship."""
        rsn, idn = (copy.deepcopy(self.averages[n].module).eval().requires_grad_(False) for n in ("rsn", "idn"))
        return NetworkPair(self.settings.scale, rsn if self.rsn_learned else None, idn)

    def look(self) -> float:
        """BD-rate of the averaged networks on whole held-out photographs, in percent; from their curve the price of a
        bit and the normalisation of the error are renewed."""
        self.curves = curves = self.judge.curves(self.pair())
        if isinstance(self.objective, RateDistortion):
            bpp, mse = curves[..., 0].mean(0), (255**2 / 10 ** (curves[..., 1] / 10)).mean(0)
            self.objective.follow(np.array(self.judge.qualities), bpp, mse)
        return self.judge.score(curves)


def check_settings(s: JointSettings) -> None:
    """Raises CodecError for words that are none and for numbers that make no sense."""
    if s.gradient not in GRADIENTS:
        raise CodecError(f"no gradient is called {s.gradient!r}; there are {', '.join(GRADIENTS)}")
    if s.rate not in RATES:
        raise CodecError(f"rate must be one of {', '.join(RATES)}, not {s.rate!r}")
    if f"scic-{s.codec}" not in FRAMEWORKS:
        raise CodecError(f"no codec is called {s.codec!r}; there are {', '.join(n[5:] for n in FRAMEWORKS)}")
    check_objective(s.objective)
    if s.rate == "symbols" and s.codec != "jpeg":
        raise CodecError(f"rate symbols knows the code of JPEG alone, not of {s.codec}")
    if s.patch % 16 or s.patch < 32:
        raise CodecError(f"the side of a patch must be a multiple of 16 and at least 32, not {s.patch}")
    if min(s.steps, s.batch, s.check, s.judged) < 1 or s.seed < 0:
        raise CodecError("steps, batch, check and judged must be at least 1, and the seed at least 0")

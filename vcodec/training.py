"""The alternating training of RSN, IDN and VCN around a codec that has no gradient.

Zhao et al. 2018, arXiv:1806.08514: auto-encoder start, then rounds of encode, IDN, VCN, RSN. Ours: rate
in the loss, and a check of every RSN update against the real codec, which undoes updates that only
fooled the VCN. Pictures are (N, 1, H, W) in [0, 1]. Book: chapters 7 and 8."""

import copy
import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_
from torch.optim import Optimizer
from tqdm import tqdm

from vcodec.codecs import TUNED_JPEG, BatchCodec, Jpeg
from vcodec.errors import CodecError
from vcodec.images import PatchSampler, luma, named_images
from vcodec.layers import halve
from vcodec.networks import build_networks
from vcodec.objectives import Objective, PaperObjective, RateDistortion, dssim
from vcodec.runs import RunFolder
from vcodec.virtual_codec import VirtualCodec

Distortion = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Settings:
    """Everything a run depends on beside its data; stored with the checkpoint and on the weight card."""

    codec: str = "jpeg"
    scale: int = 2
    network: str = "default"
    objective: str = "rd"  # or "paper": L1 + DSSIM
    resample: bool = True  # False: no RSN, the post-processor alone
    seed: int = 0
    patch: int = 96
    batch: int = 16
    learning_rate: float = 4e-4
    rsn_rate: float = 5e-4
    structure: float = 0.2  # weight of DSSIM(f(X), s(X))
    idn_steps: int = 30  # per round, IDN and VCN together
    rsn_steps: int = 40
    foreign: float = 0.15  # share of IDN steps on other people's JPEGs, at full resolution
    start: float = 0.03  # shares of the time: auto-encoder until `start`, IDN alone until `warm`,
    warm: float = 0.25
    finish: float = 0.85  # rounds until `finish`, then IDN alone


def update_idn(
    idn: nn.Module, optimizer: Optimizer, z: Tensor, step: Tensor, x: Tensor, distortion: Distortion
) -> tuple[dict[str, float], Tensor]:
    """One IDN step on what the real codec delivered. Returns the loss, and x_hat without gradient."""
    x_hat = idn(z, step)
    loss = distortion(x_hat, x).mean()
    descend(loss, optimizer, idn)
    return {"idn_loss": loss.item()}, x_hat.detach()


def update_vcn(
    vcn: nn.Module, optimizer: Optimizer, y: Tensor, step: Tensor, x_hat: Tensor, bits: Tensor, distortion: Distortion
) -> dict[str, float]:
    """One VCN step towards the pixels of h(g(y)) and the bits of g(y). `bits_miss` is the mean relative error
    of the predicted bits."""
    imitation, predicted = vcn(y, step)
    pixels = distortion(imitation, x_hat).mean()
    miss = ((predicted - bits).abs() / (bits + 200)).mean()  # 200 bits: a patch that is almost flat
    descend(pixels + miss, optimizer, vcn)
    return {"vcn_loss": pixels.item(), "bits_miss": miss.item()}


def update_rsn(
    rsn: nn.Module, vcn: nn.Module, optimizer: Optimizer, x: Tensor, step: Tensor, qualities: Tensor,
    objective: Objective, structure: float,
) -> dict[str, float]:  # fmt: skip
    """One RSN step. The codec has no gradient, so the frozen VCN stands in for codec and IDN."""
    y = rsn(x, step)
    imitation, bits = vcn(y, step)
    bpp = bits / x[0].numel()
    loss = (objective.distortion(imitation, x, qualities) + objective.rate(bpp, qualities)).mean()
    loss = loss + structure * dssim(y, x if y.shape == x.shape else halve(x)).mean()
    descend(loss, optimizer, rsn)  # the optimiser holds RSN's parameters only: VCN stays as it is
    return {"rsn_loss": loss.item()}


def descend(loss: Tensor, optimizer: Optimizer, network: nn.Module) -> None:
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    clip_grad_norm_(network.parameters(), 1.0)
    optimizer.step()


def sample_qualities(count: int, random: np.random.Generator) -> Tensor:
    """Qualities 1 to 100, (count,); the low ones more often, because their steps differ more."""
    return torch.from_numpy((1 + np.floor(100 * random.random(count) ** 1.5)).clip(1, 100).astype(int))


def fastest_dtype(device: torch.device) -> torch.dtype:
    """bfloat16 where this machine is quicker with it (GPUs, CPUs with AMX), else float32: measured in 0.1 s."""
    if device.type != "cpu":
        return torch.bfloat16
    layer = nn.Conv2d(64, 64, 3, padding=1)
    x = torch.zeros(4, 64, 48, 48).contiguous(memory_format=torch.channels_last)
    times = {}
    for dtype in (torch.float32, torch.bfloat16):
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
            layer(x)
            begin = time.perf_counter()
            for _ in range(5):
                layer(x)
        times[dtype] = time.perf_counter() - begin
    return min(times, key=lambda dtype: times[dtype])


class Trainer:
    """One run: networks, optimisers, data, and a folder that always holds a usable checkpoint."""

    def __init__(
        self, settings: Settings, images: Sequence[np.ndarray], held_out: Sequence[np.ndarray], run: Path | str,
        facts: dict[str, Any] | None = None, device: str | None = None,
    ):  # fmt: skip
        """images, held_out: uint8 pictures to learn from and to judge by; run: the folder; facts: for the card.
        Raises CodecError where no picture is as large as a patch."""
        self.settings, self.facts = settings, facts or {}
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.dtype = fastest_dtype(self.device)
        torch.manual_seed(settings.seed)
        self.random = np.random.default_rng(settings.seed)
        self.patches = PatchSampler(images, settings.patch, settings.seed)
        self.check_batch = self._fixed_batch(held_out)
        threads = os.cpu_count() or 1
        self.codec = BatchCodec(Jpeg(luma_table=TUNED_JPEG.luma_table, optimize=False), threads)
        self.foreign_codec = BatchCodec(Jpeg(optimize=False), threads)
        self.objective: Objective = PaperObjective()
        if settings.objective == "rd":
            planes = [luma(image) for image in held_out if min(image.shape[:2]) >= settings.patch]
            self.objective = RateDistortion(TUNED_JPEG, settings.scale, planes[:12])
        self._build_networks()
        self.state: dict[str, Any] = {"elapsed": 0.0, "rounds": 0, "kept": 0, "trust": 1.0, "vcn_ready": False}
        self.folder = RunFolder(Path(run))

    def _build_networks(self) -> None:
        s = self.settings
        rsn, idn = build_networks(s.network, s.scale)
        self.rsn, self.idn, self.vcn = rsn, idn, VirtualCodec(idn)
        self.networks: dict[str, nn.Module] = {"rsn": rsn, "idn": idn, "vcn": self.vcn}
        for network in self.networks.values():
            network.to(device=self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.rates = {"rsn": s.rsn_rate, "idn": s.learning_rate, "vcn": s.learning_rate}
        self.optimizers = {n: torch.optim.Adam(self.networks[n].parameters(), r) for n, r in self.rates.items()}
        self.optimizers["start"] = torch.optim.Adam([*rsn.parameters(), *idn.parameters()], s.learning_rate)

    def _fixed_batch(self, held_out: Sequence[np.ndarray]) -> tuple[Tensor, Tensor]:
        x = PatchSampler(held_out, self.settings.patch, seed=1).sample(48)
        return x.to(self.device), torch.tensor(np.tile([3, 6, 10, 20, 40, 70], 8)).to(self.device)

    def steps_of(self, qualities: Tensor, codec: BatchCodec | None = None) -> Tensor:
        jpeg = (codec or self.codec).codec
        return torch.tensor([jpeg.step(int(q)) for q in qualities], device=self.device)

    def draw(self) -> tuple[Tensor, Tensor, Tensor]:
        """A batch of originals with a quality each: x (N, 1, P, P), qualities (N,), steps (N,)."""
        qualities = sample_qualities(self.settings.batch, self.random)
        x = self.patches.sample(self.settings.batch).to(self.device, memory_format=torch.channels_last)
        return x, qualities.to(self.device), self.steps_of(qualities)

    def autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.dtype == torch.bfloat16)

    # The phases: each is a few seconds of training and returns what to log.

    def auto_encode(self) -> dict[str, float]:
        """RSN and IDN together, no codec between them."""
        both = nn.ModuleList([self.rsn, self.idn])
        losses = []
        for _ in range(10):
            x, _, _ = self.draw()
            fine = torch.ones(len(x), device=self.device)  # a step of one level: no quantisation to speak of
            with self.autocast():
                y = self.rsn(x, fine)
                loss = (self.idn(y, fine) - x).abs().mean() + self.settings.structure * dssim(y, halve(x)).mean()
            descend(loss, self.optimizers["start"], both)
            losses.append(loss.item())
        return {"start_loss": float(np.mean(losses))}

    def train_idn(self, count: int = 20, teach: bool = False) -> dict[str, float]:
        """IDN steps on fresh files; with `teach`, the VCN learns from each of ours too."""
        rows = []
        for _ in range(count):
            x, qualities, step = self.draw()
            distortion = partial(self.objective.distortion, qualities=qualities)
            foreign = self.settings.scale == 1 and self.random.random() < self.settings.foreign
            codec = self.foreign_codec if foreign else self.codec
            with self.autocast():
                y = x if foreign else self.resample(x, step)
                step = self.steps_of(qualities, codec)
                z, bits = codec(y, qualities.tolist())
                row, x_hat = update_idn(self.idn, self.optimizers["idn"], z, step, x, distortion)
                if teach and not foreign:
                    row |= update_vcn(self.vcn, self.optimizers["vcn"], y, step, x_hat, bits, distortion)
            rows.append(row | {"patch_bpp": bits.mean().item() / x[0].numel()})
        names = dict.fromkeys(name for row in rows for name in row)
        return {name: float(np.mean([row[name] for row in rows if name in row])) for name in names}

    @torch.no_grad()
    def resample(self, x: Tensor, step: Tensor) -> Tensor:
        if self.settings.resample:
            return self.rsn(x, step)
        return x if self.settings.scale == 1 else halve(x)

    def train_round(self) -> dict[str, float]:
        """Encode, IDN and VCN; then RSN, and the real codec's word on whether the new RSN stays."""
        if not self.state["vcn_ready"]:
            self.vcn.decoder.load_state_dict(self.idn.state_dict())
            self.state["vcn_ready"] = True
            self.train_idn(self.settings.idn_steps, teach=True)
        values = self.train_idn(self.settings.idn_steps, teach=True)
        before, cost_before = copy.deepcopy(self.rsn.state_dict()), self.real_cost()
        gain = -math.inf
        try:
            losses = [self._rsn_step() for _ in range(self.settings.rsn_steps)]
            gain = cost_before - self.real_cost()
        finally:  # also after Ctrl-C: an RSN that nobody checked is not kept
            if gain < 0:
                self.rsn.load_state_dict(before)
        self.state["trust"] = min(1.0, self.state["trust"] * 1.1) if gain >= 0 else max(0.1, self.state["trust"] / 2)
        self.state["rounds"] += 1
        self.state["kept"] += gain >= 0
        rsn_loss = float(np.mean(losses))
        return values | {"rsn_loss": rsn_loss, "cost": cost_before, "cost_gain": gain, "kept": float(gain >= 0)}

    def _rsn_step(self) -> float:
        x, qualities, step = self.draw()
        s, optimizer = self.settings, self.optimizers["rsn"]
        with self.autocast():
            row = update_rsn(self.rsn, self.vcn, optimizer, x, step, qualities, self.objective, s.structure)
        return row["rsn_loss"]

    @torch.no_grad()
    def real_cost(self) -> float:
        """The objective on held-out patches through the real codec: no VCN has a say in it."""
        x, qualities = self.check_batch
        step = self.steps_of(qualities)
        with self.autocast():
            z, bits = self.codec(self.resample(x, step), qualities.tolist())
            x_hat = self.idn(z, step).float().clamp(0, 1)
        cost = self.objective.distortion(x_hat, x, qualities) + self.objective.rate(bits / x[0].numel(), qualities)
        return cost.mean().item()

    def phase(self, share: float) -> tuple[str, Callable[[], dict[str, float]]]:
        s = self.settings
        if share < s.start and s.resample and s.scale == 2:
            return "start", self.auto_encode
        if share < s.warm or share >= s.finish or not s.resample:
            return "idn", self.train_idn
        return "round", self.train_round

    def train(self, minutes: float, on_log: Callable[[dict[str, Any]], None] = lambda row: None) -> None:
        """Train until `minutes` in all are spent, over all starts of this run. Saves about every minute.

        on_log is called with each row of the log: {"seconds", "phase", losses...}."""
        begin, before, total = time.monotonic(), self.state["elapsed"], 60 * minutes
        last_save = begin
        with tqdm(total=round(total), initial=min(round(before), round(total)), unit="s", desc="training") as bar:
            while self.state["elapsed"] < total:
                share = self.state["elapsed"] / total
                self._set_rates(share)
                name, work = self.phase(share)
                values = work()
                self.state["elapsed"] = before + time.monotonic() - begin
                row = {"seconds": round(self.state["elapsed"], 1), "phase": name} | values
                self.folder.log(row)
                on_log(row)
                bar.update(min(round(self.state["elapsed"]), round(total)) - bar.n)
                bar.set_postfix_str(" ".join(f"{k} {v:.3g}" for k, v in values.items()))
                if time.monotonic() - last_save > 60:
                    self.save()
                    last_save = time.monotonic()
        self.save()

    def _set_rates(self, share: float) -> None:
        factor = 0.02 + 0.98 * (1 + math.cos(math.pi * share)) / 2
        for name, rate in self.rates.items():
            trust = self.state["trust"] if name == "rsn" else 1.0
            self.optimizers[name].param_groups[0]["lr"] = rate * factor * trust

    def save(self) -> None:
        """Write the checkpoint, and the weights with their card, each whole or not at all."""
        self.folder.save_checkpoint({
            "settings": asdict(self.settings), "state": self.state,
            "networks": {name: network.state_dict() for name, network in self.networks.items()},
            "optimizers": {name: optimizer.state_dict() for name, optimizer in self.optimizers.items()},
            "random": [r.bit_generator.state for r in (self.random, self.patches.random)],
        })  # fmt: skip
        self.folder.export(asdict(self.settings), self.rsn, self.idn, self.state, self.facts)

    def resume(self) -> bool:
        """Go on from the folder's checkpoint; False where there is none. Raises CodecError where it is damaged
        or belongs to other settings."""
        checkpoint = self.folder.load_checkpoint(asdict(self.settings), self.device)
        if checkpoint is None:
            return False
        try:
            for name, network in self.networks.items():
                network.load_state_dict(checkpoint["networks"][name])
            for name, state in checkpoint["optimizers"].items():
                self.optimizers[name].load_state_dict(state)
            for generator, state in zip((self.random, self.patches.random), checkpoint["random"], strict=True):
                generator.bit_generator.state = state
            self.state.update(checkpoint["state"])
        except (KeyError, TypeError, ValueError, RuntimeError):
            raise CodecError(f"{self.folder.path} holds a checkpoint of another version; delete it") from None
        return True


def split(data: str, held_out: str | None = None) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Pictures to learn from and to judge by: two folders, or every tenth picture of one is held out."""
    images = list(named_images(data).values())
    if held_out:
        return images, list(named_images(held_out).values())
    return [image for i, image in enumerate(images) if i % 10], images[::10]

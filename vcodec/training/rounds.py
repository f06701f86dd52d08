"""The phases of the alternating training: start, IDN alone, rounds; and the real codec as the judge.

Zhao et al. 2018, arXiv:1806.08514: auto-encoder start, then rounds of encode, IDN, VCN, RSN. Ours: rate
in the loss, and a check of every RSN update against the real codec, which undoes updates that only
fooled the VCN. Pictures are (N, 1, H, W) in [0, 1]. Book: chapters 7 and 8."""

import copy
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import DistributedDataParallelKwargs, gather_object
from torch import Tensor, nn

from vcodec.errors import CodecError
from vcodec.images import luma, to_float, to_uint8
from vcodec.networks.layers import double, halve
from vcodec.networks.registry import build_networks
from vcodec.networks.tiles import NetworkPair, fastest_dtype
from vcodec.networks.virtual_codec import VirtualCodec
from vcodec.networks.weights import load_weights
from vcodec.scic.codec import FRAMEWORKS
from vcodec.standard.jpeg import Jpeg
from vcodec.standard.protocol import CODECS
from vcodec.training.data import BatchCodec, CodedPhotos, Job, PatchSampler, sample_qualities
from vcodec.training.objectives import Objective, PaperObjective, RateDistortion, dssim, squared_error
from vcodec.training.steps import Descent, frozen, update_idn, update_rsn, update_vcn
from vcodec.training.surrogates import GRADIENTS, build_stand_in

# The only buffers are constants: nothing to tell the other processes at every step.
NO_BROADCAST = DistributedDataParallelKwargs(broadcast_buffers=False)


@dataclass(frozen=True)
class Settings:
    """Everything a run depends on beside its data; stored with the checkpoint and on the weight card."""

    codec: Annotated[str, "of the framework scic-<codec>: jpeg, jpeg2000, webp, avif, heic"] = "jpeg"
    scale: Annotated[int, "1 full resolution, 2 half"] = 2
    network: Annotated[str, "default, paper or tiny"] = "default"
    objective: Annotated[str, "rd (rate-distortion) or paper (L1 + DSSIM)"] = "rd"
    gradient: Annotated[str, "how RSN learns: vcn, straight-through, noise, differentiable-jpeg; none: no RSN"] = "vcn"
    rate: Annotated[bool, "whether RSN pays for bits, as VCN's rate head predicts them"] = True
    check: Annotated[bool, "whether an RSN update that raises the real cost is undone"] = True
    seed: Annotated[int, "0 or more"] = 0
    patch: Annotated[int, "side of the patches, in pixels of the original"] = 96
    batch: Annotated[int, "patches in a step"] = 16
    lr: Annotated[float, "learning rate of IDN and VCN"] = 4e-4
    rsn_lr: Annotated[float, "learning rate of RSN"] = 5e-4
    structure: Annotated[float, "weight of the papers' DSSIM(f(X), s(X))"] = 0.2
    idn_steps: Annotated[int, "steps of IDN and VCN in a round"] = 30
    rsn_steps: Annotated[int, "steps of RSN in a round"] = 40
    foreign: Annotated[float, "share of other people's JPEGs, for IDN at full resolution"] = 0.15
    start: Annotated[float, "share of the training after which the auto-encoder start ends"] = 0.03
    warm: Annotated[float, "share of the training until which IDN learns alone"] = 0.25
    finish: Annotated[float, "share of the training after which IDN learns alone again"] = 0.85


class Rounds:
    """Networks, optimisers and data, and the phases of a training: each a few seconds of work.

    Under `accelerate launch` or torchrun each process takes its share of every batch and of the encoding."""

    def __init__(
        self, settings: Settings, images: Sequence[np.ndarray], held_out: Sequence[np.ndarray],
        device: str | None = None, start_from: Path | str | None = None,
    ):  # fmt: skip
        """images, held_out: uint8 pictures to learn from and to judge by; start_from: weights to begin with.
        Raises CodecError where no picture is as large as a patch."""
        self.settings = settings
        kind = device or ("cuda" if torch.cuda.is_available() else "cpu")
        mixed = "bf16" if fastest_dtype(kind) == torch.bfloat16 else "no"
        self.accelerator = Accelerator(cpu=kind == "cpu", mixed_precision=mixed, kwargs_handlers=[NO_BROADCAST])
        self.device, self.rank = self.accelerator.device, self.accelerator.process_index
        self.processes = self.accelerator.num_processes
        if settings.batch % self.processes:
            raise CodecError(f"{self.processes} processes cannot share a batch of {settings.batch} patches")
        if settings.gradient not in GRADIENTS:
            raise CodecError(f"no gradient is called {settings.gradient!r}; there are {', '.join(GRADIENTS)}")
        torch.manual_seed(settings.seed)
        self.random = np.random.default_rng(settings.seed)
        self._prepare_data(images, held_out)
        self._build_networks(start_from)
        self.state: dict[str, Any] = {"elapsed": 0.0, "rounds": 0, "kept": 0, "trust": 1.0, "vcn_ready": False}

    def _prepare_data(self, images: Sequence[np.ndarray], held_out: Sequence[np.ndarray]) -> None:
        s, threads = self.settings, max(1, (os.cpu_count() or 1) // self.processes)
        codec = FRAMEWORKS[f"scic-{s.codec}"]
        # In the rounds patches are coded within the loop: for JPEG without the trellis, which is slow on small ones.
        quick = Jpeg(luma_table=codec.luma_table, optimize=False) if isinstance(codec, Jpeg) else codec
        self.codec = BatchCodec(quick, threads)
        self.patches = PatchSampler(images, s.patch, s.seed)
        x = PatchSampler(held_out, s.patch, seed=1).sample(48)[self.rank :: self.processes]
        qualities = np.tile([3, 6, 10, 20, 40, 70], 8)[self.rank :: self.processes]
        self.check_batch = x.to(self.device), torch.tensor(qualities).to(self.device)
        planes = [luma(image) for image in held_out if min(image.shape[:2]) >= s.patch]
        self.objective: Objective = PaperObjective()
        if s.objective == "rd":
            self.objective = RateDistortion(quick, s.scale, planes[:6])
        others = [CODECS["jpeg"]] if isinstance(codec, Jpeg) else []
        photos = partial(CodedPhotos, scale=s.scale, patch=s.patch, resample=self.resample_photo, threads=threads)
        self.photos = photos(images, [codec, *others], seed=s.seed, foreign=s.foreign, share=self.share)
        self.judged = photos(planes[:3], [codec], seed=0)

    def _build_networks(self, start_from: Path | str | None) -> None:
        s = self.settings
        self.rsn, self.idn = build_networks(s.network, s.scale)
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
            network.to(device=self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.shared = {name: self.accelerator.prepare_model(network) for name, network in self.networks.items()}
        self.lr = {"rsn": s.rsn_lr, "idn": s.lr, "vcn": s.lr}
        self.optimizers = {n: torch.optim.Adam(self.networks[n].parameters(), r) for n, r in self.lr.items()}
        both = [*self.rsn.parameters(), *self.idn.parameters()]
        self.optimizers["start"] = torch.optim.Adam(both, s.lr)
        self.descend = Descent(self.accelerator)
        self.stand_in = None
        if s.gradient != "none":
            self.stand_in = build_stand_in(s.gradient, self.idn, self.vcn, self.codec)

    # Data.

    def share(self, jobs: list[Job], work: Callable) -> list:
        """work(jobs), each process doing its part."""
        if self.processes == 1:
            return list(work(jobs))
        done = gather_object(list(zip(range(len(jobs)), work(jobs[self.rank :: self.processes]), strict=False)))
        parts = [len(jobs[rank :: self.processes]) for rank in range(self.processes)]
        results, at = [None] * len(jobs), 0
        for rank, length in enumerate(parts):
            results[rank :: self.processes] = [picture for _, picture in done[at : at + length]]
            at += length
        return results

    def steps_of(self, qualities: Tensor) -> Tensor:
        return torch.tensor([self.codec.codec.step(int(q)) for q in qualities], device=self.device)

    def draw(self) -> tuple[Tensor, Tensor, Tensor]:
        """This process's share of a batch of originals: x (N, 1, P, P), a quality and a step for each."""
        qualities = torch.from_numpy(sample_qualities(self.settings.batch, self.random))[self.rank :: self.processes]
        x = self.patches.sample(self.settings.batch)[self.rank :: self.processes]
        x = x.to(self.device, memory_format=torch.channels_last)
        return x, qualities.to(self.device), self.steps_of(qualities)

    @torch.no_grad()
    def resample(self, x: Tensor, step: Tensor) -> Tensor:
        if self.settings.gradient != "none":
            return self.rsn(x, step)
        return x if self.settings.scale == 1 else halve(x)

    def resample_photo(self, plane: np.ndarray, quality: int) -> np.ndarray:
        pair = NetworkPair(self.settings.scale, self.rsn if self.settings.gradient != "none" else None)
        step = FRAMEWORKS[f"scic-{self.settings.codec}"].step(quality)
        return to_uint8(pair.resample(to_float(plane).to(self.device), step))[0, 0].cpu().numpy()

    # The phases: each returns what to log.

    def auto_encode(self) -> dict[str, float]:
        """RSN and IDN together, no codec between them."""
        both, losses = nn.ModuleList([self.rsn, self.idn]), []
        for _ in range(10):
            x, _, _ = self.draw()
            fine = torch.ones(len(x), device=self.device)  # a step of one level: no quantisation to speak of
            with self.accelerator.autocast():
                y = self.shared["rsn"](x, fine)
                x_hat = self.shared["idn"](y, fine)
            loss = (x_hat - x).abs().mean() + self.settings.structure * dssim(y, halve(x)).mean()
            self.descend(loss, self.optimizers["start"], both)
            losses.append(loss.item())
        self.judged.jobs = []
        return {"start_loss": self.mean(losses)}

    def train_idn(self, count: int = 20) -> dict[str, float]:
        """IDN steps on photographs that the real codec has coded whole; a few of them are renewed each time."""
        if self.photos.jobs:
            self.photos.refresh(count // 4)
        else:
            self.photos.fill()
        losses = []
        for _ in range(count):
            batch = self.photos.sample(self.settings.batch)
            x, z, qualities, step = (part[self.rank :: self.processes].to(self.device) for part in batch)
            distortion = partial(self.objective.distortion, qualities=qualities)
            idn, optimizer = self.shared["idn"], self.optimizers["idn"]
            row, _ = update_idn(idn, optimizer, self.descend, z, step, x, distortion)
            losses.append(row["idn_loss"])
        return {"idn_loss": self.mean(losses)}

    def teach_vcn(self, count: int) -> dict[str, float]:
        """Patches through the real codec; IDN learns from its pixels, VCN from IDN's and from its bits.

        Without a use for VCN, neither as gradient nor for the rate, it is left alone."""
        rows = []
        for _ in range(count):
            x, qualities, step = self.draw()
            distortion = partial(self.objective.distortion, qualities=qualities)
            y = self.resample(x, step)
            z, bits = self.codec(y, qualities.tolist())
            idn, vcn = self.shared["idn"], self.shared["vcn"]
            row, x_hat = update_idn(idn, self.optimizers["idn"], self.descend, z, step, x, distortion)
            if self.settings.gradient == "vcn" or self.settings.rate:
                row |= update_vcn(vcn, self.optimizers["vcn"], self.descend, y, step, x_hat, bits, distortion)
            rows.append(row | {"patch_bpp": bits.mean().item() / x[0].numel()})
        return {name: self.mean([row[name] for row in rows]) for name in (rows[0] if rows else ())}

    def train_round(self) -> dict[str, float]:
        """Encode, IDN and VCN; then RSN, and the real codec's word on whether the new RSN stays."""
        s, state = self.settings, self.state
        self.photos.jobs, self.judged.jobs = [], []  # RSN changes: what it made before is stale
        if not state["vcn_ready"]:
            self.vcn.decoder.load_state_dict(self.idn.state_dict())
            state["vcn_ready"] = True
            self.teach_vcn(s.idn_steps)
        values = self.teach_vcn(s.idn_steps)
        before, cost_before = copy.deepcopy(self.rsn.state_dict()), self.real_cost()["cost"]
        gain, kept = -math.inf, False
        try:
            losses = [self._rsn_step() for _ in range(s.rsn_steps)]
            gain = cost_before - self.real_cost()["cost"]
            kept = gain >= 0 or (not s.check and math.isfinite(gain))
        finally:  # also after Ctrl-C: an RSN that nobody checked is not kept
            if not kept:
                self.rsn.load_state_dict(before)
        state["trust"] = min(1.0, state["trust"] * 1.1) if kept else max(0.1, state["trust"] / 2)
        state["rounds"] += 1
        state["kept"] += kept
        return values | {
            "rsn_loss": self.mean(losses), "cost": cost_before, "cost_gain": gain, "kept": float(kept)
        }  # fmt: skip

    def _rsn_step(self) -> float:
        x, qualities, step = self.draw()
        s, optimizer = self.settings, self.optimizers["rsn"]
        assert self.stand_in is not None, "no round runs without a gradient"
        with self.accelerator.autocast(), frozen(self.idn, self.vcn):
            row = update_rsn(
                self.shared["rsn"], optimizer, self.descend, x, step, qualities, self.stand_in,
                self.vcn.rate if s.rate else None, self.objective, s.structure,
            )  # fmt: skip
        return row["rsn_loss"]

    # Judging.

    def mean(self, values: Sequence[float]) -> float:
        """Of all processes."""
        local = torch.tensor(values, dtype=torch.float32, device=self.device).mean()
        return self.accelerator.reduce(local, "mean").item()

    @torch.no_grad()
    def real_cost(self) -> dict[str, float]:
        """The objective on held-out patches through the real codec: no VCN has a say in it. With its two parts,
        the rate (bpp) and the squared error (levels^2)."""
        x, qualities = self.check_batch
        step = self.steps_of(qualities)
        with self.accelerator.autocast():
            z, bits = self.codec(self.resample(x, step), qualities.tolist())
            x_hat = self.idn(z, step).float().clamp(0, 1)
        bpp = bits / x[0].numel()
        cost = self.objective.distortion(x_hat, x, qualities) + self.objective.rate(bpp, qualities)
        parts = {"cost": cost, "bpp": bpp, "squared_error": squared_error(x_hat, x)}
        return {name: self.mean(part.tolist()) for name, part in parts.items()}

    @torch.no_grad()
    def gain(self) -> dict[str, float]:
        """dB that IDN adds to the codec on whole held-out photographs, over bicubic enlargement at half resolution."""
        if not self.judged.jobs:
            self.judged.fill([Job(photo, 0, q) for photo in range(len(self.judged.planes)) for q in (4, 10, 20, 40)])
        gains = []
        for job, picture in zip(self.judged.jobs, self.judged.pictures, strict=True):
            x, z = (to_float(p).to(self.device) for p in (self.judged.planes[job.photo], picture))
            step = torch.tensor([self.judged.codecs[0].step(job.quality)], device=self.device)
            with self.accelerator.autocast():
                x_hat = self.idn(z, step).float().clamp(0, 1)
            plain = z if self.settings.scale == 1 else double(z).clamp(0, 1)
            gains.append(10 * torch.log10(squared_error(plain, x) / squared_error(x_hat, x)).item())
        return {"gain": float(np.mean(gains))}

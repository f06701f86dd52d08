"""A training run: the rounds on a schedule, logged, saved every minute, resumed where it stopped. Book: chapter 8."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vcodec.errors import CodecError
from vcodec.networks import save_weights
from vcodec.training.data import Job
from vcodec.training.loop import Loop, falling
from vcodec.training.rounds import Rounds, Settings
from vcodec.training.run_folder import LOG_FIELDS, RunFolder, machine, training_command


class Trainer(Rounds, Loop):
    """Rounds with a clock, and a folder that always holds a usable checkpoint."""

    def __init__(
        self, settings: Settings, images: Sequence[np.ndarray], held_out: Sequence[np.ndarray], run: Path | str,
        facts: dict[str, Any] | None = None, device: str | None = None, start_from: Path | str | None = None,
    ):  # fmt: skip
        """As `Rounds`; run: the folder; facts: for the card."""
        super().__init__(settings, images, held_out, device, start_from)
        self.facts = facts or {}
        self.folder = RunFolder(Path(run))
        self.state["rows"] = 0

    def phase(self, share: float) -> tuple[str, Callable[[], dict[str, float]]]:
        s = self.settings
        if s.gradient == "none":
            return "idn", self.train_idn
        if share < s.start and s.scale == 2:
            return "start", self.auto_encode
        if share < s.warm or share >= s.finish:
            return "idn", self.train_idn
        return "round", self.train_round

    def advance(self, share: float) -> dict[str, Any]:
        for name, lr in self.lr.items():
            trust = self.state["trust"] if name == "rsn" else 1.0
            self.optimizers[name].param_groups[0]["lr"] = lr * falling(share) * trust
        name, work = self.phase(share)
        return {"phase": name} | work()

    def looked(self) -> dict[str, float]:
        return self.gain()

    @property
    def log_fields(self) -> tuple[str, ...]:
        return LOG_FIELDS

    @property
    def weights_path(self) -> Path:
        return self.folder.weights_path(self.settings.codec, self.settings.scale)

    @property
    def how_to_use(self) -> str:
        suffix, folder = self.codec.codec.suffixes[0], self.folder.path
        return f"vcodec encode PHOTO OUT{suffix} --quality 10 --scale {self.settings.scale} --weights {folder}"

    def save(self) -> None:
        """Write the checkpoint, and the weights with their card, each whole or not at all."""
        if self.rank > 0:
            return
        self.export()  # first: it refuses weights that are not numbers, and the last checkpoint stays
        self.folder.save_checkpoint({
            "settings": asdict(self.settings), "state": self.state,
            "networks": {name: network.state_dict() for name, network in self.networks.items()},
            "optimizers": {name: optimizer.state_dict() for name, optimizer in self.optimizers.items()},
            "random": [r.bit_generator.state for r in self._generators()],
            "jobs": [tuple(job) for job in self.photos.jobs],
        })  # fmt: skip

    def export(self) -> None:
        """Weights and card under the names that `vcodec.load` looks for."""
        s, state, minutes = self.settings, self.state, round(self.state["elapsed"] / 60, 1)
        save_weights(self.weights_path, self.rsn if s.gradient != "none" else None, self.idn, {
            "framework": "scic", "codec": s.codec, "scale": s.scale, "network": s.network, "seed": s.seed,
            "minutes": minutes, "rounds": state["rounds"], "rounds_kept": state["kept"], "torch": torch.__version__,
            "machine": machine(self.device.type), "settings": asdict(s), **self.facts,
            "command": training_command("train-rounds", s, {**self.facts, "minutes": minutes}),
        })  # fmt: skip

    def _generators(self) -> list[np.random.Generator]:
        return [self.random, self.patches.random, self.photos.random]

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
            for generator, state in zip(self._generators(), checkpoint["random"], strict=True):
                generator.bit_generator.state = state
            self.state.update(checkpoint["state"])
            if checkpoint["jobs"]:
                self.photos.fill([Job(*job) for job in checkpoint["jobs"]])
        except (KeyError, TypeError, ValueError, RuntimeError, IndexError):
            raise CodecError(f"{self.folder.path} holds a checkpoint of another version; delete it") from None
        return True

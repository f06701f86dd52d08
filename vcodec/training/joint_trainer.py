"""A joint training in a folder: log, checkpoint, and the best networks so far with their card. Book: chapter 8."""

import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vcodec.errors import CodecError
from vcodec.networks import build_networks, save_weights
from vcodec.training.joint import Joint, JointSettings
from vcodec.training.loop import Loop
from vcodec.training.objectives import RateDistortion
from vcodec.training.run_folder import RunFolder, machine, training_command
from vcodec.training.steps import means

ROW = 10  # steps in a row of the log


class JointTrainer(Joint, Loop):
    """`Joint` with a folder that always holds a checkpoint, and the networks that judged best with their card."""

    def __init__(
        self, settings: JointSettings, images: Sequence[np.ndarray], held_out: Sequence[np.ndarray], run: Path | str,
        facts: dict[str, Any] | None = None, device: str | None = None, start_from: Path | str | None = None,
    ):  # fmt: skip
        """As `Joint`; run: the folder; facts: for the card."""
        super().__init__(settings, images, held_out, device, start_from)
        self.folder, self.facts = RunFolder(Path(run)), facts or {}
        self.state: dict[str, Any] = {"elapsed": 0.0, "rows": 0, "looks": []}
        self.best: dict[str, dict[str, Tensor]] | None = None

    @property
    def log_fields(self) -> tuple[str, ...]:
        return ("seconds", "phase", "steps", "distortion", "rate", "bits_miss", "bd_rate")

    @property
    def weights_path(self) -> Path:
        return self.folder.weights_path(self.settings.codec, self.settings.scale)

    @property
    def how_to_use(self) -> str:
        suffix, folder = self.codec.suffixes[0], self.folder.path
        return f"vcodec encode PHOTO OUT{suffix} --quality 10 --scale {self.settings.scale} --weights {folder}"

    def done(self) -> float:
        return self.steps_done / self.settings.steps

    def advance(self, share: float) -> dict[str, Any]:
        s, looks = self.settings, dict[str, float]()
        rows: list[dict[str, Tensor]] = []
        self.first_look()
        while len(rows) < ROW and self.steps_done < s.steps:
            rows.append(self.train_step(max(share, self.done())))
            if self.steps_done % s.check == 0 or self.steps_done == s.steps:
                looks = {"bd_rate": self.judge_now()}
        return {"phase": "joint", "steps": self.steps_done} | means(rows) | looks

    def first_look(self) -> None:
        """Judge the networks before their first step, if that was not done yet."""
        if not self.state["looks"]:
            self.judge_now()

    def judge_now(self) -> float:
        """Look, and remember the networks where they are the best so far. Returns the BD-rate in percent, infinity
        where no photograph has one: any number is better."""
        bd_rate, looks = self.look(), self.state["looks"]
        bd_rate = math.inf if math.isnan(bd_rate) else bd_rate
        if self.best is None or not looks or bd_rate < min(found for _, found in looks):
            pair = self.pair()
            self.best = {n: m.state_dict() for n, m in (("rsn", pair.rsn), ("idn", pair.idn)) if m is not None}
        looks.append([self.steps_done, bd_rate])
        return bd_rate

    def save(self) -> None:
        """Write the checkpoint and the best networks with their card, each whole or not at all."""
        if self.rank > 0:
            return
        objective = self.objective
        self.folder.save_checkpoint({
            "settings": asdict(self.settings), "state": self.state, "steps": self.steps_done, "best": self.best,
            "networks": {name: network.state_dict() for name, network in self.networks.items()},
            "averages": {name: network.state_dict() for name, network in self.averages.items()},
            "optimizers": {name: optimizer.state_dict() for name, optimizer in self.optimizers.items()},
            "random": [r.bit_generator.state for r in (self.random, self.patches.random)],
            "curve": [objective.error, objective.price] if isinstance(objective, RateDistortion) else None,
        })  # fmt: skip
        self.export()

    def export(self) -> None:
        """Weights and card of the best networks so far, under the names that `vcodec.load` looks for."""
        s = self.settings
        if self.best is None:
            return
        rsn, idn = build_networks(s.network, s.scale)
        idn.load_state_dict(self.best["idn"])
        if "rsn" in self.best:
            rsn.load_state_dict(self.best["rsn"])
        looks = self.state["looks"]
        steps, bd_rate = min(looks, key=lambda look: look[1])
        save_weights(self.weights_path, rsn if "rsn" in self.best else None, idn, {
            "framework": "scic", "codec": s.codec, "scale": s.scale, "network": s.network, "seed": s.seed,
            "steps": steps, "steps_trained": self.steps_done, "minutes": round(self.state["elapsed"] / 60, 1),
            "bd_rate_held_out": in_card(bd_rate), "looks": [[n, in_card(found)] for n, found in looks],
            "torch": torch.__version__, "machine": machine(self.device.type), "settings": asdict(s), **self.facts,
            "command": training_command("train", s, self.facts),
        })  # fmt: skip

    def resume(self) -> bool:
        """Go on from the folder's checkpoint; False where there is none. Raises CodecError where it is damaged or
        belongs to other settings."""
        checkpoint = self.folder.load_checkpoint(asdict(self.settings), self.device)
        if checkpoint is None:
            return False
        try:
            for name, found in (("networks", self.networks), ("averages", self.averages)):
                for part, network in found.items():
                    network.load_state_dict(checkpoint[name][part])
            for part, optimizer in self.optimizers.items():
                optimizer.load_state_dict(checkpoint["optimizers"][part])
            for generator, state in zip((self.random, self.patches.random), checkpoint["random"], strict=True):
                generator.bit_generator.state = state
            if isinstance(self.objective, RateDistortion):
                self.objective.error, self.objective.price = (part.cpu() for part in checkpoint["curve"])
            self.state, self.steps_done, self.best = checkpoint["state"], checkpoint["steps"], checkpoint["best"]
        except (KeyError, TypeError, ValueError, RuntimeError, IndexError):
            raise CodecError(f"{self.folder.path} holds a checkpoint of another version; delete it") from None
        return True


def in_card(bd_rate: float) -> float | None:
    """To hundredths; None, which JSON knows, for infinity."""
    return round(bd_rate, 2) if math.isfinite(bd_rate) else None

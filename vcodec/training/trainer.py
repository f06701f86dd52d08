"""A training run: the rounds on a schedule, logged, saved every minute, resumed where it stopped. Book: chapter 8."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from accelerate.utils import broadcast_object_list
from tqdm import tqdm

from vcodec.errors import CodecError
from vcodec.images import named_images
from vcodec.training.data import Job
from vcodec.training.rounds import Rounds, Settings
from vcodec.training.run_folder import RunFolder


class Trainer(Rounds):
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

    def train(
        self, minutes: float, on_log: Callable[[dict[str, Any]], None] = lambda row: None,
        clock: Callable[[], float] = time.monotonic, at_least: int = 0,
    ) -> None:  # fmt: skip
        """Train until `minutes` in all are spent, over all starts of this run. Saves about every minute.

        on_log is called with each row of the log: {"seconds", "phase", losses...}. clock: seconds; `time.process_time`
        counts what all cores worked, whatever else the machine does. at_least: rows of the log that are trained in
        any case, so that a slow machine takes longer and does not learn less."""
        begin, before, total = clock(), self.state["elapsed"], 60 * minutes
        last_save, bar = begin, tqdm(total=round(total), unit="s", desc="training", disable=self.rank > 0 or None)
        with bar:
            while (share := self._share(self.state["elapsed"] / total, at_least)) < 1:
                self._set_rates(share)
                name, work = self.phase(share)
                values = work()
                now = clock()
                self.state["rows"] += 1
                saving = now - last_save > 60 or self._share((before + now - begin) / total, at_least) >= 1
                # All processes must agree on the time, or they would part ways at the next phase.
                self.state["elapsed"], saving = broadcast_object_list([before + now - begin, saving])
                values |= self.gain() if saving else {}
                row = {"seconds": round(self.state["elapsed"], 1), "phase": name} | values
                bar.update(min(round(self.state["elapsed"]), round(total)) - bar.n)
                bar.set_postfix_str(" ".join(f"{k} {v:.3g}" for k, v in values.items()))
                if self.rank == 0:
                    self.folder.log(row)
                    on_log(row)
                if saving:
                    self.save()
                    last_save = clock()
        self.save()

    def _share(self, of_time: float, at_least: int) -> float:
        """How much of the training is done: 1 once both the time is spent and `at_least` rows are trained."""
        return min(of_time, self.state["rows"] / at_least) if at_least else of_time

    def _set_rates(self, share: float) -> None:
        factor = 0.02 + 0.98 * (1 + math.cos(math.pi * share)) / 2
        for name, rate in self.rates.items():
            trust = self.state["trust"] if name == "rsn" else 1.0
            self.optimizers[name].param_groups[0]["lr"] = rate * factor * trust

    def save(self) -> None:
        """Write the checkpoint, and the weights with their card, each whole or not at all."""
        if self.rank > 0:
            return
        self.folder.save_checkpoint({
            "settings": asdict(self.settings), "state": self.state,
            "networks": {name: network.state_dict() for name, network in self.networks.items()},
            "optimizers": {name: optimizer.state_dict() for name, optimizer in self.optimizers.items()},
            "random": [r.bit_generator.state for r in self._generators()],
            "jobs": [tuple(job) for job in self.photos.jobs],
        })  # fmt: skip
        self.folder.export(asdict(self.settings), self.rsn, self.idn, self.state, self.facts)

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


def split(data: str, held_out: str | None = None) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Pictures to learn from and to judge by: folders with commas between, or every tenth picture is held out."""
    images = [image for folder in data.split(",") for image in named_images(folder).values()]
    if held_out:
        return images, list(named_images(held_out).values())
    return [image for i, image in enumerate(images) if i % 10], images[::10]

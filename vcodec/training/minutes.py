"""How long a chapter trains, and what: one question to the machine, asked in one place. Book: chapters 3 to 10.

On a CPU a training cell takes about a minute with tiny networks, and counts its steps, so that its results repeat. On
a GPU the same minutes train the `default` network on batches of 64 patches of 128x128."""

from dataclasses import dataclass

import torch

from vcodec.errors import CodecError
from vcodec.training.interrupt import Steps


@dataclass(frozen=True)
class Budget:
    """What a training cell may spend. batch: patches in a step; patch: their side in pixels of the original."""

    device: str  # "cpu" or "cuda"
    by_clock: bool  # on a GPU; a CPU counts its steps
    minutes: float
    network: str
    batch: int
    patch: int

    def clock(self, share: float = 1.0) -> float | None:
        """Minutes of a training that takes a share of all; None on a CPU, where steps are counted."""
        return share * self.minutes if self.by_clock else None

    def steps(self, on_cpu: int, share: float = 1.0, on_gpu: int | None = None) -> Steps:
        """The steps of a loop: on a CPU so many. On a GPU `on_gpu`, or else those of a share of the minutes, and at
        least as many as on a CPU."""
        if on_gpu is not None and self.by_clock:
            return Steps(on_gpu)
        return Steps(on_cpu, self.clock(share))

    def __str__(self) -> str:
        minutes = f"{self.minutes:g} min" if self.by_clock else "about a minute"
        return f"{self.device}, {minutes}: {self.network} networks, {self.batch} patches of {self.patch}x{self.patch}"


def budget(minutes: float = 1, on_cpu: float = 1, batch: int = 8, patch: int = 64) -> Budget:
    """The budget of this machine. minutes: of a training on a GPU, such as 1, 3 or 10. on_cpu: minutes of a training
    on a CPU that goes by the clock; batch, patch: of one on a CPU. Raises CodecError for minutes not above 0."""
    if not minutes > 0:
        raise CodecError(f"a training needs minutes above 0, not {minutes}")
    if torch.cuda.is_available():
        return Budget("cuda", True, minutes, "default", 64, 128)
    return Budget("cpu", False, on_cpu, "tiny", batch, patch)

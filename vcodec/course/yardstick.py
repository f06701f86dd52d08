"""A yardstick for a machine: how long one step of joint training takes, real codec included."""

import time

import torch

from vcodec.images import embedded
from vcodec.training.joint import Joint, JointSettings

ENOUGH = 10.0  # seconds of measuring, on a slow machine


def step_seconds(device: str, warm: int = 2, steps: int = 20) -> float:
    """The shortest of some steps in which all three networks learn: tiny ones, 8 patches of 96x96, on one thread. The
    shortest, so that what else the machine does for a moment matters little.

    warm: steps before it, which load libraries and choose kernels. Sets the number of threads of this process to 1."""
    torch.set_num_threads(1)
    joint = Joint(
        JointSettings(objective="paper", lead_in=0, network="tiny", batch=8), [embedded("chelsea")], [], device
    )
    taken: list[float] = []
    while len(taken) < warm + steps and (len(taken) <= warm or sum(taken) < ENOUGH):
        begin = time.perf_counter()
        joint.train_step(0.0)
        if device == "cuda":
            torch.cuda.synchronize()
        taken.append(time.perf_counter() - begin)
    return min(taken[warm:])

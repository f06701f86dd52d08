"""PyTorch's own settings, whatever the program around us has chosen for its own work: no file depends on them."""

import contextlib
from collections.abc import Iterator

import torch


@contextlib.contextmanager
def usual_torch() -> Iterator[None]:
    """Inside: 32-bit floats on the CPU, in full precision, without autocast. Afterwards everything is as before."""
    kind, precision = torch.get_default_dtype(), torch.get_float32_matmul_precision()
    torch.set_default_dtype(torch.float32)
    torch.set_float32_matmul_precision("highest")
    try:
        with contextlib.ExitStack() as stack:
            if torch.get_default_device().type != "cpu":
                stack.enter_context(torch.device("cpu"))
            if torch.is_inference_mode_enabled():  # what we keep for later could not be trained with
                stack.enter_context(torch.inference_mode(False))
            for device in ("cpu", "cuda"):
                if torch.is_autocast_enabled(device):
                    stack.enter_context(torch.autocast(device, enabled=False))
            yield
    finally:
        torch.set_default_dtype(kind)
        torch.set_float32_matmul_precision(precision)

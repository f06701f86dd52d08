"""The folder of a training run: log, checkpoint, weights with their card. Never half-written."""

import contextlib
import csv
import io
import os
import platform
import zipfile
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch

from vcodec.errors import CodecError

try:
    import fcntl
except ImportError:  # Windows has no such locks
    fcntl = None  # type: ignore[assignment]

LOG_FIELDS = (
    "seconds", "phase", "start_loss", "idn_loss", "patch_bpp", "vcn_loss", "bits_miss", "rsn_loss", "cost",
    "cost_gain", "kept", "gain",
)  # fmt: skip


class RunFolder:
    """`log.csv` gains a row a round, `checkpoint.pt` resumes, `scic-*.safetensors` and `.json` are for use."""

    def __init__(self, path: Path):
        self.path, self.is_locked = path, False
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CodecError(f"cannot use {path} as the folder of a run: {error.strerror}") from None

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """One training at a time: raises CodecError where another holds the folder. It ends with the process at the
        latest, and does nothing where the system or the disk has no locks."""
        if self.is_locked or fcntl is None:
            yield
            return
        with contextlib.ExitStack() as until_then:
            number = os.open(self.path, os.O_RDONLY)
            until_then.callback(os.close, number)
            try:
                fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise CodecError(f"another training is at work in {self.path}; choose another folder") from None
            except OSError:  # some network drives
                pass
            self.is_locked = True
            until_then.callback(setattr, self, "is_locked", False)
            yield

    def log(self, row: dict[str, Any], fields: tuple[str, ...] = LOG_FIELDS) -> None:
        path = self.path / "log.csv"
        new = not path.exists()
        try:
            with open(path, "a", newline="") as file:
                writer = csv.DictWriter(file, fields)
                if new:
                    writer.writeheader()
                writer.writerow({name: f"{v:.5g}" if isinstance(v, float) else v for name, v in row.items()})
        except OSError as error:
            raise CodecError(f"cannot write {path}: {error.strerror}") from None

    def save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Replace the last checkpoint, which stays whole where this one cannot be written. Raises CodecError."""
        partial, buffer = self.path / "checkpoint.part", io.BytesIO()
        torch.save(checkpoint, buffer)
        try:
            partial.write_bytes(buffer.getbuffer())
            os.replace(partial, self.path / "checkpoint.pt")
        except OSError as error:
            partial.unlink(missing_ok=True)
            raise CodecError(f"cannot write {self.path / 'checkpoint.pt'}: {error.strerror}") from None

    def load_checkpoint(self, settings: dict[str, Any], device: torch.device) -> dict[str, Any] | None:
        """The checkpoint, None where there is none. Raises CodecError where it is damaged or not of `settings`."""
        path = self.path / "checkpoint.pt"
        if not path.exists():
            return None
        try:
            with zipfile.ZipFile(path) as parts:  # each has a CRC-32, which PyTorch does not look at
                damaged = parts.testzip()
            if damaged:
                raise ValueError(damaged)
            checkpoint = torch.load(path, map_location=device, weights_only=True)
            theirs = dict(checkpoint["settings"])
        except Exception:  # torch.load raises whatever damaged bytes lead it to
            raise CodecError(f"the checkpoint {path} is damaged; delete it to start again") from None
        different = [name for name, value in settings.items() if theirs.get(name) != value]
        if different:
            raise CodecError(f"{self.path} was trained with another {', '.join(different)}; choose a new folder")
        return checkpoint

    def weights_path(self, codec: str, scale: int) -> Path:
        return self.path / f"scic-{codec}-x{scale}.safetensors"


def machine(device: str) -> str:
    return f"{platform.machine()}, {os.cpu_count()} cores, {device}"


def training_command(command: str, settings: Any, facts: dict[str, Any]) -> str:
    """What trains the networks of a card again, or, where `start_from` is said, their last part.

    Every setting that is not the default, and codec, scale, network and steps in any case; then the data."""
    words = ["vcodec", command]
    for field in fields(settings):
        value, option = getattr(settings, field.name), field.name.replace("_", "-")
        if value is False:
            words.append(f"--no-{option}")
        elif value != field.default or field.name in ("codec", "scale", "network", "steps"):
            words.append(f"--{option} {value}")
    named = {key: facts.get(key) for key in ("minutes", "data", "held_out", "start_from")}
    words += [f"--{key.replace('_', '-')} {value}" for key, value in named.items() if value]
    return " ".join([*words, "--out RUN"])

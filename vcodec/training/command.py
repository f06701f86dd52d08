"""`vcodec train`, `train-rounds` and `train-dnnc`: a training and its options, made from its settings' dataclass."""

import argparse
import os
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args, get_type_hints

from vcodec.errors import CodecError
from vcodec.training.data import split
from vcodec.training.deep import DeepSettings, DeepTrainer
from vcodec.training.joint import JointSettings
from vcodec.training.joint_trainer import JointTrainer
from vcodec.training.rounds import Settings
from vcodec.training.trainer import Trainer
from vcodec.weights import data_terms

SETTINGS: dict[str, type] = {"train": JointSettings, "train-rounds": Settings, "train-dnnc": DeepSettings}
MINUTES = {"train-rounds": 40.0, "train-dnnc": 40.0}  # these go by the clock; `train` goes by its steps


def add_options(sub: argparse.ArgumentParser, command: str, positive: Callable[[str], float]) -> None:
    """An option for each setting, and what every training asks for."""
    hints = get_type_hints(SETTINGS[command], include_extras=True)
    for field in fields(SETTINGS[command]):
        kind, text = get_args(hints[field.name])
        how: dict[str, Any] = {"action": argparse.BooleanOptionalAction} if kind is bool else {"type": kind}
        option = f"--{field.name.replace('_', '-')}"
        sub.add_argument(option, default=field.default, help=f"{text} (default: {field.default})", **how)
    sub.add_argument("--start-from", type=Path, metavar="WEIGHTS", help="begin with these networks")
    sub.add_argument("--data", default="embedded", help="folders of images with commas between, or 'embedded'")
    sub.add_argument("--held-out", help="a folder to judge by; default: every tenth image of the data")
    sub.add_argument("--minutes", type=positive, default=MINUTES.get(command),
                     help="end after so many minutes, over all starts of the run")  # fmt: skip
    sub.add_argument("--out", type=Path, required=True, metavar="RUN", help="folder of the run")


def train(command: str, args: argparse.Namespace) -> None:
    """Train, or go on with the run in its folder; at the end say where the weights are and how to use them."""
    settings = SETTINGS[command](**{field.name: getattr(args, field.name) for field in fields(SETTINGS[command])})
    if settings.seed < 0:
        raise CodecError(f"the seed must be at least 0, not {settings.seed}")
    images, held_out = split(args.data, args.held_out)
    facts = {
        "data": args.data, "held_out": args.held_out or "", "data_terms": data_terms(args.data),
        "start_from": str(args.start_from or ""),
    }  # fmt: skip
    if command == "train-dnnc":
        if int(os.environ.get("WORLD_SIZE", 1)) > 1:
            raise CodecError("the deep codec trains in one process; start it without torchrun")
        trainer: Any = DeepTrainer(settings, images, args.out, facts)
        trainer.start_from(args.start_from)
    else:
        kind: type = JointTrainer if command == "train" else Trainer
        trainer = kind(settings, images, held_out, args.out, facts, start_from=args.start_from)
    with trainer.alone():
        if trainer.resume() and trainer.rank == 0:
            print(f"going on with {args.out}, which has trained for {trainer.state['elapsed'] / 60:.1f} minutes")
        trainer.train(args.minutes)
    if trainer.rank > 0:
        return
    print(f"weights and card: {trainer.weights_path}")
    print(f"to use them: {trainer.how_to_use}")

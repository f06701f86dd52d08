"""Are the numbers in a weight file of the deep codec such that every file of symbols decodes? A SHA-256 says only that
they are those that were written."""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vcodec.dnnc.contexts import Layout
from vcodec.dnnc.entropy import ALPHABET, ANCHORS, CLASSES, FRACTIONS, LEVELS, TOTAL, UNIT
from vcodec.dnnc.quantizer import BLOCK, SPACES
from vcodec.errors import CodecError

MAX_CHANNELS = 6
LARGEST_LOG_STEP = 10.0  # e^10 base steps; what is learnt stays below 3
LARGEST = {"weights": 2 * UNIT, "bias": 1 << 30, "values": 1 << 13}  # so that 32 bits hold every sum


def check(tensors: dict[str, Tensor], card: dict[str, Any]) -> None:
    """Raises KeyError for what is missing, CodecError for an unknown space and ValueError for what cannot be."""
    if card["space"] not in SPACES:
        raise CodecError(f"a latent is quantised in the space dct or feature, not {card['space']!r}")
    if not isinstance(card["price"], int | float) or not 0 <= card["price"] < math.inf:
        raise ValueError("no such price")
    side = BLOCK if card["space"] == "dct" else 1
    steps = tensors["log_steps"]
    if steps.shape != (MAX_CHANNELS, side, side) or not bool((steps.abs() <= LARGEST_LOG_STEP).all()):
        raise ValueError("no such steps")
    check_integers({name: tensors[f"contexts.{name}"] for name in ("weights", "bias", "values", "tables")}, card)


def check_integers(found: dict[str, Tensor], card: dict[str, Any]) -> None:
    """The parameters of the contexts, and the tables: `entropy.ContextModel` says what they are."""
    rows, keys = Layout(MAX_CHANNELS, card["space"]).rows, CLASSES * LEVELS * FRACTIONS
    if any(tensor.dtype not in (torch.int32, torch.int64) for tensor in found.values()):
        raise ValueError("not whole numbers")
    arrays = {name: tensor.numpy().astype(np.int64) for name, tensor in found.items()}
    shapes = {name: array.shape for name, array in arrays.items()}
    features = shapes["weights"][1]
    if shapes != {
        "weights": (rows, features),
        "bias": (rows, ANCHORS),
        "values": (rows, 8),
        "tables": (keys, ALPHABET),
    }:
        raise ValueError("other shapes")
    if arrays["weights"].min() < 0 or any(np.abs(arrays[name]).max() > most for name, most in LARGEST.items()):
        raise ValueError("sums that 32 bits do not hold")
    if arrays["tables"].min() < 1 or (arrays["tables"].sum(1) != TOTAL).any():
        raise ValueError("tables that add up to something else")

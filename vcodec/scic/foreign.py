"""How far to restore a file that vcodec did not make. Its viewer's picture is the floor: never worse than that.

The decoder tries itself on the picture that it sees: z, moved off the codec's grid, is coded once more with the same
step and restored. There the truth is known, it is z; so the share of the network's correction that brings the second
decoded picture nearest to z is known, too, and that share is used. It is 1 for photographs like those of the
training, and falls to 0 where the networks know nothing of the kind of picture, or where the step was guessed too
large."""

import numpy as np

from vcodec.images import luma, to_float
from vcodec.networks.tiles import NetworkPair
from vcodec.standard.protocol import CODECS, StandardCodec
from vcodec.standard.quantisers import LOSSLESS

SIDE = 384  # pixels: the middle of a larger picture stands for all of it
SMALLEST = 24  # pixels a side; less says nothing
LEAST = 0.3  # a smaller share is within the error of this measurement


def share(codec: StandardCodec, pair: NetworkPair, z: np.ndarray, step: float) -> float:
    """The share of the correction of `pair`, 0 to 1, that uint8 z, (H, W) or (H, W, 3), coded with `step`, can take."""
    if step == LOSSLESS or pair.idn is None:
        return 0.0
    truth = luma(middle(z))
    if min(truth.shape) < SMALLEST:
        return 0.0
    usual = CODECS["jpeg"] if codec.format == "JPEG" else codec
    quality = next((q for q in range(1, 101) if usual.step(q) <= step), 100)
    again = usual.decode(usual.encode(truth, quality))
    correction = (255 * pair.restore(to_float(again), step)[0, 0]).numpy() - again
    energy = np.square(correction).sum()
    found = (correction * (truth.astype(np.float32) - again)).sum() / energy if energy > 0 else 0.0
    return float(min(found, 1.0)) if found >= LEAST else 0.0


def middle(image: np.ndarray) -> np.ndarray:
    """At most SIDE x SIDE pixels of (H, W[, 3]), off every grid of blocks that begins in the corner."""
    height, width = image.shape[:2]
    top, left = max(0, (height - SIDE) // 2) // 8 * 8 + 3, max(0, (width - SIDE) // 2) // 8 * 8 + 5
    return np.ascontiguousarray(image[top : top + SIDE, left : left + SIDE])

"""Luma takes the path of the networks, chroma that of the codec alone: a picture's planes, apart and together again.

Pictures are uint8, (H, W) gray or (H, W, 3) RGB; planes are (1, 1, H, W), of full-range BT.601 in [0, 1]."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from vcodec.images import rgb_to_ycbcr, to_float, to_uint8, ycbcr_to_rgb


def on_planes(
    image: np.ndarray, on_luma: Callable[[Tensor], Tensor], on_chroma: Callable[[Tensor], Tensor]
) -> np.ndarray:
    """Apply one function to the luma plane and one to each chroma plane; uint8 in, uint8 out."""
    if image.ndim == 2:
        return to_uint8(on_luma(to_float(image)))[0, 0].numpy()
    y, cb, cr = rgb_to_ycbcr(to_float(image)).split(1, dim=1)
    planes = torch.cat([on_luma(y), on_chroma(cb), on_chroma(cr)], 1)
    return to_uint8(ycbcr_to_rgb(planes))[0].permute(1, 2, 0).contiguous().numpy()


def luma_plane(image: np.ndarray) -> Tensor:
    """uint8 (H, W[, 3]) -> (1, 1, H, W) in [0, 1], not rounded."""
    if image.ndim == 2:
        return to_float(image)
    return torch.cat([rgb_to_ycbcr(to_float(image[rows]))[:, :1] for rows in strips(image)], 2)


def with_luma(image: np.ndarray, luma: Tensor) -> np.ndarray:
    """The picture with another luma plane; its chroma stays."""
    if image.ndim == 2:
        return to_uint8(luma)[0, 0].numpy()
    changed = np.empty_like(image)
    for rows in strips(image):
        chroma = rgb_to_ycbcr(to_float(image[rows]))[:, 1:]
        changed[rows] = to_uint8(ycbcr_to_rgb(torch.cat([luma[..., rows, :], chroma], 1)))[0].permute(1, 2, 0).numpy()
    return changed


def strips(image: np.ndarray, height: int = 512) -> list[slice]:
    """The rows of a picture in parts, so that conversions of colour need little memory."""
    return [slice(top, top + height) for top in range(0, image.shape[0], height)]

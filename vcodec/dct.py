"""The one DCT: its matrix, the coefficients of a plane's 8x8 blocks, and the same as kernels of a convolution.

One definition in numpy; the kernels of the networks are made from it. Book: chapters 2, 4 and 7."""

import numpy as np
import torch
from torch import Tensor


def dct_matrix(size: int = 8) -> np.ndarray:
    """The orthonormal DCT-II, (size, size): rows are basis vectors."""
    k, n = np.mgrid[:size, :size]
    matrix = np.cos(np.pi * (2 * n + 1) * k / (2 * size)) * np.sqrt(2 / size)
    matrix[0] /= np.sqrt(2)
    return matrix


def block_dct(plane: np.ndarray) -> np.ndarray:
    """(H, W), 0 to 255 -> coefficients (H/8, W/8, 8, 8) of the level-shifted 8x8 blocks, sides rounded up."""
    height, width = plane.shape
    padded = np.pad(plane.astype(float), ((0, -height % 8), (0, -width % 8)), mode="edge") - 128
    blocks = padded.reshape(padded.shape[0] // 8, 8, -1, 8).swapaxes(1, 2)
    return dct_matrix() @ blocks @ dct_matrix().T


def dct_basis(size: int = 8) -> Tensor:
    """`dct_matrix` as a float32 tensor, (size, size). Proves itself at construction."""
    basis = torch.from_numpy(dct_matrix(size)).float()
    assert torch.allclose(basis @ basis.T, torch.eye(size), atol=1e-5)
    return basis


def block_kernels() -> Tensor:
    """The 64 basis pictures of the 8x8 DCT, (64, 1, 8, 8): as a convolution of stride 8, the block DCT."""
    basis = dct_basis()
    return torch.einsum("ui,vj->uvij", basis, basis).reshape(64, 1, 8, 8)

"""Rotary position embedding (Su et al. 2021,
section 3.4) with linear position interpolation (Chen et al. 2023, equation 4).

Pairs are (x[i], x[i + D/2]), the half-rotation layout of Hugging Face's LLaMA, so that its weights load
unchanged. Suffixes: B batch, T tokens, H heads, D head dimension.
"""

from __future__ import annotations

import torch
from torch import Tensor


def inverse_frequencies(
    head_dim: int, theta: float, factor: float, device: torch.device | None = None
) -> Tensor:
    """Angular frequencies in radians per position, [D/2], float32.

    `factor` s >= 1 maps position m to m / s (position interpolation); dividing frequencies is the same and
    keeps positions whole. A factor of 1 gives the bits of plain RoPE.
    """
    exponents = torch.arange(0, head_dim, 2, dtype=torch.int64, device=device).float() / head_dim
    return 1.0 / (theta**exponents) / factor


def rotation(positions: Tensor, frequencies: Tensor) -> tuple[Tensor, Tensor]:
    """Cosines and sines of the angles, each positions.shape + [D/2], float32."""
    angles = positions.float()[..., None] * frequencies
    return angles.cos(), angles.sin()


def rotate(x_BHTD: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotates queries or keys; `cos` and `sin` broadcast to [B, H, T, D/2].

    Computes in float32, returns x's type.
    """
    first, second = x_BHTD.chunk(2, dim=-1)
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1).to(x_BHTD.dtype)

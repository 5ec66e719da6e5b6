"""What is asked of gradients, however they are divided over ranks."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def gradients(model: nn.Module) -> list[Tensor]:
    return [parameter.grad for parameter in model.parameters() if parameter.grad is not None]


def count_not_finite(tensors: list[Tensor]) -> int:
    return sum(not bool(torch.isfinite(tensor).all()) for tensor in tensors)


def sum_of_squares(tensors: list[Tensor]) -> float:
    """In float64: float32 sums of millions of squares are off by 1e-4 and
    differ with the division over ranks.
    """
    return sum(float(torch.linalg.vector_norm(tensor, dtype=torch.float64)) ** 2 for tensor in tensors)

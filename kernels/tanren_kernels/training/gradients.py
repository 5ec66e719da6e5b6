"""What is asked of gradients, however they are divided over ranks."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def gradients(model: nn.Module) -> list[Tensor]:
    return [parameter.grad for parameter in model.parameters() if parameter.grad is not None]


def count_not_finite(tensors: list[Tensor]) -> Tensor:
    """How many of the tensors hold infinity or NaN; a scalar where the tensors are."""
    return torch.stack([~torch.isfinite(tensor).all() for tensor in tensors]).sum()


def sum_of_squares(tensors: list[Tensor]) -> Tensor:
    """A float64 scalar where the tensors are: float32 sums of millions of squares are off by 1e-4 and
    differ with the division over ranks.
    """
    norms = [torch.linalg.vector_norm(tensor, dtype=torch.float64) for tensor in tensors]
    return torch.stack(norms).square().sum()


def scale(tensors: list[Tensor], factor: float) -> None:
    """Multiplies in place, all at once where the device can."""
    torch._foreach_mul_(tensors, factor)

"""Cross-entropy of a linear head, token by token, in one buffer of logits.

Suffixes: N tokens, E hidden size, V vocabulary.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional


class _TokenLosses(torch.autograd.Function):
    """Overwrites the logits with their exponentials, and those with the gradient: one [N,
    V] buffer is all there ever is.

    Differentiable once. Sums are float32 whatever the logits are.
    """

    @staticmethod
    def forward(ctx: Any, logits_NV: Tensor, targets_N: Tensor) -> Tensor:
        target_logits_N = logits_NV.gather(1, targets_N[:, None])[:, 0].float()
        largest_N = logits_NV.amax(1)
        exponentials_NV = logits_NV.sub_(largest_N[:, None]).exp_()
        sums_N = exponentials_NV.sum(1, dtype=torch.float32)
        ctx.exponentials_NV = exponentials_NV
        ctx.save_for_backward(targets_N, sums_N)
        return largest_N.float() + sums_N.log() - target_logits_N

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        targets_N, sums_N = ctx.saved_tensors
        (gradient_N,) = gradients
        # d loss / d logits = softmax - one-hot
        logits_gradient_NV: Tensor = ctx.exponentials_NV
        dtype = logits_gradient_NV.dtype
        logits_gradient_NV.mul_((gradient_N / sums_N)[:, None].to(dtype))
        logits_gradient_NV[torch.arange(len(targets_N), device=targets_N.device), targets_N] -= gradient_N.to(
            dtype
        )
        return logits_gradient_NV, None


def token_losses(hidden_NE: Tensor, head_VE: Tensor, targets_N: Tensor) -> Tensor:
    """-log softmax(hidden @ head.T)[target] in nats, [N], float32; differentiable once in hidden and head."""
    losses_N: Tensor = _TokenLosses.apply(functional.linear(hidden_NE, head_VE), targets_N)
    return losses_N

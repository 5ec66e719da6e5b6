"""Activation checkpointing (Chen et al. 2016): a block keeps less for the backward pass and computes it
again.

Applied from outside, before the model is divided over ranks: what divides it gathers a block's weights around
both computations.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor
from torch.utils.checkpoint import (
    CheckpointPolicy,
    SelectiveCheckpointContext,
    checkpoint,
    create_selective_checkpoint_contexts,
)

from ..model.llama import Llama

Mode = Literal["none", "selective", "full"]

aten = torch.ops.aten
# Their results cost most to compute again; those of attention also take no more room than its input.
_ATTENTION = {
    aten._scaled_dot_product_flash_attention.default,
    aten._scaled_dot_product_efficient_attention.default,
    aten._scaled_dot_product_cudnn_attention.default,
    aten._scaled_dot_product_flash_attention_for_cpu.default,
}


def apply(model: Llama, mode: Mode) -> None:
    """Makes every block keep its input alone (full), or beside it the results of attention and of every other
    product of matrices (selective), as torchtitan does (Liang et al. 2024).
    """
    if mode == "none":
        return
    selective = {"context_fn": _selective, "respect_saved_tensors_hooks": True}
    for block in model.layers:
        # The random state need not be kept: a block has no dropout.
        block.forward = functools.partial(
            checkpoint,
            block.forward,
            use_reentrant=False,
            preserve_rng_state=False,
            **(selective if mode == "selective" else {}),
        )


def _selective() -> tuple[Any, Any]:
    contexts: tuple[Any, Any] = create_selective_checkpoint_contexts(_policy())  # type: ignore[no-untyped-call]
    return contexts


def _policy() -> Callable[..., CheckpointPolicy]:
    # Both computations meet the same operators in the same order, and each counts for itself.
    products = {False: 0, True: 0}

    def policy(context: SelectiveCheckpointContext, operator: Any, *_: Tensor, **__: Any) -> CheckpointPolicy:
        if operator in _ATTENTION:
            return CheckpointPolicy.MUST_SAVE
        if operator is not aten.mm.default:
            return CheckpointPolicy.PREFER_RECOMPUTE
        products[context.is_recompute] += 1
        is_kept = products[context.is_recompute] % 2 == 1
        return CheckpointPolicy.MUST_SAVE if is_kept else CheckpointPolicy.PREFER_RECOMPUTE

    return policy

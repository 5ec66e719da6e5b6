"""How likely a model holds a continuation of a text to be.

Suffixes: B sequences, T tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from ..model.llama import Llama

Continuation = tuple[Sequence[int], Sequence[int]]
"""Token ids of a context, at least one, and of what follows it."""


def log_likelihoods(model: Llama, continuations: Sequence[Continuation], batch_size: int) -> list[float]:
    """log p(continuation | context) in nats, summed over the continuation's tokens, in the order given.

    Sequences of like length share a batch, so that little is spent on padding; padding stands to the right,
    where causal attention keeps it from being seen. Raises ValueError for an empty context.
    """
    if not all(context for context, _ in continuations):
        raise ValueError("a continuation needs a context of at least one token")
    by_length = sorted(
        range(len(continuations)), key=lambda i: -len(continuations[i][0]) - len(continuations[i][1])
    )
    found = [0.0] * len(continuations)
    for start in range(0, len(by_length), batch_size):
        chosen = by_length[start : start + batch_size]
        for index, value in zip(chosen, _batch(model, [continuations[i] for i in chosen]), strict=True):
            found[index] = value
    return found


@torch.inference_mode()
def _batch(model: Llama, continuations: Sequence[Continuation]) -> Iterator[float]:
    longest = max(len(context) + len(following) for context, following in continuations)
    tokens_BT = torch.zeros(len(continuations), longest, dtype=torch.int64)
    scored_BT = torch.zeros(len(continuations), longest, dtype=torch.bool)
    for row, (context, following) in enumerate(continuations):
        end = len(context) + len(following)
        tokens_BT[row, :end] = torch.tensor([*context, *following])
        scored_BT[row, len(context) : end] = True
    device = model.head_weight.device
    losses_N = model.losses(
        tokens_BT[:, :-1].to(device), tokens_BT[:, 1:].to(device), scored_BT[:, 1:].to(device)
    )
    pieces = torch.split(losses_N.cpu().double(), scored_BT.sum(dim=1).tolist())
    return (-float(piece.sum()) for piece in pieces)

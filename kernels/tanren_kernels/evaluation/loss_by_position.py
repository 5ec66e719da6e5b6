"""Loss by token position: how well a model uses what lies far behind, inside its old window and beyond.

The figure of position interpolation (Chen et al. 2023, section 3.2) by position instead of by window.
Suffixes: T tokens, E hidden size.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from ..contract import PositionLoss
from ..corpus.packed_tokens import PackedTokens
from ..model.llama import Llama
from ..model.token_loss import token_losses
from ..runtime.errors import KernelError

LOGITS_CHUNK = 1024
"""Positions whose logits are held at a time, where nothing else is asked for."""

# Ranges of positions that losses are averaged over.
INSIDE_BINS = 5
OUTSIDE_BINS = 5

Window = npt.NDArray[np.int64]
Losses = npt.NDArray[np.float64]


@dataclass(frozen=True)
class LongDocument:
    """The beginning of a held-out document: `tokens` [context_length]."""

    language: str
    number: int
    tokens: Window


def long_documents(corpus: Path, context_length: int, count: int) -> list[LongDocument]:
    """The first `count` held-out documents of at least `context_length` tokens, the languages taking turns.

    A choice by the corpus alone, so that every model is measured on the same windows. Raises NoLongDocuments
    when there is none.
    """
    by_language = []
    longest = 0
    for language in PackedTokens.held_out_languages(corpus):
        held_out = PackedTokens.of_held_out(corpus, language)
        lengths = np.diff([*held_out.document_starts, held_out.total_tokens])
        longest = max(longest, int(lengths.max(initial=0)))
        numbers = np.flatnonzero(lengths >= context_length)[:count]
        by_language.append(
            [LongDocument(language, int(n), held_out.document(int(n))[:context_length]) for n in numbers]
        )
    turns = [documents[turn] for turn in range(count) for documents in by_language if turn < len(documents)]
    if not turns:
        raise KernelError(
            "NoLongDocuments",
            f"{corpus} holds out no document of at least {context_length} tokens (its longest has "
            f"{longest}); "
            "add longer documents, hold out more of them, or lower the context length.",
        )
    return turns[:count]


@torch.inference_mode()
def document_losses(model: Llama, tokens_T: Window, chunk: int = LOGITS_CHUNK) -> Losses:
    """-log p of each token given all before it, in nats, [T - 1]: position p's loss is at p - 1.

    The model is asked at every position even beyond its max_position_embeddings, with the angles its rotary
    embedding gives there: that is what is measured.
    """
    tokens = torch.from_numpy(tokens_T).to(model.head_weight.device)
    hidden_TE = model.hidden(tokens[None, :-1])[0]
    # Logits of a long window over a large vocabulary would be gigabytes.
    pieces = zip(torch.split(hidden_TE, chunk), torch.split(tokens[1:], chunk), strict=True)
    losses = torch.cat([token_losses(hidden, model.head_weight, targets) for hidden, targets in pieces])
    return losses.cpu().double().numpy()


def bin_edges(original: int, longest: int) -> list[int]:
    """Ascending edges from 1 to `longest`, both positions; `original`, the old window's end,
    is always one of them.

    Inside the old window each bin is twice as long as the one before, as loss falls with the logarithm of
    position; outside it they are equal, as what is looked for is where the model begins to fail. Position 0
    has nothing before it and no loss.
    """
    inside = [original >> power for power in range(INSIDE_BINS - 1, -1, -1)]
    outside = (
        [original + (longest - original) * part // OUTSIDE_BINS for part in range(1, OUTSIDE_BINS + 1)]
        if longest > original
        else []
    )
    return sorted({1, *(edge for edge in inside if 1 < edge <= longest), *outside, longest})


def by_bin(label: str, losses: list[Losses], edges: list[int]) -> list[PositionLoss]:
    """Mean loss of each bin over all documents; every document has every position,
    so that bins weigh documents equally.
    """
    mean_T = np.mean(losses, axis=0)
    return [
        PositionLoss.model_validate(
            {"label": label, "from": start, "to": stop, "loss": float(mean_T[start - 1 : stop - 1].mean())}
        )
        for start, stop in pairwise(edges)
    ]


def inside_and_outside(losses: list[Losses], original: int) -> tuple[float, float | None]:
    """Mean loss inside the old window and beyond it; None where nothing lies beyond."""
    mean_T = np.mean(losses, axis=0)
    outside_T = mean_T[original - 1 :]
    return float(mean_T[: original - 1].mean()), float(outside_T.mean()) if len(outside_T) else None

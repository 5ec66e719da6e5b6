"""What the trainer needs of an objective: samples by index, and sums over a batch of them.

Suffixes: B rows, T tokens.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from ..model.llama import Llama
from .sampler import Indices

Sums = dict[str, Tensor]


@dataclass(frozen=True)
class Batch:
    """Rows of one forward pass, right-padded; targets stand one token to the right of tokens.

    `supervised_BT` None means every position. `reference_B`: log-probability of each row under the reference
    model (DPO).
    """

    tokens_BT: Tensor
    targets_BT: Tensor
    supervised_BT: Tensor | None = None
    reference_B: Tensor | None = None

    def to(self, device: torch.device) -> Batch:
        moved = [
            None if tensor is None else tensor.to(device) for tensor in (self.supervised_BT, self.reference_B)
        ]
        return Batch(self.tokens_BT.to(device), self.targets_BT.to(device), *moved)


class Samples(Protocol):
    """Samples addressed by index."""

    def __len__(self) -> int: ...

    def by_length(self, samples: Indices) -> Indices:
        """The same samples, ones of like length beside each other: less padding per batch."""

    def weight(self, samples: Indices) -> float:
        """What sums over these samples are divided by: supervised tokens, or pairs."""

    def token_count(self, samples: Indices) -> int:
        """Tokens that go through the model, without padding."""

    def batch(self, samples: Indices) -> Batch: ...


class Objective(Protocol):
    """`train` is sampled endlessly; `held_out` is measured whole, by group (a language, or all as one)."""

    @property
    def train(self) -> Samples: ...

    @property
    def held_out(self) -> Mapping[str, Samples]: ...

    def sums(self, model: Llama, batch: Batch) -> Sums:
        """`loss` and other metrics, summed over the batch; scalars, `loss` differentiable."""

    def summary(self, means: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
        """Names and combines the means of the held-out groups."""


def padded(rows: Sequence[Sequence[int]], supervised: Sequence[Sequence[bool]], padding: int) -> Batch:
    """Rows of n tokens as [B, longest - 1] inputs, their targets, and which targets are supervised.

    Attention is causal and padding stands to the right, so no token ever sees it.
    """
    width = max(len(row) for row in rows)
    tokens = np.full((len(rows), width), padding, dtype=np.int64)
    marks = np.zeros((len(rows), width), dtype=bool)
    for number, (row, mark) in enumerate(zip(rows, supervised, strict=True)):
        tokens[number, : len(row)] = row
        marks[number, : len(row)] = mark
    table = torch.from_numpy(tokens)
    return Batch(
        table[:, :-1].contiguous(), table[:, 1:].contiguous(), torch.from_numpy(marks)[:, 1:].contiguous()
    )


def held_out_mask(keys: Sequence[str], ratio: float) -> list[bool]:
    """Which samples are held out: those whose key's hash falls under `ratio`, so that equal keys stay
    together and growth moves nobody.

    Of two or more distinct keys at least one is held out when `ratio` is above 0.
    """
    shares = [int.from_bytes(sha256(key.encode()).digest()[:8], "big") / 2**64 for key in keys]
    chosen = [share < ratio for share in shares]
    if ratio > 0 and len(set(keys)) > 1 and not any(chosen):
        chosen = [share == min(shares) for share in shares]
    return chosen

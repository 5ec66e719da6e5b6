"""Choice of the next token from the model's logits.

Suffixes: V vocabulary, K tokens to choose from.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Sampling:
    """How tokens are chosen. temperature 0 is greedy, and then top_p and seed have no effect."""

    temperature: float
    top_p: float
    seed: int


class Sampler:
    """Chooses tokens for one request; its generator is its own,
    so that its choices do not depend on other requests.
    """

    def __init__(self, sampling: Sampling) -> None:
        self.sampling = sampling
        self._generator = torch.Generator().manual_seed(sampling.seed)

    def choose(self, logits_V: Tensor) -> int:
        """Token id drawn from softmax(logits / temperature), cut to its nucleus.

        The nucleus is the smallest set of likeliest tokens whose probabilities sum to at least top_p
        (Holtzman et al. 2020, "The curious case of neural text degeneration", section 3.1). One uniform
        number is drawn per token whatever top_p is.
        """
        if self.sampling.temperature == 0:
            return int(logits_V.argmax())
        probabilities_V = torch.softmax(logits_V.double() / self.sampling.temperature, dim=-1)
        if self.sampling.top_p < 1:
            sorted_V, ids_V = probabilities_V.sort(descending=True, stable=True)
            cumulative_V = sorted_V.cumsum(0)
            size = int((cumulative_V < self.sampling.top_p).sum()) + 1
            cumulative_V, ids_V = cumulative_V[:size], ids_V[:size]
            return int(ids_V[self._draw(cumulative_V)])
        return self._draw(probabilities_V.cumsum(0))

    def _draw(self, cumulative_K: Tensor) -> int:
        """Index by inversion of the cumulative sum, which need not end at 1."""
        point = torch.rand(1, generator=self._generator, dtype=torch.float64) * cumulative_K[-1]
        return min(int(torch.searchsorted(cumulative_K, point, right=True)), len(cumulative_K) - 1)

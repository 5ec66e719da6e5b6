"""Choice of the next token from the model's logits.

Suffixes: V vocabulary, K tokens to choose from.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Sampling:
    """How tokens are chosen. temperature 0 is greedy, and then top_p and seed have no effect.

    The penalties are OpenAI's (API reference, "Chat Completions"): a token's logit falls by
    `frequency_penalty` for each time it stands in the answer so far, and by `presence_penalty` once if it
    does. `logit_bias` is added to the logits of token ids.
    """

    temperature: float
    top_p: float
    seed: int
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    logit_bias: tuple[tuple[int, float], ...] = ()


class Sampler:
    """Chooses tokens for one request; its generator is its own,
    so that its choices do not depend on other requests.
    """

    def __init__(self, sampling: Sampling) -> None:
        self.sampling = sampling
        self._generator = torch.Generator().manual_seed(sampling.seed)
        self._chosen: Counter[int] = Counter()
        self._biased_K = torch.tensor([token for token, _ in sampling.logit_bias], dtype=torch.int64)
        self._bias_K = torch.tensor([bias for _, bias in sampling.logit_bias])

    def choose(self, logits_V: Tensor) -> int:
        """Token id drawn from softmax(logits / temperature), cut to its nucleus.

        The nucleus is the smallest set of likeliest tokens whose probabilities sum to at least top_p
        (Holtzman et al. 2020, "The curious case of neural text degeneration", section 3.1). One uniform
        number is drawn per token whatever top_p is.
        """
        token = self._choose(self._adjusted(logits_V))
        self._chosen[token] += 1
        return token

    def _adjusted(self, logits_V: Tensor) -> Tensor:
        penalised = self.sampling.presence_penalty != 0 or self.sampling.frequency_penalty != 0
        if not self.sampling.logit_bias and not (penalised and self._chosen):
            return logits_V
        adjusted_V = logits_V.clone()
        adjusted_V.index_add_(0, self._biased_K, self._bias_K.to(adjusted_V.dtype))
        if penalised and self._chosen:
            ids_K = torch.tensor(list(self._chosen))
            counts_K = torch.tensor(list(self._chosen.values()), dtype=logits_V.dtype)
            adjusted_V[ids_K] -= self.sampling.presence_penalty + self.sampling.frequency_penalty * counts_K
        return adjusted_V

    def _choose(self, logits_V: Tensor) -> int:
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


@dataclass(frozen=True)
class TokenLogProb:
    """log p of a token in nats, by the model's own logits: before temperature, penalties and bias."""

    token: int
    log_prob: float
    top: tuple[tuple[int, float], ...] = ()
    """The likeliest tokens with theirs, likeliest first."""


def token_log_prob(logits_V: Tensor, token: int, most_top: int) -> TokenLogProb:
    """Of a token, beside the `most_top` likeliest."""
    log_probs_V = torch.log_softmax(logits_V.double(), dim=-1)
    values_K, ids_K = log_probs_V.topk(most_top)
    top = tuple(zip(ids_K.tolist(), values_K.tolist(), strict=True))
    return TokenLogProb(token, float(log_probs_V[token]), top)

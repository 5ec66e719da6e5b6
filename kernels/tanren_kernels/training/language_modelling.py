"""Next-token prediction on a packed corpus."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from ..contract import LanguageModelObjective
from ..corpus.packed_tokens import PackedTokens
from ..model.llama import Llama
from ..runtime.errors import KernelError
from .objective import Batch, Sums
from .sampler import Indices

# Enough for a standard error near 0.02 nats, little enough to be measured many times.
HELD_OUT_TOKENS = 32_768


class Windows:
    """Windows of `length` inputs and as many targets; window i starts at token `starts[i]`."""

    def __init__(self, tokens: PackedTokens, starts: Indices, length: int) -> None:
        self._tokens, self._starts, self._length = tokens, starts, length

    @classmethod
    def packed(cls, tokens: PackedTokens, length: int) -> Windows:
        """Adjoining windows over the whole row of documents."""
        count = max(0, (tokens.total_tokens - 1) // length)
        return cls(tokens, np.arange(count, dtype=np.int64) * length, length)

    @classmethod
    def within_documents(cls, tokens: PackedTokens, length: int) -> Windows:
        """Adjoining windows that each lie within one document, from its start;
        documents too short for one give none.
        """
        ends = np.append(tokens.document_starts[1:], tokens.total_tokens)
        counts = np.maximum(0, (ends - tokens.document_starts - 1) // length)
        first = np.repeat(tokens.document_starts, counts)
        number_within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        return cls(tokens, first + number_within * length, length)

    def spread(self, count: int) -> Windows:
        """At most `count` of these windows, evenly spread."""
        if len(self) <= count:
            return self
        return Windows(self._tokens, self._starts[np.arange(count) * len(self) // count], self._length)

    def __len__(self) -> int:
        return len(self._starts)

    def by_length(self, samples: Indices) -> Indices:
        return samples

    def weight(self, samples: Indices) -> float:
        return float(len(samples) * self._length)

    def token_count(self, samples: Indices) -> int:
        return len(samples) * self._length

    def batch(self, samples: Indices) -> Batch:
        rows = torch.from_numpy(
            np.stack([self._tokens.slice(int(self._starts[sample]), self._length + 1) for sample in samples])
        )
        return Batch(rows[:, :-1].contiguous(), rows[:, 1:].contiguous())


class LanguageModelling:
    """Mean loss per token; held out per language."""

    def __init__(self, config: LanguageModelObjective, sequence_length: int) -> None:
        """Raises InvalidData where the corpus is shorter than a window,
        NoLongDocuments where no document has one.
        """
        corpus = Path(config.corpus.path)
        cut = Windows.packed if config.sampling == "packed" else Windows.within_documents
        self.train = cut(PackedTokens.of_train(corpus), sequence_length)
        if not len(self.train) and config.sampling == "documents":
            raise KernelError(
                "NoLongDocuments",
                f"{corpus} has no document of {sequence_length} tokens; lower the context length or add "
                "longer documents.",
            )
        if not len(self.train):
            raise KernelError(
                "InvalidData",
                f"{corpus} has fewer than {sequence_length + 1} training tokens; lower "
                "training.sequence_length or add documents.",
            )
        limit = max(1, HELD_OUT_TOKENS // sequence_length)
        measured = {
            language: cut(PackedTokens.of_held_out(corpus, language), sequence_length).spread(limit)
            for language in PackedTokens.held_out_languages(corpus)
        }
        self.held_out = {language: windows for language, windows in measured.items() if len(windows)}

    def sums(self, model: Llama, batch: Batch) -> Sums:
        return {"loss": model.losses(batch.tokens_BT, batch.targets_BT).sum()}

    def summary(self, means: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
        """`held_out_loss_<language>`, their mean by tokens,
        and the entropy a model without context would have on the same tokens.
        """
        if not means:
            return {}
        weights = {language: len(self.held_out[language]) for language in means}
        whole = sum(weights[language] * mean["loss"] for language, mean in means.items()) / sum(
            weights.values()
        )
        return {
            "held_out_loss": whole,
            **{f"held_out_loss_{language}": mean["loss"] for language, mean in means.items()},
            "unigram_entropy": self.unigram_entropy(),
        }

    def unigram_entropy(self) -> float:
        """Entropy in nats of the distribution of single tokens among the held-out targets."""
        targets = [
            windows.batch(np.arange(len(windows))).targets_BT.flatten() for windows in self.held_out.values()
        ]
        counts = torch.cat(targets).bincount().double()
        shares = counts[counts > 0] / counts.sum()
        return float(-(shares * shares.log()).sum())

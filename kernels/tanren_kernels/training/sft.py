"""Supervised tuning on multi-turn conversations: loss on the assistant's tokens only,
their end-of-turn included.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import numpy as np

from ..contract import ChatObjective
from ..model.llama import Llama
from ..runtime import json_lines
from ..runtime.errors import KernelError
from ..tokenizer import chatml
from ..tokenizer.tokenizer import TextTokenizer
from .objective import Batch, Sums, held_out_mask, padded
from .sampler import Indices


class Conversations:
    """Rendered conversations, each cut to `sequence_length` inputs and their targets."""

    def __init__(self, renderings: Sequence[chatml.Rendering], sequence_length: int, padding: int) -> None:
        self._rows = [rendering.tokens[: sequence_length + 1] for rendering in renderings]
        self._supervised = [rendering.supervised[: sequence_length + 1] for rendering in renderings]
        self._lengths = np.array([len(row) for row in self._rows], dtype=np.int64)
        self._supervised_counts = np.array([sum(marks[1:]) for marks in self._supervised], dtype=np.int64)
        self._padding = padding

    def __len__(self) -> int:
        return len(self._rows)

    def by_length(self, samples: Indices) -> Indices:
        return samples[np.argsort(self._lengths[samples], kind="stable")]

    def weight(self, samples: Indices) -> float:
        return float(self._supervised_counts[samples].sum())

    def token_count(self, samples: Indices) -> int:
        return int((self._lengths[samples] - 1).sum())

    def batch(self, samples: Indices) -> Batch:
        return padded([self._rows[i] for i in samples], [self._supervised[i] for i in samples], self._padding)


class SupervisedFineTuning:
    """Mean loss per supervised token.

    `dropped` counts conversations of which no supervised token was left after cutting.
    """

    def __init__(self, config: ChatObjective, tokenizer: TextTokenizer, sequence_length: int) -> None:
        """Raises InvalidData for unusable conversations, and where an end of turn would go unsupervised."""
        renderings: list[chatml.Rendering] = []
        keys: list[str] = []
        self.dropped = 0
        for body, where in json_lines.read(config.conversations):
            messages = chatml.parse(body.get("messages"), f"{where}: messages")
            rendering = chatml.render(messages, tokenizer)
            if not any(rendering.supervised[1 : sequence_length + 1]):
                self.dropped += 1
                continue
            refuse_unsupervised_ends(
                rendering,
                len([m for m in messages if m["role"] == "assistant"]),
                sequence_length,
                tokenizer.message_end,
                where,
            )
            renderings.append(rendering)
            keys.append(json.dumps(messages, sort_keys=True, ensure_ascii=False))
        held_out = held_out_mask(keys, config.held_out_ratio)
        rows = {
            part: Conversations(
                [r for r, out in zip(renderings, held_out, strict=True) if out is part],
                sequence_length,
                tokenizer.end_of_text,
            )
            for part in (False, True)
        }
        self.train = rows[False]
        self.held_out = {"": rows[True]} if len(rows[True]) else {}
        if not len(self.train):
            raise KernelError(
                "InvalidData",
                f"chat.conversations leave nothing to train on within {sequence_length} tokens "
                f"({self.dropped} too long or without an assistant turn); "
                "raise training.sequence_length or add conversations.",
            )

    def sums(self, model: Llama, batch: Batch) -> Sums:
        return {"loss": model.losses(batch.tokens_BT, batch.targets_BT, batch.supervised_BT).sum()}

    def summary(self, means: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
        return {"held_out_loss": means[""]["loss"]} if means else {}


def refuse_unsupervised_ends(
    rendering: chatml.Rendering, answers: int, sequence_length: int, end_of_turn: int, where: str
) -> None:
    """A model that is never taught to end its turn does not stop; that shows in no loss,
    so it is counted here.

    Compares the supervised end-of-turn targets that a cut row really has with the assistant turns that the
    cut leaves whole.
    """
    kept = rendering.tokens[: sequence_length + 1]
    taught = sum(
        token == end_of_turn and mark for token, mark in zip(kept, rendering.supervised, strict=False)
    )
    cut_off = sum(end >= len(kept) for end in rendering.answer_ends)
    if taught != answers - cut_off:
        raise KernelError(
            "InvalidData",
            f"{where}: {taught} supervised ends of turn for {answers - cut_off} whole assistant turns; the "
            "tokenizer does not keep text and "
            "special tokens apart.",
        )

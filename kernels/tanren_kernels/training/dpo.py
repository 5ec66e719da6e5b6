"""Direct preference optimisation (Rafailov et al. 2023): the reference is the starting model, its
log-probabilities computed once.

Suffixes: P pairs, R rows (chosen rows of the pairs, then rejected ones).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..contract import DpoObjective
from ..model.llama import Llama
from ..runtime import json_lines
from ..runtime.confidence import wilson
from ..runtime.errors import KernelError
from ..tokenizer import chatml
from ..tokenizer.tokenizer import TextTokenizer
from .objective import Batch, Sums, held_out_mask, padded
from .sampler import Indices


@dataclass(frozen=True)
class Pair:
    """Two answers to one prompt as whole rows of tokens; `prompt_length` of them are the prompt."""

    prompt_length: int
    chosen: list[int]
    rejected: list[int]


class Pairs:
    """Preference pairs; `reference` [pairs, 2] are log-probabilities of (chosen,
    rejected) under the starting model, once known.
    """

    def __init__(self, pairs: Sequence[Pair], padding: int) -> None:
        self._pairs = pairs
        self._padding = padding
        self._lengths = np.array(
            [max(len(pair.chosen), len(pair.rejected)) for pair in pairs], dtype=np.int64
        )
        self.reference: Tensor | None = None

    def __len__(self) -> int:
        return len(self._pairs)

    def by_length(self, samples: Indices) -> Indices:
        return samples[np.argsort(self._lengths[samples], kind="stable")]

    def weight(self, samples: Indices) -> float:
        return float(len(samples))

    def token_count(self, samples: Indices) -> int:
        return sum(len(self._pairs[i].chosen) + len(self._pairs[i].rejected) - 2 for i in samples)

    def batch(self, samples: Indices) -> Batch:
        pairs = [self._pairs[i] for i in samples]
        rows = [pair.chosen for pair in pairs] + [pair.rejected for pair in pairs]
        prompts = [pair.prompt_length for pair in pairs] * 2
        marks = [
            [position >= prompt for position in range(len(row))]
            for row, prompt in zip(rows, prompts, strict=True)
        ]
        batch = padded(rows, marks, self._padding)
        if self.reference is None:
            return batch
        return Batch(
            batch.tokens_BT,
            batch.targets_BT,
            batch.supervised_BT,
            self.reference[torch.from_numpy(samples)].T.flatten(),
        )


def log_probabilities(model: Llama, batch: Batch) -> Tensor:
    """log p(answer | prompt) in nats, summed over the answer's tokens, [R], float32."""
    assert batch.supervised_BT is not None
    losses_N = model.losses(batch.tokens_BT, batch.targets_BT, batch.supervised_BT)
    rows_N = batch.supervised_BT.nonzero()[:, 0]
    return torch.zeros(len(batch.tokens_BT), device=losses_N.device).index_add(0, rows_N, -losses_N)


def dpo_sums(policy_R: Tensor, reference_R: Tensor, beta: float) -> Sums:
    """Loss (Rafailov et al. 2023, equation 7) and TRL's metrics, summed over the pairs;
    rows are chosen ones, then rejected ones.
    """
    chosen_P, rejected_P = (beta * (policy_R - reference_R)).chunk(2)
    margins_P = chosen_P - rejected_P
    chosen_logps_P, rejected_logps_P = policy_R.detach().chunk(2)
    return {
        "loss": -functional.logsigmoid(margins_P).sum(),
        "rewards/chosen": chosen_P.detach().sum(),
        "rewards/rejected": rejected_P.detach().sum(),
        "rewards/margins": margins_P.detach().sum(),
        "rewards/accuracies": (margins_P.detach() > 0).float().sum(),
        "logps/chosen": chosen_logps_P.sum(),
        "logps/rejected": rejected_logps_P.sum(),
    }


class DirectPreferenceOptimization:
    """Mean DPO loss per pair.

    `dropped` counts pairs that are longer than the sequence length or whose answers are equal.
    """

    def __init__(self, config: DpoObjective, tokenizer: TextTokenizer, sequence_length: int) -> None:
        """Raises InvalidData for unusable lines,
        NoPreferencePairs where none is left to train on or to hold out.
        """
        self._beta = config.beta
        pairs: list[Pair] = []
        keys: list[str] = []
        self.dropped = 0
        for body, where in json_lines.read(config.preferences):
            messages = chatml.parse(body.get("prompt"), f"{where}: prompt")
            chosen, rejected = body.get("chosen"), body.get("rejected")
            if not isinstance(chosen, str) or not isinstance(rejected, str):
                raise KernelError(
                    "InvalidData", f"{where}: chosen and rejected must be texts of the assistant."
                )
            prompt = chatml.render_prompt(messages, tokenizer)
            rows = [
                [*prompt, *tokenizer.encode_plain(answer), tokenizer.message_end]
                for answer in (chosen, rejected)
            ]
            if max(map(len, rows)) > sequence_length + 1 or chosen == rejected:
                self.dropped += 1
                continue
            pairs.append(Pair(len(prompt), *rows))
            keys.append(json.dumps(messages, sort_keys=True, ensure_ascii=False))
        held_out = held_out_mask(keys, config.held_out_ratio)
        parts = {
            part: [pair for pair, out in zip(pairs, held_out, strict=True) if out is part]
            for part in (False, True)
        }
        if not parts[False] or not parts[True]:
            raise KernelError(
                "NoPreferencePairs",
                f"dpo.preferences leave {len(parts[False])} pairs to train on and {len(parts[True])} to hold "
                f"out within {sequence_length} tokens "
                f"({self.dropped} too long or of equal answers); pairs of at least two prompts are needed: "
                "raise training.sequence_length or add some.",
            )
        self.train = Pairs(parts[False], tokenizer.end_of_text)
        self._measured = Pairs(parts[True], tokenizer.end_of_text)
        self.held_out = {"": self._measured}

    @property
    def parts(self) -> dict[str, Pairs]:
        """All pairs, by the name under which their reference is stored."""
        return {"train": self.train, "held_out": self._measured}

    def sums(self, model: Llama, batch: Batch) -> Sums:
        assert batch.reference_B is not None
        return dpo_sums(log_probabilities(model, batch), batch.reference_B, self._beta)

    def summary(self, means: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
        """Held-out means under `held_out_...`,
        and Wilson's 95 % interval of the share of pairs ranked as people ranked them.
        """
        count = len(self._measured)
        named = {f"held_out_{name}": value for name, value in means[""].items()}
        low, high = wilson(round(named["held_out_rewards/accuracies"] * count), count)
        return {
            **named,
            "held_out_rewards/accuracies_low": low,
            "held_out_rewards/accuracies_high": high,
            "held_out_pairs": float(count),
        }

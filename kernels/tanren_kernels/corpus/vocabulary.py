"""Training a corpus's own tokenizer: the sample by the mixture's ratios, the training, the removal,
the figures.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..contract import TokenizeConfig
from ..runtime import durable_file, tracing
from ..runtime.program import ProgramContext
from ..tokenizer import pruning, tokenizer
from ..tokenizer.tokenizer import TextTokenizer
from . import mixture
from .catalogue import Catalogue

REMOVED = "removed-tokens.jsonl"


@tracing.span("train tokenizer")
def trained_tokenizer(
    config: TokenizeConfig, catalogue: Catalogue, folder: Path, context: ProgramContext
) -> dict[str, Any]:
    """Writes tokenizer.json and the list of removed tokens into `folder`; returns the tokenizer's figures."""
    training = config.train_tokenizer
    if training is None:
        raise ValueError("config has no train_tokenizer")
    sample = sample_sizes(catalogue, config)
    context.log("training tokenizer", bytes=sum(sample.values()), vocabulary_size=training.vocabulary_size)
    content = tokenizer.train(_sampled_texts(catalogue, sample, context), training.vocabulary_size)
    removed = pruning.remove(content, training.removing)
    before = TextTokenizer(tokenizer.serialise(content), "the trained tokenizer")
    after = TextTokenizer(tokenizer.serialise(removed.content), "the pruned tokenizer")
    pruning.prove(after, removed.removed)

    lines = [
        {"token": gone.text.decode(errors="replace"), "bytes": gone.text.hex(), "rule": gone.rule}
        for gone in removed.removed
    ]
    durable_file.write(
        folder / REMOVED, "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode()
    )
    durable_file.write(folder / tokenizer.NAME, after.content)
    unreachable = sum(gone.rule == pruning.UNREACHABLE for gone in removed.removed)
    context.log(
        "tokenizer trained",
        vocabulary_size=after.vocabulary_size,
        removed=len(removed.removed),
        unreachable=unreachable,
    )
    return {
        "trained_on_bytes": sum(sample.values()),
        "trained_vocabulary_size": before.vocabulary_size,
        "removed_tokens": len(removed.removed),
        "unreachable_tokens": unreachable,
        "kept_bytes": [kept.hex() for kept in removed.kept_bytes],
        "extra_tokens_by_removal": _extra_tokens(catalogue, before, after),
    }


def sample_sizes(catalogue: Catalogue, config: TokenizeConfig) -> dict[int, int]:
    """Training documents that the sample takes, with how many bytes of each: each language its ratio of
    `training_bytes`, or all it has.
    """
    limit = config.train_tokenizer.training_bytes if config.train_tokenizer is not None else 0
    sizes: dict[int, int] = {}
    for part in config.mixture.parts:
        own = catalogue.training(part.language)
        left = int(limit * part.ratio)
        for place in mixture.shuffled(catalogue.keys[own], config.seed, epoch=0):
            if left <= 0:
                break
            number = int(own[place])
            sizes[number] = min(left, int(catalogue.sizes[number]))
            left -= sizes[number]
    return sizes


def _sampled_texts(catalogue: Catalogue, sizes: dict[int, int], context: ProgramContext) -> Iterator[str]:
    """Texts of the sample in the order of the files, so that reading is one pass."""
    sampled = np.zeros(len(catalogue.keys), dtype=bool)
    sampled[list(sizes)] = True
    for number, document in catalogue.read(sampled):
        context.stop_if_asked()
        text = document.text
        cut = sizes[number] < catalogue.sizes[number]
        yield text.encode()[: sizes[number]].decode(errors="ignore") if cut else text


def _extra_tokens(catalogue: Catalogue, before: TextTokenizer, after: TextTokenizer) -> float:
    """What the removal costs: share of tokens that the held-out documents need more."""
    counts = [0, 0]
    for _, document in catalogue.read(catalogue.held_out):
        for place, one in enumerate((before, after)):
            counts[place] += len(one.encode_plain(document.text))
    return round(counts[1] / counts[0] - 1, 6) if counts[0] else 0.0

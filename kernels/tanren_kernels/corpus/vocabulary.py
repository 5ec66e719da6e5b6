"""Training a corpus's own tokenizer: the sample by the mixture's ratios, the training, the removal,
the figures.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..contract import TokenizeConfig, TokenizerTraining
from ..runtime import durable_file, tracing
from ..runtime.program import ProgramContext
from ..tokenizer import pruning, tokenizer
from ..tokenizer.tokenizer import TextTokenizer
from ..tokenizer.training import train
from . import mixture
from .catalogue import Catalogue
from .encoding import CorpusEncoder

REMOVED = "removed-tokens.jsonl"

_MEASURED_BYTES = 20_000_000


@tracing.span("train tokenizer")
def trained_tokenizer(
    config: TokenizeConfig,
    catalogue: Catalogue,
    usable: npt.NDArray[np.bool_],
    folder: Path,
    context: ProgramContext,
) -> dict[str, Any]:
    """Writes tokenizer.json and the list of removed tokens into `folder`; returns the tokenizer's figures.

    `usable` [N] marks the documents that may be used.
    """
    training = config.train_tokenizer
    if training is None:
        raise ValueError("config has no train_tokenizer")
    sample = sample_sizes(catalogue, training, usable, config.seed)
    size = sum(sample.values())
    context.log("training tokenizer", bytes=size, vocabulary_size=training.vocabulary_size)
    measured: list[str] = []
    texts = _sampled_texts(catalogue, sample, _measured(catalogue, usable), measured, context)
    content = train(texts, size, training.vocabulary_size, training.max_words)
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
        "trained_on_bytes": size,
        "trained_vocabulary_size": before.vocabulary_size,
        "removed_tokens": len(removed.removed),
        "unreachable_tokens": unreachable,
        "kept_bytes": [kept.hex() for kept in removed.kept_bytes],
        "extra_tokens_by_removal": _extra_tokens(measured, before, after),
    }


def sample_sizes(
    catalogue: Catalogue, training: TokenizerTraining, usable: npt.NDArray[np.bool_], seed: int
) -> dict[int, int]:
    """Training documents that the sample takes, with how many bytes of each: each language its ratio of
    `training_bytes`, or all it has.
    """
    whole = sum(Fraction(part.ratio) for part in training.parts)
    sizes: dict[int, int] = {}
    for part in training.parts:
        own = catalogue.training(usable & catalogue.is_language(part.language))
        left = int(training.training_bytes * Fraction(part.ratio) / whole)
        for place in mixture.shuffled(catalogue.keys[own], seed, epoch=0):
            if left <= 0:
                break
            number = int(own[place])
            sizes[number] = min(left, int(catalogue.sizes[number]))
            left -= sizes[number]
    return sizes


def _measured(catalogue: Catalogue, usable: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Held-out documents that the cost of a removal is measured on."""
    own = catalogue.held_out & usable
    before = np.cumsum(catalogue.sizes * own) - catalogue.sizes * own
    return own & (before < _MEASURED_BYTES)


def _sampled_texts(
    catalogue: Catalogue,
    sizes: dict[int, int],
    measured: npt.NDArray[np.bool_],
    into: list[str],
    context: ProgramContext,
) -> Iterator[str]:
    """Texts of the sample in the order of the files, so that reading is one pass; on the way, those that
    `measured` marks are put into a list.
    """
    wanted = measured.copy()
    wanted[list(sizes)] = True
    for number, document in catalogue.read(wanted):
        context.stop_if_asked()
        text = document.text
        if number not in sizes:
            into.append(text)
            continue
        cut = sizes[number] < catalogue.sizes[number]
        yield text.encode()[: sizes[number]].decode(errors="ignore") if cut else text


def _extra_tokens(texts: list[str], before: TextTokenizer, after: TextTokenizer) -> float:
    """What the removal costs: share of tokens that the held-out documents need more."""
    if not texts:
        return 0.0
    counts = [
        sum(len(ids) for ids in CorpusEncoder(one, np.dtype("<u4")).encode(texts)) - len(texts)
        for one in (before, after)
    ]
    return round(counts[1] / counts[0] - 1, 6) if counts[0] else 0.0

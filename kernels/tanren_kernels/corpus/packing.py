"""Copies encoded documents into the corpus artifact's packed files."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from ..contract import TokenizeConfig
from ..runtime import tracing
from ..runtime.program import ProgramContext
from . import mixture
from .catalogue import Catalogue
from .encoding import EncodedDocuments
from .packed_tokens import PackedWriter, Tokens, write_packed


def write_held_out(
    directory: Path, catalogue: Catalogue, encoded: EncodedDocuments, languages: list[str]
) -> dict[str, int]:
    """One packed file per language that has held-out documents; returns their tokens."""
    _empty(directory)
    tokens = {}
    for language in languages:
        own = catalogue.held_out_of(language)
        if len(own):
            tokens[language] = write_packed(
                directory / language, (encoded.document(int(number)) for number in own), encoded.dtype
            )
    return tokens


@tracing.span("pack tokens")
def write_training(
    directory: Path,
    catalogue: Catalogue,
    encoded: EncodedDocuments,
    shares: dict[str, int],
    config: TokenizeConfig,
    context: ProgramContext,
) -> dict[str, set[int]]:
    """The mixture as shards: exactly `shares` tokens of each language;
    returns the documents that were used, by language.
    """
    _empty(directory)
    numbers = {language: catalogue.training(language) for language in shares}
    chosen = {
        language: mixture.choose(catalogue.keys[own], encoded.lengths[own], shares[language], config.seed)
        for language, own in numbers.items()
    }
    used: dict[str, set[int]] = {language: set() for language in shares}
    with PackedWriter(directory, encoded.dtype, config.shard_tokens) as writer:
        for language, place, length in mixture.interleave(chosen, shares):
            context.stop_if_asked()
            number = int(numbers[language][place])
            writer.add(_cut(encoded.document(number), length))
            used[language].add(number)
    return used


def _cut(tokens: Tokens, length: int) -> Tokens:
    """The beginning of a document, which still ends with `<|endoftext|>`."""
    return tokens if length == len(tokens) else np.append(tokens[: length - 1], tokens[-1])


def _empty(directory: Path) -> None:
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)

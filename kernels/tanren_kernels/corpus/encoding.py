"""Encodes whole corpora: the ids of the Hugging Face file, several times as fast.

Text repeats its words: each distinct pre-token is encoded once and remembered.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..runtime import durable_file, tracing
from ..runtime.durable_file import DurableFile
from ..runtime.program import ProgramContext
from ..tokenizer.pretokens import PATTERN, cut
from ..tokenizer.tokenizer import TextTokenizer
from .catalogue import Catalogue
from .packed_tokens import Tokens, dtype_for

# Text encoded at once, in characters.
_BATCH = 2_000_000

# Distinct pre-tokens remembered; beyond that the memory starts again from empty, which bounds it.
_REMEMBERED = 2_000_000


class CorpusEncoder:
    """Encodes documents and ends each with `<|endoftext|>`."""

    def __init__(self, tokenizer: TextTokenizer, dtype: np.dtype[np.unsignedinteger]) -> None:
        self.tokenizer = tokenizer
        self.dtype = dtype
        self._end = self._packed([tokenizer.end_of_text])
        self._known: dict[str, bytes] = {}
        # A tokenizer from elsewhere cuts text in its own way; only the library knows how.
        self._remembers = _cuts_as_here(tokenizer)

    def encode(self, texts: Sequence[str]) -> list[Tokens]:
        """Ids of each text, `<|endoftext|>` last."""
        if not self._remembers:
            return [
                np.asarray([*ids, self.tokenizer.end_of_text], dtype=self.dtype)
                for ids in self.tokenizer.encode_plain_batch(texts)
            ]
        words = [cut(text) for text in texts]
        if len(self._known) > _REMEMBERED:
            self._known.clear()
        new = list({word: None for row in words for word in row if word not in self._known})
        for word, ids in zip(new, self.tokenizer.encode_plain_batch(new), strict=True):
            self._known[word] = self._packed(ids)
        return [
            np.frombuffer(b"".join([*map(self._known.__getitem__, row), self._end]), dtype=self.dtype)
            for row in words
        ]

    def _packed(self, ids: list[int]) -> bytes:
        return np.asarray(ids, dtype=self.dtype).tobytes()


def _cuts_as_here(tokenizer: TextTokenizer) -> bool:
    content = json.loads(tokenizer.content)
    if content.get("normalizer") is not None or any(
        not token["special"] for token in content["added_tokens"]
    ):
        return False
    match content.get("pre_tokenizer"):
        case {
            "type": "Sequence",
            "pretokenizers": [
                {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False},
                byte_level,
            ],
        }:
            return bool(
                pattern == PATTERN
                and byte_level["type"] == "ByteLevel"
                and not byte_level["use_regex"]
                and not byte_level["add_prefix_space"]
            )
    return False


class EncodedDocuments:
    """Tokens of all N documents, in one file per task; memory-mapped.

    `lengths` int64 [N], 0 where a language is not wanted.
    """

    def __init__(self, files: Sequence[Path], dtype: np.dtype[np.unsignedinteger]) -> None:
        self.dtype = dtype
        lengths = [np.fromfile(_lengths_of(file), dtype="<i8").astype(np.int64) for file in files]
        self.lengths: npt.NDArray[np.int64] = np.concatenate(lengths)
        self._tokens: list[Tokens] = [
            np.memmap(file, dtype=dtype, mode="r") if file.stat().st_size else np.empty(0, dtype=dtype)
            for file in files
        ]
        self._first = np.cumsum([0, *map(len, lengths)])
        self._starts = np.concatenate([np.cumsum(own) - own for own in lengths])

    def document(self, number: int) -> Tokens:
        """Tokens of one document, `<|endoftext|>` last."""
        file = int(np.searchsorted(self._first, number, side="right")) - 1
        start = int(self._starts[number])
        return self._tokens[file][start : start + int(self.lengths[number])]


@tracing.span("encode documents")
def encode_documents(
    catalogue: Catalogue,
    tokenizer: TextTokenizer,
    languages: Sequence[str],
    work: Path,
    context: ProgramContext,
) -> EncodedDocuments:
    """Encodes every document of the wanted languages into `work`, task by task;
    finished tasks are not done again.
    """
    dtype = dtype_for(tokenizer.vocabulary_size)
    encoder = CorpusEncoder(tokenizer, dtype)
    files = [work / f"{number:05d}.tokens" for number in range(len(catalogue.files))]
    wanted = catalogue.of_languages(languages)
    seconds, encoded_bytes = 0.0, 0
    for number, file in enumerate(files):
        if not file.exists():
            began = time.perf_counter()
            _encode_task(catalogue, number, file, wanted, encoder, context)
            seconds += time.perf_counter() - began
            own = catalogue.numbers_of_file(number)
            encoded_bytes += int((catalogue.sizes * wanted)[own.start : own.stop].sum())
        speed = (
            {"encode_megabytes_per_second": round(encoded_bytes / seconds / 1e6, 2)} if encoded_bytes else {}
        )
        context.progress.update(catalogue.ends[number], len(catalogue.keys), speed)
    return EncodedDocuments(files, dtype)


def _encode_task(
    catalogue: Catalogue,
    number: int,
    file: Path,
    wanted: npt.NDArray[np.bool_],
    encoder: CorpusEncoder,
    context: ProgramContext,
) -> None:
    """Writes the tokens under a temporary name, then the lengths, then gives the tokens their name:
    where it stands, both are whole.
    """
    lengths = np.zeros(len(catalogue.numbers_of_file(number)), dtype="<i8")
    first = catalogue.numbers_of_file(number).start
    waiting: dict[int, str] = {}
    characters = 0
    with DurableFile(file) as output:

        def flush() -> None:
            context.stop_if_asked()
            for at, tokens in zip(waiting, encoder.encode(list(waiting.values())), strict=True):
                lengths[at - first] = len(tokens)
                output.write(tokens.tobytes())
            waiting.clear()

        for at, document in catalogue.read(wanted, number):
            waiting[at] = document.text
            characters += len(document.text)
            if characters >= _BATCH:
                flush()
                characters = 0
        flush()
        durable_file.write(_lengths_of(file), lengths.tobytes())


def _lengths_of(file: Path) -> Path:
    return file.with_suffix(".lengths")

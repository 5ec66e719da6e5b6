"""Copies encoded documents into the corpus artifact's packed files, in the order of the mixture.

The order is known from the documents' lengths alone. DuckDB sorts the documents into it, spilling what does
not fit, so that a corpus larger than memory is read and written from front to back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from ..contract import TokenizeConfig
from ..runtime import durable_file, tracing
from ..runtime.program import ProgramContext
from . import mixture
from .catalogue import Catalogue
from .data_engine import DataEngine, quoted
from .encoding import EncodedDocuments
from .mixture import Group
from .packed_tokens import PackedWriter, Tokens, write_packed

HELD_OUT = "held-out"
TRAIN = "train"

_ROWS = 100_000

_ORDER = pa.schema(
    [
        pa.field("place", pa.int64(), nullable=False),
        pa.field("number", pa.int64(), nullable=False),
        pa.field("length", pa.int64(), nullable=False),
    ]
)
"""A document at a place of a packed file, and how many of its tokens stand there."""


class Packing:
    """What is written below `output`; the order of documents and what DuckDB spills lie in `work`."""

    def __init__(
        self,
        config: TokenizeConfig,
        catalogue: Catalogue,
        encoded: EncodedDocuments,
        output: Path,
        work: Path,
        context: ProgramContext,
    ) -> None:
        self.config = config
        self.catalogue = catalogue
        self.encoded = encoded
        self.output = output
        self.work = work
        self.context = context

    def write_held_out(self, languages: list[str]) -> dict[str, int]:
        """One packed file per language that has held-out documents; returns their tokens."""
        _empty(self.output / HELD_OUT)
        tokens = {}
        for language in languages:
            own = self.catalogue.held_out_of(language)
            own = own[self.encoded.lengths[own] > 0]
            if len(own):
                order = ((int(number), int(self.encoded.lengths[number])) for number in own)
                tokens[language] = write_packed(
                    self.output / HELD_OUT / language, self._documents(order), self.encoded.dtype
                )
        return tokens

    @tracing.span("pack tokens")
    def write_training(
        self, groups: Mapping[Group, npt.NDArray[np.int64]], shares: Mapping[Group, int]
    ) -> npt.NDArray[np.bool_]:
        """The mixture as shards: exactly `shares` tokens of each group, whose documents' numbers are in
        `groups`; returns which documents were used.
        """
        _empty(self.output / TRAIN)
        used = np.zeros(len(self.catalogue.keys), dtype=bool)
        chosen = {
            group: mixture.choose(
                self.catalogue.keys[own], self.encoded.lengths[own], shares[group], self.config.seed
            )
            for group, own in groups.items()
        }

        def order() -> Iterator[tuple[int, int]]:
            for group, place, length in mixture.interleave(chosen, shares):
                number = int(groups[group][place])
                used[number] = True
                yield number, length

        with PackedWriter(self.output / TRAIN, self.encoded.dtype, self.config.shard_tokens) as writer:
            for tokens in self._documents(order()):
                writer.add(tokens)
        return used

    def _documents(self, order: Iterator[tuple[int, int]]) -> Iterator[Tokens]:
        """The documents of an order of (number, tokens of it)."""
        file = self.work / "order.parquet"
        with pq.ParquetWriter(file, _ORDER) as rows:
            waiting: list[tuple[int, int, int]] = []
            for place, (number, length) in enumerate(order):
                waiting.append((place, number, length))
                if len(waiting) == _ROWS:
                    self.context.stop_if_asked()
                    rows.write_table(_table(waiting))
                    waiting = []
            rows.write_table(_table(waiting))
        files = ", ".join(quoted(own) for own in self.encoded.files)
        with DataEngine(
            self.config.memory_bytes,
            self.config.threads,
            self.work / "spill",
            lambda: self.context.stopping,
        ) as engine:
            documents = engine.rows(
                f"SELECT o.length, e.tokens FROM {quoted(file)} o JOIN read_parquet([{files}]) e"
                " USING (number) ORDER BY o.place"
            )
            for length, tokens in documents:
                yield _cut(np.frombuffer(tokens, dtype=self.encoded.dtype), length)
        file.unlink()


def _empty(directory: Path) -> None:
    durable_file.remove_directory(directory)
    directory.mkdir(parents=True)


def _table(rows: list[tuple[int, int, int]]) -> pa.Table:
    columns = np.array(rows, dtype=np.int64).reshape(-1, 3).T
    return pa.table([pa.array(column) for column in columns], schema=_ORDER)


def _cut(tokens: Tokens, length: int) -> Tokens:
    """The beginning of a document, which still ends with `<|endoftext|>`."""
    return tokens if length == len(tokens) else np.append(tokens[: length - 1], tokens[-1])

"""Step `similarity`: candidates are compared, so that the similarity asked for is the one applied.

Signatures sort out what cannot be similar enough; the rest is compared by all of its shingles.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ..runtime import tracing
from . import minhash
from .data_engine import once, parquet, parts_for, quoted
from .deduplication import CANDIDATES, TEXTS, TWIN_SIMILARITY, Part

_PLAUSIBLE = "plausible.parquet"

_PAIRS = pa.schema(
    [
        ("first_rank", pa.int64()),
        ("first", pa.uint64()),
        ("first_id", pa.string()),
        ("second_rank", pa.int64()),
        ("second", pa.uint64()),
        ("language", pa.string()),
        ("bytes", pa.int64()),
        ("similarity", pa.float64()),
    ]
)

_ROWS = 10_000

# Hashes of shingles in memory: 32 MB.
_REMEMBERED = 4_000_000


@tracing.span("compare candidates")
def compare_candidates(part: Part) -> None:
    candidates = parquet(parts_for(part.number, part.root / "candidates", "*/pairs"), CANDIDATES)
    texts = parquet(parts_for(part.number, part.root / "texts", "*/*"), TEXTS)
    least = min(TWIN_SIMILARITY, part.config.min_hash.similarity)

    def compare(directory: Path) -> None:
        _write_plausible(part, candidates, texts, directory / _PLAUSIBLE)
        with pq.ParquetWriter(directory / "0.parquet", _PAIRS, compression="zstd") as writer:
            rows: list[tuple[object, ...]] = []
            for row in _similar(part, texts, least, directory / _PLAUSIBLE):
                rows.append(row)
                if len(rows) == _ROWS:
                    writer.write_table(_table(rows))
                    rows = []
            writer.write_table(_table(rows))
        (directory / _PLAUSIBLE).unlink()

    once(part.made("similarity"), compare)


def _write_plausible(part: Part, candidates: str, texts: str, file: Path) -> None:
    permutations = part.config.min_hash.permutations
    agreement = minhash.least_agreement(part.config.min_hash.similarity, permutations)
    query = (
        f"SELECT pair.*, one.signature AS one, other.signature AS other FROM (SELECT DISTINCT * FROM "
        f"{candidates}) pair JOIN (SELECT DISTINCT place, signature FROM {texts}) one ON one.place = first "
        f"JOIN (SELECT DISTINCT place, signature FROM {texts}) other ON other.place = second"
    )
    schema = pa.schema(
        [
            ("first_rank", pa.int64()),
            ("first", pa.uint64()),
            ("second_rank", pa.int64()),
            ("second", pa.uint64()),
        ]
    )
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for batch in part.engine.batches(query):
            one, other = (
                np.frombuffer(b"".join(batch.column(name).to_pylist()), dtype="<u4").reshape(-1, permutations)
                for name in ("one", "other")
            )
            is_plausible = (one == other).sum(axis=1) >= agreement
            writer.write_batch(batch.select(schema.names).filter(pa.array(is_plausible)).cast(schema))


def _similar(part: Part, texts: str, least: float, plausible: Path) -> Iterator[tuple[object, ...]]:
    """Pairs that are at least this similar. Rows come by first document, whose own text leads."""
    pairs = f"read_parquet({quoted(plausible)})"
    query = (
        "SELECT first_rank, first, second_rank, second, id, language, bytes, text FROM ("
        f"SELECT * FROM {pairs} UNION ALL "
        f"SELECT DISTINCT first_rank, first, first_rank, first FROM {pairs}) JOIN "
        f"(SELECT DISTINCT place, id, language, bytes, text FROM {texts}) ON place = second "
        "ORDER BY first, second <> first, second"
    )
    known = _Shingles(part.config.min_hash.shingle)
    shingles = np.empty(0, dtype=np.uint64)
    first_id = ""
    for first_rank, first, second_rank, second, id, language, bytes_, text in part.engine.rows(query):
        own = known.of(second, text, language)
        if first == second:
            part.context.stop_if_asked()
            shingles, first_id = own, id
            continue
        similarity = minhash.jaccard(shingles, own)
        if similarity >= least:
            yield first_rank, first, first_id, second_rank, second, language, bytes_, similarity


class _Shingles:
    """Sorted shingles of the documents seen last: those that are like each other follow each other."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._known: OrderedDict[int, minhash.Hashes] = OrderedDict()
        self._hashes = 0

    def of(self, place: int, text: str, language: str) -> minhash.Hashes:
        own = self._known.pop(place, None)
        if own is None:
            own = np.unique(minhash.shingle_hashes(minhash.normalised(text), language, self._size))
            self._hashes += len(own)
        self._known[place] = own
        while self._hashes > _REMEMBERED and len(self._known) > 1:
            self._hashes -= len(self._known.popitem(last=False)[1])
        return own


def _table(rows: list[tuple[object, ...]]) -> pa.Table:
    columns = list(zip(*rows, strict=True)) or [()] * len(_PAIRS)
    return pa.table(
        [pa.array(column, field.type) for column, field in zip(columns, _PAIRS, strict=True)], schema=_PAIRS
    )

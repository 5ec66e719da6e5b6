"""Step `choice`: which documents go, and what is said of it.

Documents are looked at in the order of the rule: each goes that is similar to an earlier one that stays. So
every document that goes is similar to the one that stays for it, and no chain of similar documents is taken
for one document.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ..runtime import tracing
from .data_engine import copy, once, parquet, quoted
from .deduplication import EXACT, PAIRS, Part
from .filter_statistics import DUPLICATES, FilterStatistics
from .samples import CHARACTERS

FIGURES = "figures.json"

_CLUSTERS = 20
_PAIRS = 6

_NEAR = pa.schema([("number", pa.int64()), ("kept", pa.int64()), ("similarity", pa.float64())])


def choose(part: Part) -> None:
    once(part.root / "choice", lambda directory: _choose(part, directory))


def dropped_of(part: Part) -> list[Path]:
    """Files of the own tasks' documents that go."""
    return list((part.root / "choice" / "dropped" / f"part={part.number}").glob("*.parquet"))


def twins_of(part: Part) -> list[Path]:
    return list((part.root / "choice" / "twins" / f"part={part.number}").glob("*.parquet"))


def read_figures(part: Part) -> dict[str, Any]:
    """`funnel`: rows of the steps `exact` and `min_hash`; `largest_clusters` and some
    `pairs`; documents in and dropped.
    """
    figures: dict[str, Any] = json.loads((part.root / "choice" / FIGURES).read_bytes())
    return figures


@tracing.span("choose documents")
def _choose(part: Part, directory: Path) -> None:
    engine, config = part.engine, part.config
    exact = parquet(_made(part, "exact"), EXACT)
    pairs = parquet(_made(part, "similarity"), PAIRS)

    # Numbers in the order of the rule, of all that have a pair.
    engine.run(
        "CREATE OR REPLACE TEMP TABLE document AS SELECT place, max(id) AS id, max(language) AS language, "
        "max(bytes) AS bytes, row_number() OVER (ORDER BY rank, place) - 1 AS number FROM ("
        f"SELECT first_rank AS rank, first AS place, first_id AS id, language, NULL AS bytes FROM {pairs} "
        f"UNION ALL SELECT second_rank, second, NULL, language, bytes FROM {pairs}) GROUP BY rank, place"
    )
    near = directory / "near.parquet"
    _write_near(part, pairs, near)
    engine.run(
        "CREATE OR REPLACE TEMP TABLE near AS SELECT gone.place, gone.language, gone.bytes, "
        "stays.place AS kept, stays.id AS kept_id, similarity "
        f"FROM read_parquet({quoted(near)}) pair JOIN document gone ON gone.number = pair.number "
        "JOIN document stays ON stays.number = pair.kept"
    )
    near.unlink()
    # A document that repeats one which goes has that one's similarity to the one that stays.
    step = "exact" if config.exact else "min_hash"
    repeated = (
        f"SELECT copy.place, '{step}' AS step, copy.language, copy.bytes, coalesce(near.kept, copy.kept) AS "
        "kept, coalesce(near.kept_id, copy.kept_id) AS kept_id, coalesce(near.similarity, 1.0) AS similarity "
        f"FROM {exact} copy LEFT JOIN near ON near.place = copy.kept"
    )
    engine.run(
        "CREATE OR REPLACE TEMP TABLE dropped AS "
        "SELECT place, 'min_hash' AS step, language, bytes, kept, kept_id, similarity FROM near "
        + (f"UNION ALL {repeated}" if config.exact or config.near else "")
    )
    engine.run(copy(f"SELECT *, {part.owner('place')} AS part FROM dropped", directory / "dropped", True))
    _write_twins(part, pairs, exact, directory / "twins")
    (directory / FIGURES).write_text(json.dumps(_figures(part), ensure_ascii=False))


def _write_near(part: Part, pairs: str, file: Path) -> None:
    """One byte per document that has a pair says whether it goes; pairs come in order, and none stays in
    memory.
    """
    count = next(part.engine.rows("SELECT count(*) FROM document"))[0]
    goes = bytearray(count)
    query = (
        "SELECT later.number AS number, earlier.number AS kept, similarity FROM "
        f"{pairs} JOIN document earlier ON earlier.place = first JOIN document later ON later.place = second "
        f"WHERE similarity >= {part.config.min_hash.similarity!r} ORDER BY later.number, earlier.number"
    )
    with pq.ParquetWriter(file, _NEAR, compression="zstd") as writer:
        for batch in part.engine.batches(query) if part.config.near else ():
            gone: list[tuple[int, int, float]] = []
            for number, kept, similarity in zip(*(one.to_pylist() for one in batch.columns), strict=True):
                if not goes[number] and not goes[kept]:
                    goes[number] = 1
                    gone.append((number, kept, similarity))
            if gone:
                writer.write_table(pa.table(list(zip(*gone, strict=True)), schema=_NEAR))


def _write_twins(part: Part, pairs: str, exact: str, directory: Path) -> None:
    """Documents that stay although another that stays is like them, and those equal to one of them."""
    part.engine.run(
        "CREATE OR REPLACE TEMP TABLE alike AS SELECT first, second FROM "
        f"{pairs} ANTI JOIN dropped one ON one.place = first"
    )
    part.engine.run(
        "CREATE OR REPLACE TEMP TABLE twin AS SELECT first AS place FROM alike ANTI JOIN dropped ON "
        "dropped.place = second UNION SELECT second FROM alike ANTI JOIN dropped ON dropped.place = second"
    )
    part.engine.run(
        copy(
            f"SELECT place, {part.owner('place')} AS part FROM (SELECT place FROM twin UNION "
            f"SELECT copy.place FROM {exact} copy SEMI JOIN twin ON twin.place = copy.kept)",
            directory,
            True,
        )
    )


def _figures(part: Part) -> dict[str, Any]:
    engine, config = part.engine, part.config
    totals = parquet(
        [file.with_name("totals.parquet") for file in _made(part, "exact")],
        "language VARCHAR, documents BIGINT, bytes BIGINT",
    )
    gone = {
        (step, language): (documents, size)
        for step, language, documents, size in engine.rows(
            "SELECT step, language, count(*), sum(bytes)::BIGINT FROM dropped GROUP BY step, language"
        )
    }
    statistics = FilterStatistics(DUPLICATES)
    documents_in = 0
    for language, documents, size in engine.rows(
        f"SELECT language, sum(documents)::BIGINT, sum(bytes)::BIGINT FROM {totals} GROUP BY language "
        "ORDER BY language"
    ):
        documents_in += documents
        for step, used, reason in (
            ("exact", config.exact, "exact_duplicate"),
            ("min_hash", config.near, "near_duplicate"),
        ):
            if used:
                less, bytes_less = gone.get((step, language), (0, 0))
                statistics.add(
                    {
                        "step": step,
                        "language": language,
                        "documents_in": documents,
                        "documents_out": documents - less,
                        "bytes_in": size,
                        "bytes_out": size - bytes_less,
                        "dropped": {reason: less} if less else {},
                    }
                )
                documents, size = documents - less, size - bytes_less
    clusters = [
        {"kept": id[:CHARACTERS], "dropped": count, "least_similarity": round(least, 4)}
        for id, count, least in engine.rows(
            "SELECT kept_id, count(*), min(similarity) FROM dropped GROUP BY kept, kept_id "
            f"ORDER BY count(*) DESC, kept LIMIT {_CLUSTERS}"
        )
    ]
    dropped = sum(documents for documents, _ in gone.values())
    return {
        "documents_in": documents_in,
        "documents": documents_in - dropped,
        "funnel": statistics.rows(),
        "largest_clusters": clusters,
        "pairs": _pairs(part),
    }


def _pairs(part: Part) -> list[dict[str, Any]]:
    """Some near duplicates with the beginnings of both texts: the least similar ones, and others."""
    near = "FROM dropped WHERE step = 'min_hash'"
    chosen = list(
        part.engine.rows(
            "SELECT place, kept, similarity FROM "
            f"(SELECT * {near} ORDER BY similarity, place LIMIT {_PAIRS}) "
            "UNION SELECT place, kept, similarity FROM "
            f"(SELECT * {near} ORDER BY md5(place::VARCHAR) LIMIT {_PAIRS}) ORDER BY similarity, place"
        )
    )
    places = {place for gone, stays, _ in chosen for place in (gone, stays)}
    texts = {
        place: {"id": id, "text": text}
        for task in sorted({(place >> 32) % part.config.tasks for place in places})
        for place, id, text in part.engine.rows(
            f"SELECT place, left(id, {CHARACTERS}), left(text, {CHARACTERS}) FROM "
            f"read_parquet({quoted(part.inputs[task].documents)}) "
            f"WHERE place IN ({', '.join(map(str, sorted(places)))})"
        )
    }
    return [
        {"similarity": round(similarity, 4), "kept": texts[stays], "dropped": texts[gone]}
        for gone, stays, similarity in chosen
    ]


def _made(part: Part, what: str) -> list[Path]:
    return [part.root / what / f"{number:05d}" / "0.parquet" for number in range(part.config.parts)]

"""Steps `keys`, `candidates` and `texts`: documents that may be duplicates are brought together.

A document shares its digest with those it repeats, and each band of its signature with those that are
probably like it. Rows of equal keys go to the same part, which has that range of the keys.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ..runtime import durable_file, tracing
from . import minhash
from .data_engine import copy, names, once, parquet, part_of, parts_for, quoted
from .deduplication import BANDS, DIGESTS, SIGNATURES, Part
from .documents import Document, read_documents

# Documents whose shingles are in memory at once, by their number and characters.
_BATCH = 500
_BATCH_CHARACTERS = 2_000_000

# Up to so many documents of one band are compared each with each. Of more, each is compared with the first,
# and with so many that follow it in the order of the next band's hash, which twins share more often than
# others: thousands of pages of one template cost no more per page than a few do.
_ALL_PAIRS = 16
_NEIGHBOURS = 5

_NEVER = 2**63 - 1

_SCHEMA = pa.schema(
    [
        ("place", pa.uint64()),
        ("id", pa.string()),
        ("language", pa.string()),
        ("bytes", pa.int64()),
        ("rank", pa.int64()),
        ("high", pa.uint64()),
        ("low", pa.uint64()),
        ("signature", pa.binary()),
        ("bands", pa.list_(pa.uint64())),
    ]
)


def write_keys(part: Part) -> None:
    """Signatures of each own task, then their digests and bands for the parts that have the ranges."""
    for task in part.own_tasks:
        if not part.signatures(task).exists():
            _write_signatures(part, task)
    table = parquet([part.signatures(task) for task in part.own_tasks], SIGNATURES)
    parts = part.config.parts
    once(
        part.made("digests"),
        lambda directory: part.engine.run(
            copy(f"SELECT {names(DIGESTS)}, {part_of('high', parts)} AS part FROM {table}", directory, True)
        ),
    )
    once(
        part.made("bands"),
        lambda directory: part.engine.run(
            copy(
                f"SELECT {names(BANDS)}, {part_of('key', parts)} AS part FROM ("
                "SELECT * EXCLUDE (bands), band - 1 AS band, bands[band] AS key, "
                "bands[band % len(bands) + 1] AS next FROM ("
                f"SELECT *, unnest(generate_series(1, len(bands))) AS band FROM {table}))",
                directory,
                True,
            )
        ),
    )


@tracing.span("hash documents")
def _write_signatures(part: Part, task: int) -> None:
    part.signatures(task).parent.mkdir(parents=True, exist_ok=True)

    def write(path: Path) -> None:
        with pq.ParquetWriter(path, _SCHEMA, compression="zstd") as writer:
            batch: list[Document] = []
            characters = 0
            for document in read_documents(part.inputs[task].documents):
                batch.append(document)
                characters += len(document.text)
                if len(batch) >= _BATCH or characters >= _BATCH_CHARACTERS:
                    writer.write_batch(_signed(part, batch))
                    batch, characters = [], 0
            writer.write_batch(_signed(part, batch))

    durable_file.write_with(part.signatures(task), write)


def _signed(part: Part, documents: list[Document]) -> pa.RecordBatch:
    part.context.stop_if_asked()
    shape = part.config.min_hash
    texts = [(minhash.normalised(document.text), document.language) for document in documents]
    digests = [hashlib.sha256(text.encode()).digest() for text, _ in texts]
    signatures = minhash.signatures(texts, shape, part.config.seed)
    bands = minhash.band_hashes(signatures, shape, [language for _, language in texts])
    columns = [
        [document.place for document in documents],
        [document.id for document in documents],
        [document.language for document in documents],
        [len(document.text.encode()) for document in documents],
        [rank(document, part.config.keep) for document in documents],
        [int.from_bytes(digest[:8], "big") for digest in digests],
        [int.from_bytes(digest[8:16], "big") for digest in digests],
        [row.tobytes() for row in signatures.astype("<u4")],
        list(bands),
    ]
    return pa.RecordBatch.from_arrays(
        [pa.array(column, field.type) for column, field in zip(columns, _SCHEMA, strict=True)], schema=_SCHEMA
    )


def rank(document: Document, keep: str) -> int:
    """Of several duplicates the one with the smallest rank stays."""
    if keep == "longest":
        return -len(document.text)
    if keep == "newest":
        try:
            time = datetime.fromisoformat(document.time)
        except ValueError:
            return _NEVER
        # A time that names no zone is taken as UTC, which is what archives write.
        since = time.replace(tzinfo=time.tzinfo or UTC) - datetime(1970, 1, 1, tzinfo=UTC)
        return -(since // timedelta(microseconds=1))
    return 0


@tracing.span("find candidates")
def find_candidates(part: Part) -> None:
    """In the own range: documents of equal digests, and pairs of documents of an equal band."""
    parts = part.config.parts
    digests = parquet(parts_for(part.number, part.root / "digests"), DIGESTS)

    def exact(directory: Path) -> None:
        part.engine.run(
            copy(
                "SELECT copy.place, copy.rank, copy.language, copy.bytes, best.place AS kept, best.id AS "
                f"kept_id FROM (SELECT * EXCLUDE (id) FROM {digests}) copy JOIN (SELECT high, low, "
                f"min(struct_pack(rank := rank, place := place, id := id)) AS best FROM {digests} "
                "GROUP BY high, low HAVING count(*) > 1) USING (high, low) WHERE copy.place <> best.place",
                directory / "0.parquet",
            )
        )
        # What the funnel says went in.
        part.engine.run(
            copy(
                f"SELECT language, count(*) AS documents, sum(bytes)::BIGINT AS bytes FROM {digests} "
                "GROUP BY language",
                directory / "totals.parquet",
            )
        )

    once(part.made("exact"), exact)

    bands = parquet(parts_for(part.number, part.root / "bands"), BANDS)

    def candidates(directory: Path) -> None:
        # Of documents that are equal, the one that stays stands for all.
        part.engine.run(
            "CREATE OR REPLACE TEMP TABLE one AS SELECT band, key, min(struct_pack(rank := rank, "
            f"place := place)) AS document, any_value(next) AS next FROM {bands} GROUP BY band, key, low"
        )
        part.engine.run(
            "CREATE OR REPLACE TEMP TABLE shared AS SELECT band, key, document, "
            "count(*) OVER same AS size, row_number() OVER (same ORDER BY document) AS number, "
            "row_number() OVER (same ORDER BY next, document) AS neighbour FROM one SEMI JOIN "
            "(SELECT band, key FROM one GROUP BY band, key HAVING count(*) > 1) USING (band, key) "
            "WINDOW same AS (PARTITION BY band, key)"
        )
        part.engine.run("DROP TABLE one")
        both = "FROM shared one JOIN shared other ON one.band = other.band AND one.key = other.key"
        part.engine.run(
            "CREATE OR REPLACE TEMP TABLE pair AS SELECT DISTINCT least(a, b) AS first, "
            "greatest(a, b) AS second FROM ("
            f"SELECT one.document AS a, other.document AS b {both} AND one.number < other.number "
            f"WHERE one.size <= {_ALL_PAIRS} UNION ALL "
            f"SELECT one.document, other.document {both} AND one.number = 1 AND other.number > 1 "
            f"WHERE one.size > {_ALL_PAIRS} UNION ALL "
            f"SELECT one.document, other.document FROM (SELECT *, neighbour + unnest(generate_series(1, "
            f"{_NEIGHBOURS})) AS following FROM shared WHERE size > {_ALL_PAIRS}) one JOIN shared other ON "
            "one.band = other.band AND one.key = other.key AND one.following = other.neighbour)"
        )
        part.engine.run("DROP TABLE shared")
        where = part_of("hash(first.place)", parts)
        part.engine.run(
            copy(
                "SELECT first.rank AS first_rank, first.place AS first, second.rank AS second_rank, "
                f"second.place AS second, {where} AS part FROM pair",
                directory / "pairs",
                True,
            )
        )
        part.engine.run(
            copy(
                f"SELECT DISTINCT place, comparer, {part.owner('place')} AS part FROM ("
                f"SELECT first.place AS place, {where} AS comparer FROM pair UNION ALL "
                f"SELECT second.place, {where} FROM pair)",
                directory / "wanted",
                True,
            )
        )
        part.engine.run("DROP TABLE pair")

    once(part.made("candidates"), candidates)


@tracing.span("hand out texts")
def hand_out_texts(part: Part) -> None:
    """Texts and signatures of the own tasks' candidates, for the parts that compare them."""
    found = parts_for(part.number, part.root / "candidates", "*/wanted")
    wanted = parquet(found, "place UBIGINT, comparer INTEGER")

    def texts(directory: Path) -> None:
        for task in part.own_tasks:
            part.context.stop_if_asked()
            part.engine.run(
                copy(
                    "SELECT place, id, language, bytes, text, signature, comparer AS part "
                    f"FROM read_parquet({quoted(part.inputs[task].documents)}) JOIN "
                    f"(SELECT place, bytes, signature FROM read_parquet({quoted(part.signatures(task))})) "
                    f"USING (place) JOIN (SELECT DISTINCT place, comparer FROM {wanted} "
                    f"WHERE place // 4294967296 % {part.config.tasks} = {task}) USING (place)",
                    directory / f"{task:05d}",
                    True,
                )
            )

    once(part.made("texts"), texts)

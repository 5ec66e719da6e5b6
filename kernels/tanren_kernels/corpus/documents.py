"""Documents on their way through the corpus programs, and the folder that each program leaves per task.

    documents/<task>.parquet  what is kept, in the columns of SCHEMA and the order of their places
    samples/<task>.jsonl      of `clean` alone: some of what is kept and of what each rule dropped
                              (samples.py)
    dropped/<task>.jsonl      what is not: id, step, reason, source, offset, excerpt; of duplicates also which
                              document they repeat, and how similar it is
    catalogue/<task>.parquet  of `deduplicate` alone: a row per kept document, so that `tokenize` need not
                              read them all to know what they are (catalogue.py)
    stats/<task>.json         funnel rows and whatever else the program counted
    completed/<task>.json     written last: the task is done

A task is done or not done; a program that is killed at any instant does the tasks without a marker again.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel

from ..runtime import durable_file, manifest
from ..runtime.durable_file import DurableFile
from ..runtime.errors import KernelError

SUMMARY = "summary.json"
"""What `deduplicate` writes beside the tasks' files: number of tasks, sources,
the funnel from the first step to deduplication, the largest clusters.
"""

EXCERPT_CHARACTERS = 80


@dataclass(frozen=True, slots=True)
class Document:
    """One text with where it came from. `id` is unique within a corpus; url, title and time (RFC 3339, of
    the crawl) are "" where there is none; `offset` is where in its file the record begins, `status` HTTP's.

    `place` orders all documents of a corpus, however many tasks it has: number of the file in the list of all
    files, times 2^32, plus the number of the record in its file.
    """

    id: str
    text: str
    language: str
    source: str
    url: str
    title: str = ""
    time: str = ""
    offset: int = 0
    status: int | None = None
    place: int = 0
    score: float | None = None
    """How likely the last classifier found it clean; None where none looked at it."""
    licence: str = ""
    """The record's own, else its source's."""


SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("text", pa.string(), nullable=False),
        pa.field("language", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("url", pa.string(), nullable=False),
        pa.field("title", pa.string(), nullable=False),
        pa.field("time", pa.string(), nullable=False),
        pa.field("offset", pa.uint64(), nullable=False),
        pa.field("status", pa.int32()),
        pa.field("place", pa.uint64(), nullable=False),
        pa.field("score", pa.float32()),
        pa.field("licence", pa.string(), nullable=False),
    ]
)
"""One column per field of Document."""

_COLUMNS = tuple(field.name for field in fields(Document))

# A row group is what a reader holds: many small documents, or a few large ones.
_GROUP_DOCUMENTS = 1_000
_GROUP_CHARACTERS = 4_000_000


def read_documents(path: Path) -> Iterator[Document]:
    """Documents of one task's file, in order; memory holds one row group."""
    with pq.ParquetFile(path) as file:
        for group in range(file.num_row_groups):
            yield from documents_of_group(file, group)


def documents_of_group(file: pq.ParquetFile, group: int) -> Iterator[Document]:
    columns = file.read_row_group(group, columns=list(_COLUMNS), use_threads=False).to_pydict()
    for row in zip(*(columns[name] for name in _COLUMNS), strict=True):
        yield Document(*row)


def excerpt(text: str) -> str:
    """The beginning of a text on one line, for people who ask why it was dropped."""
    return " ".join(text[: 2 * EXCERPT_CHARACTERS].split())[:EXCERPT_CHARACTERS]


_NO_CONTENT = {
    "run",
    "input",
    "output",
    "adopted",
    "threads",
    "tasks",
    "workers",
    "work",
    "parts",
    "step",
    "memory_bytes",
}


def fingerprint(config: BaseModel, *more: object) -> str:
    """What a result depends on: the config without who runs it, where and how parallel, and `more`, which
    stands for its inputs' content.
    """
    own = config.model_dump(exclude=_NO_CONTENT)
    return hashlib.sha256(manifest.canonical([own, *more])).hexdigest()


class TaskFolder:
    """The files of one task below a program's output directory."""

    def __init__(self, root: Path, task: int) -> None:
        name = f"{task:05d}"
        self.root = root
        self.documents = root / "documents" / f"{name}.parquet"
        self.dropped = root / "dropped" / f"{name}.jsonl"
        self.catalogue = root / "catalogue" / f"{name}.parquet"
        self.samples = root / "samples" / f"{name}.jsonl"
        self.stats = root / "stats" / f"{name}.json"
        self.marker = root / "completed" / f"{name}.json"

    def read_marker(self) -> dict[str, str] | None:
        """`fingerprint` of the task's inputs and `documents`, the sha256 of its documents;
        None while it is not done.
        """
        try:
            marker: dict[str, str] = json.loads(self.marker.read_bytes())
        except FileNotFoundError:
            return None
        return marker

    def is_done(self, fingerprint: str) -> bool:
        marker = self.read_marker()
        return marker is not None and marker["fingerprint"] == fingerprint

    def read_stats(self) -> dict[str, Any]:
        stats: dict[str, Any] = json.loads(self.stats.read_bytes())
        return stats

    def check_documents(self) -> str:
        """The sha256 of the documents; raises ArtifactDamaged where the marker names another."""
        return self._check(self.documents, "documents")

    def check_catalogue(self) -> None:
        self._check(self.catalogue, "catalogue")

    def _check(self, file: Path, name: str) -> str:
        marker = self.read_marker() or {}
        if name not in marker or not file.is_file() or manifest.file_sha256(file) != marker[name]:
            raise KernelError(
                "ArtifactDamaged",
                f"{file} is not what its completion marker names; delete {self.marker} and run that stage "
                "again.",
            )
        return marker[name]


class HashedParquet:
    """A Parquet file under a temporary name, hashed on the way. Equal groups of rows give equal bytes."""

    def __init__(self, path: Path, schema: pa.Schema, compression: str = "zstd") -> None:
        self._file = DurableFile(path)
        self._sink = _Hashed(self._file)
        self._schema = schema
        self._writer = pq.ParquetWriter(
            pa.PythonFile(self._sink, mode="w"), schema, compression=compression, write_statistics=["place"]
        )

    def write(self, columns: list[list[Any]]) -> None:
        """A group of rows."""
        self._writer.write_table(pa.table(columns, schema=self._schema))

    def commit(self) -> str:
        """Gives the file its name and returns its sha256."""
        self._writer.close()
        self._file.commit()
        return self._sink.sha256.hexdigest()

    def discard(self) -> None:
        """Does nothing after a commit."""
        self._writer.close()
        self._file.discard()


class DocumentWriter:
    """A file of documents. How they are grouped depends on nothing but themselves."""

    def __init__(self, path: Path) -> None:
        self._parquet = HashedParquet(path, SCHEMA)
        self._rows: list[Document] = []
        self._characters = 0

    def write(self, document: Document) -> None:
        self._rows.append(document)
        self._characters += len(document.text)
        if len(self._rows) >= _GROUP_DOCUMENTS or self._characters >= _GROUP_CHARACTERS:
            self._flush()

    def _flush(self) -> None:
        if self._rows:
            self._parquet.write([[getattr(row, name) for row in self._rows] for name in _COLUMNS])
        self._rows, self._characters = [], 0

    def commit(self) -> str:
        """Gives the file its name and returns its sha256."""
        self._flush()
        return self._parquet.commit()

    def discard(self) -> None:
        """Does nothing after a commit."""
        self._parquet.discard()


class _Hashed(io.RawIOBase):
    """What is written to a file, hashed on the way."""

    def __init__(self, file: DurableFile) -> None:
        self._file = file
        self._length = 0
        self.sha256 = hashlib.sha256()

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._length

    def write(self, data: Any) -> int:
        content = bytes(data)
        self._file.write(content)
        self.sha256.update(content)
        self._length += len(content)
        return len(content)


class TaskWriter:
    """Writes a task's files under temporary names; `complete` renames them and writes the marker,
    anything else leaves no trace.
    """

    def __init__(self, folder: TaskFolder) -> None:
        self.folder = folder
        for path in (folder.documents, folder.dropped, folder.stats, folder.marker):
            path.parent.mkdir(parents=True, exist_ok=True)
        # While outputs are replaced, an old marker would vouch for a mixture of old and new.
        folder.marker.unlink(missing_ok=True)
        self._documents = DocumentWriter(folder.documents)
        self._dropped = DurableFile(folder.dropped)

    def keep(self, document: Document) -> None:
        self._documents.write(document)

    def drop(
        self,
        id: str,
        step: str,
        reason: str,
        source: str,
        text: str,
        offset: int | None = None,
        duplicate_of: str | None = None,
        similarity: float | None = None,
    ) -> None:
        entry: dict[str, Any] = {"id": id, "step": step, "reason": reason, "source": source}
        if offset is not None:
            entry["offset"] = offset
        entry["excerpt"] = excerpt(text)
        if duplicate_of is not None:
            entry["duplicate_of"] = duplicate_of
        if similarity is not None:
            entry["similarity"] = round(similarity, 4)
        self._dropped.write(_json_line(entry))

    def complete(self, stats: dict[str, Any], fingerprint: str, **digests: str) -> None:
        """`digests` are of further files that the marker vouches for."""
        documents = self._documents.commit()
        self._dropped.commit()
        durable_file.write(self.folder.stats, _json_line(stats))
        durable_file.write(
            self.folder.marker,
            _json_line({"fingerprint": fingerprint, "documents": documents, **digests}),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._documents.discard()
        self._dropped.discard()


def write_json_lines(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    durable_file.write(path, b"".join(map(_json_line, rows)))


def _json_line(value: dict[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace") + b"\n"

"""Documents on their way through the corpus programs, and the folder that each program leaves per task.

    documents/<task>.jsonl   what is kept: id, text, language, source, url, title, time, offset, status
    dropped/<task>.jsonl     what is not: id, step, reason, source, offset, excerpt (and the id it duplicates)
    catalogue/<task>.npy     of `deduplicate` alone: a row per kept document, so that `tokenize` need not read
                             them all to know what they are (catalogue.py)
    stats/<task>.json        funnel rows and whatever else the program counted
    completed/<task>.json    written last: the task is done

A task is done or not done; a program that is killed at any instant does the tasks without a marker again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from pydantic import BaseModel

from ..runtime import durable_file, manifest
from ..runtime.durable_file import DurableFile
from ..runtime.errors import KernelError

LANGUAGES = ("ja", "en", "code")
"""Where arrays hold a language, they hold its place here."""

SUMMARY = "summary.json"
"""What `deduplicate` writes last: number of tasks, sources,
and the funnel from the first step to deduplication.
"""

EXCERPT_CHARACTERS = 80


@dataclass(frozen=True, slots=True)
class Document:
    """One text with where it came from. `id` is unique within a corpus; url, title and time (RFC 3339, of
    the crawl) are "" where there is none; `offset` is where in its file the record begins, `status` HTTP's.
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


def read_documents(path: Path) -> Iterator[Document]:
    """Documents of one task's file, in order; memory holds one line."""
    with path.open("rb") as lines:
        for line in lines:
            yield Document(**json.loads(line))


def excerpt(text: str) -> str:
    """The beginning of a text on one line, for people who ask why it was dropped."""
    return " ".join(text[: 2 * EXCERPT_CHARACTERS].split())[:EXCERPT_CHARACTERS]


def fingerprint(config: BaseModel, *more: object) -> str:
    """What a result depends on: the config without who runs it, where and how parallel, and `more`, which
    stands for its inputs' content.
    """
    own = config.model_dump(exclude={"run", "input", "output", "adopted", "threads", "workers"})
    return hashlib.sha256(manifest.canonical([own, *more])).hexdigest()


class TaskFolder:
    """The files of one task below a program's output directory."""

    def __init__(self, root: Path, task: int) -> None:
        name = f"{task:05d}"
        self.root = root
        self.documents = root / "documents" / f"{name}.jsonl"
        self.dropped = root / "dropped" / f"{name}.jsonl"
        self.catalogue = root / "catalogue" / f"{name}.npy"
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
        self._documents = DurableFile(folder.documents)
        self._dropped = DurableFile(folder.dropped)
        self._sha256 = hashlib.sha256()
        self._length = 0

    def keep(self, document: Document) -> int:
        """Returns where the document's line begins in the file."""
        line = _json_line(asdict(document))
        self._sha256.update(line)
        self._documents.write(line)
        place, self._length = self._length, self._length + len(line)
        return place

    def drop(
        self,
        id: str,
        step: str,
        reason: str,
        source: str,
        text: str,
        offset: int | None = None,
        duplicate_of: str | None = None,
    ) -> None:
        entry: dict[str, Any] = {"id": id, "step": step, "reason": reason, "source": source}
        if offset is not None:
            entry["offset"] = offset
        entry["excerpt"] = excerpt(text)
        if duplicate_of is not None:
            entry["duplicate_of"] = duplicate_of
        self._dropped.write(_json_line(entry))

    def complete(self, stats: dict[str, Any], fingerprint: str, **digests: str) -> None:
        """`digests` are of further files that the marker vouches for."""
        self._documents.commit()
        self._dropped.commit()
        durable_file.write(self.folder.stats, _json_line(stats))
        durable_file.write(
            self.folder.marker,
            _json_line({"fingerprint": fingerprint, "documents": self._sha256.hexdigest(), **digests}),
        )

    def __enter__(self) -> TaskWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._documents.discard()
        self._dropped.discard()


def _json_line(value: dict[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"

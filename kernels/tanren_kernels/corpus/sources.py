"""The files of a corpus's sources, how they are divided into tasks, and what each format holds."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..contract import CleanSource, ExtractionConfig
from ..runtime.errors import KernelError
from . import warc
from .character_sets import decode
from .page_text import page_text
from .tidying import tidy


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file of one source; `path` is relative to the source's input directory."""

    source: CleanSource
    path: str

    @property
    def location(self) -> Path:
        return Path(self.source.input.path) / self.path


@dataclass(frozen=True, slots=True)
class Raw:
    """One record as it was read. `body` is None where `reason` says why nothing could be read."""

    id: str
    url: str
    size: int
    body: bytes | str | None
    charset: str | None = None
    reason: str = ""


def list_files(sources: Sequence[CleanSource]) -> list[SourceFile]:
    """Every file of every source, sources in the given order, files by path.

    Raises InvalidConfig or InvalidData.
    """
    files: list[SourceFile] = []
    for source in sources:
        root = Path(source.input.path)
        if not root.is_dir():
            raise KernelError(
                "InvalidData",
                f"source {source.name}: {root} is no directory; check the claim and path of the source.",
            )
        found: set[str] = set()
        for pattern in source.include:
            if pattern.startswith("/") or ".." in pattern.split("/"):
                raise KernelError(
                    "InvalidConfig",
                    f"source {source.name}: include pattern {pattern!r} leads out of {root}; write it "
                    "relative to the source.",
                )
            found.update(path.relative_to(root).as_posix() for path in root.glob(pattern) if path.is_file())
        if not found:
            raise KernelError(
                "InvalidData",
                f"source {source.name}: no file below {root} matches include {source.include}; check the "
                "patterns.",
            )
        files.extend(SourceFile(source, path) for path in sorted(found))
    return files


def files_of_task(files: Sequence[SourceFile], task: int, tasks: int) -> list[SourceFile]:
    """File i belongs to task i mod tasks, so that the files of each source spread over all tasks."""
    return list(files[task::tasks])


def read_records(file: SourceFile, max_record_bytes: int) -> Iterator[Raw]:
    """Records of a file in order. Damaged ones carry a reason and never end the reading."""
    reader = {"warc": _warc, "jsonl": _json_lines, "text": _whole_file, "code": _whole_file}[
        file.source.format
    ]
    return reader(file, max_record_bytes)


def text_of(raw: Raw, file: SourceFile, config: ExtractionConfig) -> tuple[str, str]:
    """Text of a readable record and, where that is empty, the reason."""
    if isinstance(raw.body, str):
        text = raw.body
    else:
        decoded = decode(raw.body or b"", raw.charset)
        if decoded is None:
            return "", "unknown_character_set"
        text = decoded.text
    text = page_text(text, config)[1] if file.source.format == "warc" else tidy(text)
    return (text, "") if text else ("", "no_text")


def _warc(file: SourceFile, max_record_bytes: int) -> Iterator[Raw]:
    for number, found in enumerate(warc.read_responses(file.location, max_record_bytes)):
        id = f"{file.source.name}/{file.path}#{number}"
        if isinstance(found, warc.Skipped):
            yield Raw(id, found.url, found.size, None, reason=found.reason)
        else:
            yield Raw(id, found.url, len(found.body), found.body, found.charset)


def _json_lines(file: SourceFile, max_record_bytes: int) -> Iterator[Raw]:
    opener = gzip.open if file.path.endswith(".gz") else open
    number = 0
    with opener(file.location, "rb") as lines:
        while True:
            id = f"{file.source.name}/{file.path}#{number}"
            try:
                line = lines.readline(max_record_bytes + 1)
                size = len(line)
                while size > max_record_bytes and not line.endswith(b"\n") and line:
                    line = lines.readline(max_record_bytes + 1)
                    size += len(line)
            except (EOFError, OSError, zlib.error):
                yield Raw(id, "", 0, None, reason="truncated_file")
                return
            if size == 0:
                return
            number += 1
            if size > max_record_bytes:
                yield Raw(id, "", size, None, reason="record_too_large")
            elif line.strip():
                yield _json_record(line, id)


def _json_record(line: bytes, id: str) -> Raw:
    try:
        record = json.loads(line)
        text = record["text"]
        text.encode()  # an escaped half of a surrogate pair is valid JSON and no text
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return Raw(id, "", len(line), None, reason="bad_json_line")
    own = record.get("id")
    url = record.get("url")
    # The line's place stays in the id: two files may use the same ids.
    return Raw(
        f"{id}:{own}" if isinstance(own, str | int) else id,
        url if isinstance(url, str) else "",
        len(line),
        text,
    )


def _whole_file(file: SourceFile, max_record_bytes: int) -> Iterator[Raw]:
    id = f"{file.source.name}/{file.path}"
    size = file.location.stat().st_size
    if size > max_record_bytes:
        yield Raw(id, "", size, None, reason="record_too_large")
    else:
        yield Raw(id, "", size, file.location.read_bytes())

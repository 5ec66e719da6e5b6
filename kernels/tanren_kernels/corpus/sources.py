"""The files of a corpus's sources, how they are divided into tasks, and the records of each format."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..contract import CleanSource
from ..runtime.errors import KernelError
from .archives import Record, read_archive
from .mediawiki import Page, Site, read_pages
from .parquet_rows import Row, read_rows
from .unpacked import Damaged, Unpacked

# What an archive is read for, by format; records of other types are counted.
_WANTED = {
    "warc": frozenset(["response", "resource", "arc"]),
    "wet": frozenset(["conversion"]),
}


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
    """One record as it was read. `reason` says why nothing could be; `lost` is False where nothing was
    wanted. `offset` is where in the file the record begins, or the packed stretch that holds it.
    """

    id: str
    offset: int
    size: int
    body: bytes = b""
    type: str = ""
    content_type: str = ""
    url: str = ""
    time: str = ""
    reason: str = ""
    lost: bool = True
    place: int = 0
    """`Document.place`"""
    more: dict[str, str] = field(default_factory=dict)
    """What a row has beside its text."""
    site: Site | None = None
    """Of a wiki's page."""


def list_files(sources: Sequence[CleanSource]) -> list[SourceFile]:
    """Every file of every source, sources in the given order, files by path.

    Raises InvalidConfig or InvalidData.
    """
    files: list[SourceFile] = []
    for source in sources:
        if (source.language is None) == (source.languages is None):
            raise KernelError(
                "InvalidConfig", f"source {source.name}: exactly one of language and languages is given."
            )
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
            found.update(_within(source, root, path) for path in root.glob(pattern) if path.is_file())
        if not found:
            raise KernelError(
                "InvalidData",
                f"source {source.name}: no file below {root} matches include {source.include}; check the "
                "patterns.",
            )
        files.extend(SourceFile(source, path) for path in sorted(found))
    return files


def _within(source: CleanSource, root: Path, path: Path) -> str:
    """A claim's link must not make the programs read what is not on the claim."""
    if not path.resolve().is_relative_to(root.resolve()):
        raise KernelError(
            "InvalidData",
            f"source {source.name}: {path} is a link that leads out of {root}; remove it, or leave it out by "
            "include.",
        )
    return path.relative_to(root).as_posix()


def files_of_task(files: Sequence[SourceFile], task: int, tasks: int) -> list[SourceFile]:
    """File i belongs to task i mod tasks, so that the files of each source spread over all tasks."""
    return list(files[task::tasks])


def read_records(file: SourceFile, content: Unpacked, max_record_bytes: int) -> Iterator[Raw]:
    """Records of a file in order. Damaged ones carry a reason and never end the reading."""
    name = f"{file.source.name}/{file.path}"
    if file.source.format in _WANTED:
        return _archive(name, content, _WANTED[file.source.format], max_record_bytes)
    if file.source.format == "jsonl":
        return _json_lines(name, content, max_record_bytes)
    if file.source.format == "parquet":
        return _rows(name, file, max_record_bytes)
    if file.source.format == "mediawiki":
        return _wiki_pages(name, content, max_record_bytes)
    return _whole_file(name, content, max_record_bytes)


def _archive(name: str, content: Unpacked, wanted: frozenset[str], max_record_bytes: int) -> Iterator[Raw]:
    number = 0
    for found in read_archive(content, wanted, max_record_bytes):
        if isinstance(found, Record):
            yield Raw(
                f"{name}#{number}",
                found.offset,
                len(found.block),
                found.block,
                found.type,
                found.content_type,
                found.url,
                found.time,
            )
        else:
            yield Raw(
                f"{name}#{number}",
                found.offset,
                found.size,
                url=found.url,
                reason=found.reason,
                lost=found.lost,
            )
            if not found.lost:
                continue
        # Records that nobody asked for have no number: ids are the same with and without them.
        number += 1


def _json_lines(name: str, content: Unpacked, max_record_bytes: int) -> Iterator[Raw]:
    number = 0
    while True:
        id = f"{name}#{number}"
        offset = content.position
        try:
            line = content.line(max_record_bytes + 1)
            size = len(line)
            if size > max_record_bytes:
                while not line.endswith(b"\n") and (line := content.line(max_record_bytes + 1)):
                    size += len(line)
        except Damaged:
            yield Raw(id, offset, 0, reason="truncated_file")
            return
        if size == 0:
            return
        number += 1
        if size > max_record_bytes:
            yield Raw(id, offset, size, reason="record_too_large")
        elif line.strip():
            yield Raw(id, offset, size, line, "json")


def _rows(name: str, file: SourceFile, max_record_bytes: int) -> Iterator[Raw]:
    """`offset` is the row's number."""
    for row in read_rows(file.location, file.source.text_field or "text", max_record_bytes):
        id = f"{name}#{row.number}"
        if isinstance(row, Row):
            body = row.text.encode()
            yield Raw(id, row.number, len(body), body, "row", more=row.more)
        else:
            yield Raw(id, row.number, row.size, reason=row.reason)


def _wiki_pages(name: str, content: Unpacked, max_record_bytes: int) -> Iterator[Raw]:
    number = 0
    for page in read_pages(content, max_record_bytes):
        id = f"{name}#{number}"
        if isinstance(page, Page):
            yield Raw(id, page.offset, len(page.xml), page.xml, "wikitext", site=page.site)
        else:
            yield Raw(id, page.offset, page.size, reason=page.reason, lost=page.lost)
            if not page.lost:
                continue
        number += 1


def _whole_file(name: str, content: Unpacked, max_record_bytes: int) -> Iterator[Raw]:
    try:
        body = content.read(max_record_bytes + 1)
    except Damaged:
        yield Raw(name, 0, 0, reason="truncated_file")
        return
    if len(body) > max_record_bytes:
        yield Raw(name, 0, len(body), reason="record_too_large")
    else:
        yield Raw(name, 0, len(body), body, "file")

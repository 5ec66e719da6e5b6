"""Records of WARC and ARC files, damaged or not (ISO 28500; Internet Archive 1996).

Crawls hold cut and garbled records. Damage costs the records it touches and no others: reading resumes at the
next place where a record may begin.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from .unpacked import Damaged, Truncated, Unpacked

# ISO 28500:2017, section 6; `arc` are the pages of ARC files.
RECORD_TYPES = frozenset(
    ["warcinfo", "response", "resource", "request", "metadata", "revisit", "conversion", "continuation"]
)

_WARC = b"WARC/"
_LINE_BYTES = 65_536
_HEAD_BYTES = 1 << 20
_ARC = re.compile(rb"[a-z][a-z0-9+.-]{1,20}:\S* \S+ (\d{8,14}) (\S+)(?: \S+)*? (\d{1,15})\r?\n")


@dataclass(frozen=True, slots=True)
class Record:
    """A whole record. `content_type` is what its own header says of the block; `time` RFC 3339 or ""."""

    type: str
    url: str
    time: str
    content_type: str
    offset: int
    block: bytes


@dataclass(frozen=True, slots=True)
class Unread:
    """A record that could not be read, and why: record_too_large, truncated_record, corrupt_record; or one
    whose type nobody asked for: `<type>_record`, which is no loss.
    """

    reason: str
    url: str
    offset: int
    size: int
    lost: bool = True


def read_archive(
    content: Unpacked, wanted: frozenset[str], max_record_bytes: int
) -> Iterator[Record | Unread]:
    """Every record, in order. A damaged stretch is one `corrupt_record`, however many records it held; a file
    that ends within a record ends with a `truncated_record`.
    """
    in_damage = False
    while True:
        offset = content.offset
        try:
            line = _first_line(content)
            if not line:
                return
            offset = content.offset if content.offset > offset else offset
            if line.startswith(_WARC):
                found = _warc(content, wanted, max_record_bytes, offset)
            elif arc := _ARC.fullmatch(line):
                found = _arc(content, line, arc, wanted, max_record_bytes, offset)
            else:
                if not in_damage:
                    yield Unread("corrupt_record", "", offset, 0)
                in_damage = True
                continue
        except Damaged as damage:
            if not in_damage:
                cut = isinstance(damage, Truncated)
                yield Unread("truncated_record" if cut else "corrupt_record", "", offset, 0)
            in_damage = True
            if not content.resume():
                return
            continue
        # Where a damaged record ends is not known: what follows and has no header of its own belongs to it.
        damaged = isinstance(found, Unread) and found.reason in ("corrupt_record", "truncated_record")
        if not (in_damage and damaged and isinstance(found, Unread) and found.size == 0):
            yield found
        in_damage = damaged


def _first_line(content: Unpacked) -> bytes:
    """The next line that is not blank; b"" at the end."""
    while line := content.line(_LINE_BYTES):
        if line.strip():
            return line
    return b""


def _warc(content: Unpacked, wanted: frozenset[str], limit: int, offset: int) -> Record | Unread:
    headers = _headers(content)
    url = headers.get("warc-target-uri", "").strip("<>")
    kind, length = headers.get("warc-type"), headers.get("content-length", "")
    if kind is None or not (length.isascii() and length.isdecimal()) or len(length) > 15:
        return Unread("truncated_record", url, offset, 0)
    kind = kind.lower()
    if kind not in RECORD_TYPES:
        return Unread("corrupt_record", url, offset, 0)
    size = int(length)
    if kind not in wanted or size > limit:
        passed_over = _passed_over(content, kind, url, offset, size, kind in wanted)
        _end(content)
        return passed_over
    block = content.read(size, _WARC)
    if len(block) != size:
        return Unread("truncated_record", url, offset, len(block))
    _end(content)
    if not _has_digest(block, headers.get("warc-block-digest", "")):
        return Unread("corrupt_record", url, offset, size)
    return Record(kind, url, headers.get("warc-date", ""), headers.get("content-type", ""), offset, block)


def _passed_over(content: Unpacked, kind: str, url: str, offset: int, size: int, is_wanted: bool) -> Unread:
    """Goes on behind a block that nobody asked for, or that is too large to be read."""
    passed = content.skip(size, _WARC)
    if not is_wanted:
        return Unread(f"{kind}_record", url, offset, size, lost=False)
    return Unread("record_too_large" if passed == size else "truncated_record", url, offset, size)


def _arc(
    content: Unpacked, line: bytes, found: re.Match[bytes], wanted: frozenset[str], limit: int, offset: int
) -> Record | Unread:
    url = line.split(b" ", 1)[0].decode("utf-8", "replace")
    size = int(found.group(3))
    kind = "filedesc" if url.startswith("filedesc:") else "arc"
    if kind not in wanted or size > limit:
        return _passed_over(content, kind, url, offset, size, kind in wanted)
    block = content.read(size, _WARC)
    if len(block) != size:
        return Unread("truncated_record", url, offset, len(block))
    day = found.group(1).decode().ljust(14, "0")
    time = f"{day[:4]}-{day[4:6]}-{day[6:8]}T{day[8:10]}:{day[10:12]}:{day[12:14]}Z"
    return Record(kind, url, time, found.group(2).decode("ascii", "replace"), offset, block)


def _headers(content: Unpacked) -> dict[str, str]:
    """Names in small letters; a folded line goes on with the one before."""
    headers: dict[str, str] = {}
    name = ""
    for line in content.head(_HEAD_BYTES).decode("utf-8", "replace").splitlines():
        if line.startswith((" ", "\t")) and name:
            headers[name] += " " + line.strip()
            continue
        key, colon, value = line.partition(":")
        if colon:
            name = key.strip().lower()
            headers.setdefault(name, value.strip())
    return headers


def _end(content: Unpacked) -> None:
    """Two line ends follow a block; with them comes a packed record's checksum."""
    start = content.line(3)
    if start in (b"\r\n", b"\n"):
        content.line(3)
    elif start:
        content.push_back(start)


def _has_digest(block: bytes, given: str) -> bool:
    """True also where none is given, or one of a kind that is not known."""
    algorithm, _, value = given.partition(":")
    algorithm = algorithm.lower().replace("-", "")
    if algorithm not in ("sha1", "sha256", "md5"):
        return True
    digest = hashlib.new(algorithm, block, usedforsecurity=False).digest()
    value = value.strip().lower()
    return value in (digest.hex(), base64.b32encode(digest).decode().rstrip("=").lower())

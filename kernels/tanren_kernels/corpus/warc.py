"""HTTP responses of a WARC file, damaged or not.

Crawls hold cut and garbled records. Damage costs the records it touches and no others: reading resumes at
the next place where a record may begin.
"""

from __future__ import annotations

import mmap
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fastwarc.warc import ArchiveIterator, WarcRecord, WarcRecordType

_GZIP_MEMBER = b"\x1f\x8b\x08"
_WARC_VERSION = b"WARC/1."

# ISO 28500:2017, section 6.
_RECORD_TYPES = frozenset(
    ["warcinfo", "response", "resource", "request", "metadata", "revisit", "conversion", "continuation"]
)


@dataclass(frozen=True, slots=True)
class Response:
    """A whole HTTP 200 response with an HTML body; transfer and content encodings are undone."""

    url: str
    body: bytes
    charset: str | None


@dataclass(frozen=True, slots=True)
class Skipped:
    """A record that holds no page, and why: not_http_200, not_html, record_too_large,
    truncated_record, corrupt_record.
    """

    url: str
    reason: str
    size: int


def read_responses(path: Path, max_record_bytes: int) -> Iterator[Response | Skipped]:
    """Every response record of the file, in order; records of other types (requests,
    metadata) are passed over in silence.

    A damaged stretch is one `corrupt_record`, however many records it held. A file that ends within a record
    ends with a `truncated_record`.
    """
    if path.stat().st_size == 0:
        return
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        magic = _GZIP_MEMBER if content[:3] == _GZIP_MEMBER else _WARC_VERSION
        start = 0
        in_damage = False
        while start >= 0:
            file.seek(start)
            last = start
            try:
                for record in ArchiveIterator(file, record_types=WarcRecordType.any_type, parse_http=False):
                    last = record.stream_pos
                    found = _response(record, max_record_bytes)
                    in_damage = False
                    if found is not None:
                        yield found
            except OSError:  # fastwarc: garbled compression or no WARC header where one belongs
                if not in_damage:
                    yield Skipped("", "corrupt_record", 0)
                in_damage = True
                start = content.find(magic, last + 1)
                continue
            if magic == _GZIP_MEMBER and not in_damage and _goes_on_after(content, last):
                yield Skipped("", "truncated_record", 0)
            return


def _response(record: WarcRecord, max_record_bytes: int) -> Response | Skipped | None:
    headers = record.headers
    url = headers.get("WARC-Target-URI") or ""
    length = headers.get("Content-Length") or ""
    kind = headers.get("WARC-Type")
    if kind is None or not length.isdecimal():
        return Skipped(url, "truncated_record", 0)
    if kind not in _RECORD_TYPES:
        return Skipped(url, "corrupt_record", 0)
    if kind != "response":
        return None
    size = int(length)
    if size > max_record_bytes:
        return Skipped(url, "record_too_large", size)
    block = record.reader.read()
    if len(block) != size:
        return Skipped(url, "truncated_record", len(block))
    record.set_bytes_content(block)
    if (headers.get("WARC-Block-Digest") or "").startswith("sha1:") and not record.verify_block_digest():
        return Skipped(url, "corrupt_record", size)
    try:
        record.parse_http(auto_decode="all")
        http = record.http_headers
        if http is None or http.status_code != 200:
            return Skipped(url, "not_http_200", size)
        if record.http_content_type not in ("text/html", "application/xhtml+xml"):
            return Skipped(url, "not_html", size)
        body = record.reader.read(max_record_bytes + 1)
    except OSError:
        return Skipped(url, "corrupt_record", size)
    if len(body) > max_record_bytes:
        return Skipped(url, "record_too_large", len(body))
    return Response(url, body, record.http_charset)


def _goes_on_after(content: mmap.mmap, member: int) -> bool:
    """Whether bytes follow the gzip member that begins at `member`:
    fastwarc is silent about a last member without a whole header.
    """
    inflate = zlib.decompressobj(wbits=31)
    position = member
    try:
        while position < len(content):
            piece = content[position : position + 65_536]
            inflate.decompress(piece)
            position += len(piece)
            if inflate.eof:
                return position - len(inflate.unused_data) < len(content)
    except zlib.error:
        return False
    return False

"""Damaged archives: written whole by another library, then cut or garbled."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import pytest
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from tanren_kernels.corpus import http_message
from tanren_kernels.corpus.archives import Record, Unread, read_archive
from tanren_kernels.corpus.unpacked import Unpacked

PAGES = 12
LIMIT = 100_000


def page(number: int) -> bytes:
    # Every page has other bytes, so that compression cannot make them alike.
    words = " ".join(f"{number * 7919 + word * 104_729:x}" for word in range(400))
    return f"<html><body><p>頁{number} {words}</p></body></html>".encode()


def archive(
    compressed: bool, records: list[tuple[str, bytes, list[tuple[str, str]]]] | None = None
) -> tuple[bytes, list[int]]:
    """Bytes of a WARC and the offset of each record."""
    buffer = io.BytesIO()
    writer = WARCWriter(buffer, gzip=compressed)
    offsets = []
    html = [("Content-Type", "text/html; charset=utf-8")]
    for number, (status, body, headers) in enumerate(
        records or [("200 OK", page(number), html) for number in range(PAGES)]
    ):
        offsets.append(buffer.tell())
        http = StatusAndHeaders(status, headers, protocol="HTTP/1.1")
        writer.write_record(
            writer.create_warc_record(
                f"https://example.org/{number}", "response", payload=io.BytesIO(body), http_headers=http
            )
        )
    return buffer.getvalue(), [*offsets, buffer.tell()]


WANTED = frozenset(["response", "resource", "arc"])


def records(tmp_path: Path, content: bytes, limit: int = LIMIT) -> list[Record | Unread]:
    path = tmp_path / "crawl.warc"
    path.write_bytes(content)
    with Unpacked(path) as unpacked:
        found = list(read_archive(unpacked, WANTED, limit))
        assert unpacked.sha256() == hashlib.sha256(content).hexdigest()
    return found


def read(tmp_path: Path, content: bytes, limit: int = LIMIT) -> tuple[list[str], list[str]]:
    """URLs of the pages that were read, and reasons of what was lost."""
    found = records(tmp_path, content, limit)
    for record in found:
        if isinstance(record, Record):
            message = http_message.parse(record.block, limit)
            assert message is not None and message.body == page(int(record.url.rsplit("/", 1)[1]))
    return [one.url for one in found if isinstance(one, Record)], [
        one.reason for one in found if isinstance(one, Unread) and one.lost
    ]


def urls(*numbers: int) -> list[str]:
    return [f"https://example.org/{number}" for number in numbers]


@pytest.mark.parametrize("compressed", [True, False])
def test_a_whole_archive_is_read_whole(tmp_path: Path, compressed: bool) -> None:
    assert read(tmp_path, archive(compressed)[0]) == (urls(*range(PAGES)), [])


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("into", [1, 3, 12, 60, 250, 600, 1500])
def test_an_archive_cut_within_a_record_loses_that_record_only(
    tmp_path: Path, compressed: bool, into: int
) -> None:
    content, offsets = archive(compressed)
    pages, reasons = read(tmp_path, content[: offsets[5] + into])
    assert pages == urls(0, 1, 2, 3, 4)
    assert len(reasons) == 1 and reasons[0] in ("truncated_record", "corrupt_record")


@pytest.mark.parametrize("compressed", [True, False])
def test_an_archive_cut_between_records_is_not_damaged(tmp_path: Path, compressed: bool) -> None:
    content, offsets = archive(compressed)
    assert read(tmp_path, content[: offsets[5]]) == (urls(0, 1, 2, 3, 4), [])


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("into", [2, 20, 400, 1000])
def test_garbled_bytes_lose_the_records_they_touch(tmp_path: Path, compressed: bool, into: int) -> None:
    content, offsets = archive(compressed)
    garbled = bytearray(content)
    for position in range(offsets[5] + into, offsets[5] + into + 40):
        garbled[position] ^= 0xFF
    pages, reasons = read(tmp_path, bytes(garbled))
    assert pages == urls(0, 1, 2, 3, 4, *range(6, PAGES))
    assert len(reasons) == 1 and reasons[0] in ("truncated_record", "corrupt_record")


def test_two_damaged_places_are_two(tmp_path: Path) -> None:
    content, offsets = archive(compressed=True)
    garbled = bytearray(content)
    for record in (2, 8):
        for position in range(offsets[record] + 300, offsets[record] + 340):
            garbled[position] ^= 0xFF
    assert read(tmp_path, bytes(garbled)) == (
        urls(0, 1, 3, 4, 5, 6, 7, 9, 10, 11),
        ["corrupt_record", "corrupt_record"],
    )


def test_a_file_that_is_no_archive_is_one_corrupt_record(tmp_path: Path) -> None:
    assert read(tmp_path, b"<html>not an archive</html>" * 50) == ([], ["corrupt_record"])


def test_an_empty_file_holds_nothing(tmp_path: Path) -> None:
    assert read(tmp_path, b"") == ([], [])

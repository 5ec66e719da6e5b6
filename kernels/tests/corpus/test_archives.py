"""Damaged archives: written whole by another library, then cut or garbled."""

from __future__ import annotations

import bisect
import bz2
import gzip
import hashlib
import io
import itertools
import lzma
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from backports import zstd
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
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


PACKINGS: dict[str, Callable[[bytes], bytes]] = {
    "nothing": lambda content: content,
    "gzip": gzip.compress,
    "zstd": zstd.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
}


@pytest.mark.parametrize("packing", PACKINGS)
def test_an_archive_is_unpacked_by_what_it_is(tmp_path: Path, packing: str) -> None:
    content, offsets = archive(compressed=False)
    pack = PACKINGS[packing]
    by_record = b"".join(pack(content[start:end]) for start, end in itertools.pairwise(offsets))
    assert read(tmp_path, pack(content)) == (urls(*range(PAGES)), [])
    assert read(tmp_path, by_record) == (urls(*range(PAGES)), [])


@pytest.mark.parametrize("packing", PACKINGS)
def test_one_bad_record_costs_one_record_also_in_an_archive_packed_whole(
    tmp_path: Path, packing: str
) -> None:
    content, offsets = archive(compressed=False)
    garbled = bytearray(content)
    garbled[offsets[5] : offsets[5] + 30] = b"x" * 30
    assert read(tmp_path, PACKINGS[packing](bytes(garbled))) == (
        urls(0, 1, 2, 3, 4, *range(6, PAGES)),
        ["corrupt_record"],
    )


def test_a_length_that_lies_costs_its_record(tmp_path: Path) -> None:
    content, offsets = archive(compressed=False)
    records = [content[start:end] for start, end in itertools.pairwise(offsets)]
    for change in (-10, 10, 100_000):
        head, _, rest = records[5].partition(b"Content-Length: ")
        length, _, rest = rest.partition(b"\r\n")
        lying = head + b"Content-Length: %d\r\n" % (int(length) + change) + rest
        packed = [gzip.compress(record) for record in [*records[:5], lying, *records[6:]]]
        pages, reasons = read(tmp_path, b"".join(packed), limit=1_000_000)
        assert [url for url in pages if url != urls(5)[0]] == urls(0, 1, 2, 3, 4, *range(6, PAGES))
        assert len(reasons) == 1


def test_records_of_all_kinds_are_read_or_counted(tmp_path: Path) -> None:
    kinds = ["warcinfo", "request", "metadata", "resource", "conversion", "revisit"]
    head = (
        "WARC/1.1\r\nWARC-Type: {}\r\nwarc-target-uri: <https://example.org/0>\r\nContent-Type: text/html\r\n"
    )
    head += "WARC-Date: 2026-01-02T03:04:05Z\r\nContent-Length: {}\r\n\r\n"
    packed = [
        gzip.compress(head.format(kind, len(page(0))).encode() + page(0) + b"\r\n\r\n") for kind in kinds
    ]
    path = tmp_path / "kinds.warc.gz"
    path.write_bytes(b"".join(packed))
    with Unpacked(path) as content:
        found = list(read_archive(content, frozenset(["resource", "conversion"]), LIMIT))
    assert [one.type if isinstance(one, Record) else one.reason for one in found] == [
        "warcinfo_record",
        "request_record",
        "metadata_record",
        "resource",
        "conversion",
        "revisit_record",
    ]
    resource = found[3]
    assert isinstance(resource, Record)
    assert (resource.url, resource.time, resource.content_type, resource.block) == (
        "https://example.org/0",
        "2026-01-02T03:04:05Z",
        "text/html",
        page(0),
    )
    assert not any(isinstance(one, Unread) and one.lost for one in found)
    starts = [0, *itertools.accumulate(map(len, packed))]
    assert [one.offset for one in found] == starts[:-1]


@pytest.mark.parametrize("packing", PACKINGS)
def test_arc_files_are_read(tmp_path: Path, packing: str) -> None:
    head = b"1 0 Internet Archive\nURL IP-address Archive-date Content-type Archive-length\n"
    records = [b"filedesc://a.arc 0.0.0.0 20040102030405 text/plain %d\n%s\n" % (len(head), head)]
    for number in range(3):
        block = b"HTTP/1.0 200 OK\nContent-Type: text/html\n\n" + page(number)
        line = b"https://example.org/%d 192.0.2.1 20040102030405 text/html %d\n" % (number, len(block))
        records.append(line + block + b"\n")
    pack = PACKINGS[packing]
    assert read(tmp_path, b"".join(map(pack, records))) == (urls(0, 1, 2), [])
    assert read(tmp_path, pack(b"".join(records))) == (urls(0, 1, 2), [])
    found = next(one for one in records_of(tmp_path) if isinstance(one, Record))
    assert found.time == "2004-01-02T03:04:05Z"


def records_of(tmp_path: Path) -> list[Record | Unread]:
    with Unpacked(tmp_path / "crawl.warc") as content:
        return list(read_archive(content, WANTED, LIMIT))


def test_a_record_far_over_the_limit_is_passed_over_in_little_memory(tmp_path: Path) -> None:
    content, offsets = archive(compressed=False)
    size = 300_000_000
    head = b"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: https://example.org/big\r\n"
    packer = zlib.compressobj(level=1, wbits=31)
    big = [packer.compress(head + b"Content-Length: %d\r\n\r\n" % size)]
    zeros = bytes(10_000_000)
    big += [packer.compress(zeros) for _ in range(size // len(zeros))]
    big += [packer.compress(b"\r\n\r\n"), packer.flush()]
    first, rest = content[: offsets[3]], content[offsets[3] :]
    tracemalloc.start()
    found = read(tmp_path, gzip.compress(first) + b"".join(big) + gzip.compress(rest))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found == (urls(*range(PAGES)), ["record_too_large"])
    assert peak < 30_000_000


@given(
    st.sampled_from([True, False]),
    st.lists(st.tuples(st.integers(0, 30_000), st.binary(min_size=1, max_size=40)), max_size=5),
    st.integers(0, 30_000),
)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_bytes_make_the_reader_fail_or_lose_what_they_do_not_touch(
    tmp_path: Path, compressed: bool, changes: list[tuple[int, bytes]], cut: int
) -> None:
    content, offsets = archive(compressed)
    # What begins as a packed file does is read as one.
    assume(not any(place % len(content) < 4 and value[0] in b"\x1f\x28\x42\xfd" for place, value in changes))
    garbled = bytearray(content)
    touched = set()
    for place, value in changes:
        place %= len(content)
        garbled[place : place + len(value)] = value[: len(content) - place]
        touched |= {bisect.bisect_right(offsets, place + byte) - 1 for byte in range(len(value))}
    cut = max(0, len(content) - cut // 4)
    touched |= {number for number in range(PAGES) if offsets[number + 1] > cut}
    found = records(tmp_path, bytes(garbled[:cut]))
    read_whole = {one.url for one in found if isinstance(one, Record)}
    # What is in front of a touched record may claim its bytes, so that the next one is lost with it.
    untouched = [number for number in range(PAGES) if not {number - 1, number} & touched]
    assert set(urls(*untouched)) <= read_whole
    if touched and len(read_whole) < PAGES and cut == len(content):
        assert any(isinstance(one, Unread) and one.lost for one in found)

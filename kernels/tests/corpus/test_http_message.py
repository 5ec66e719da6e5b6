"""Responses as crawlers keep them: heads of all kinds, and bodies that are not what their heads say."""

from __future__ import annotations

import gzip
import zlib

import brotli
import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st

from tanren_kernels.corpus.http_message import TooLarge, media_type_of, parse

PAGE = "<html><body><p>鍛冶屋は鉄を打つ。</p></body></html>".encode() * 20
LIMIT = 1_000_000
RAW_DEFLATE = zlib.compressobj(wbits=-15)
RAW = RAW_DEFLATE.compress(PAGE) + RAW_DEFLATE.flush()


def chunked(body: bytes, size: int = 100) -> bytes:
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x;x=y\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def response(body: bytes, *headers: str, line_end: str = "\r\n") -> bytes:
    return line_end.join(["HTTP/1.1 200 OK", *headers, "", ""]).encode() + body


BODIES = {
    "plain": (PAGE, ()),
    "line feeds alone": (PAGE, ()),
    "chunked": (chunked(PAGE), ("Transfer-Encoding: chunked",)),
    "chunked, by name alone": (PAGE, ("Transfer-Encoding: chunked",)),
    "chunked, and begins like a number": (b"1f\r\n" + PAGE, ("Transfer-Encoding: chunked",)),
    "gzip": (gzip.compress(PAGE), ("content-encoding: GZIP",)),
    "gzip, by name alone": (PAGE, ("Content-Encoding: gzip",)),
    "gzip and chunked": (
        chunked(gzip.compress(PAGE)),
        ("Content-Encoding: x-gzip", "Transfer-Encoding: Chunked"),
    ),
    "deflate": (zlib.compress(PAGE), ("Content-Encoding: deflate",)),
    "deflate without a header": (RAW, ("Content-Encoding: deflate",)),
    "deflate, by name alone": (PAGE, ("Content-Encoding: deflate",)),
    "brotli": (brotli.compress(PAGE), ("Content-Encoding: br",)),
    "brotli, by name alone": (PAGE, ("Content-Encoding: br",)),
    "zstd": (zstd.compress(PAGE), ("Content-Encoding: zstd",)),
    "zstd, by name alone": (PAGE, ("Content-Encoding: zstd",)),
    "two after each other": (zlib.compress(gzip.compress(PAGE)), ("Content-Encoding: gzip, deflate",)),
    "unknown": (PAGE, ("Content-Encoding: rot13",)),
    "identity": (PAGE, ("Content-Encoding: identity",)),
}


@pytest.mark.parametrize("case", BODIES)
def test_a_body_is_the_page_whatever_its_head_says(case: str) -> None:
    body, headers = BODIES[case]
    line_end = "\n" if case == "line feeds alone" else "\r\n"
    message = parse(response(body, "Content-Type: text/html", *headers, line_end=line_end), LIMIT)
    assert message is not None and message.status == 200
    wanted = b"1f\r\n" + PAGE if case == "chunked, and begins like a number" else PAGE
    assert message.body == wanted and message.media_type == "text/html"


@pytest.mark.parametrize("packed", [gzip.compress(PAGE), zlib.compress(PAGE, 0)])
def test_of_a_cut_body_what_is_there_is_read(packed: bytes) -> None:
    coding = {0x1F: "gzip", 0x78: "deflate"}[packed[0]]
    message = parse(response(packed[:-4], f"Content-Encoding: {coding}"), LIMIT)
    assert message is not None and message.body and PAGE.startswith(message.body)
    cut = parse(response(chunked(PAGE)[:-200], "Transfer-Encoding: chunked"), LIMIT)
    assert cut is not None and len(cut.body) > 100 and PAGE.startswith(cut.body)


@pytest.mark.parametrize(
    ("coding", "bomb"),
    [
        ("gzip", gzip.compress(bytes(50_000_000))),
        ("deflate", zlib.compress(bytes(50_000_000))),
        ("br", brotli.compress(bytes(50_000_000), quality=1)),
        ("zstd", zstd.compress(bytes(50_000_000))),
        ("gzip, gzip", gzip.compress(gzip.compress(bytes(50_000_000)))),
    ],
)
def test_a_bomb_is_noticed_before_it_is_unpacked(coding: str, bomb: bytes) -> None:
    with pytest.raises(TooLarge):
        parse(response(bomb, f"Content-Encoding: {coding}"), LIMIT)


@pytest.mark.parametrize(
    ("header", "body", "media_type", "charset"),
    [
        ("text/html", b"", "text/html", None),
        ("Text/HTML; Charset=Shift_JIS", b"", "text/html", "Shift_JIS"),
        ('text/html;charset="euc-jp"', b"", "text/html", "euc-jp"),
        ("text/html, text/html; charset=utf-8", b"", "text/html", "utf-8"),
        ("text/plain, application/XHTML+xml", b"", "application/xhtml+xml", None),
        ("", b"\n<!-- a --><!DOCTYPE html><p>", "text/html", None),
        ("", b"\xef\xbb\xbf<html>", "text/html", None),
        ("", b"%PDF-1.4", "", None),
        ("unknown/unknown", b"<head>", "text/html", None),
        ("application/pdf", b"<html>", "application/pdf", None),
        ("image/png", b"\x89PNG", "image/png", None),
    ],
)
def test_a_media_type_is_told_by_its_header_else_by_the_body(
    header: str, body: bytes, media_type: str, charset: str | None
) -> None:
    assert media_type_of(header, body) == (media_type, charset)


@pytest.mark.parametrize("head", [b"", b"<html>", b"GET / HTTP/1.1\r\n\r\n", b"HTTP/1.1"])
def test_what_is_no_response_is_none(head: bytes) -> None:
    assert parse(head, LIMIT) is None


@given(
    st.sampled_from(sorted(BODIES)),
    st.lists(st.tuples(st.integers(0, 3_000), st.binary(max_size=4)), max_size=6),
)
def test_no_bytes_make_the_reader_fail(case: str, changes: list[tuple[int, bytes]]) -> None:
    body, headers = BODIES[case]
    content = bytearray(response(body, "Content-Type: text/html", *headers))
    for place, value in changes:
        content[place : place + len(value)] = value
    message = parse(bytes(content), LIMIT)
    assert message is None or len(message.body) <= LIMIT

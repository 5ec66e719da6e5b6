"""An HTTP response as a crawler kept it: status, media type, character set, and the body as the page's
author wrote it.

What its header says of the body is tried and not believed: crawlers undo encodings and leave their names
standing, and servers name ones that they did not use.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import brotli
from backports import zstd

_STATUS = re.compile(rb"\s*(?:HTTP/\d(?:\.\d)?|ICY)\s+(\d{3})\b", re.IGNORECASE)
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_CHUNK_SIZE = re.compile(rb"[ \t]*([0-9a-fA-F]{1,8})[ \t]*(?:;[^\r\n]{0,256})?\r?\n")
_PIECE = 1 << 16

HTML_TYPES = frozenset(["text/html", "application/xhtml+xml"])

# WHATWG MIME Sniffing, 7.1, and the beginnings that people leave out.
_HTML_START = re.compile(
    rb"(?:\xef\xbb\xbf)?(?:\s|<!--.{0,4096}?-->|<\?xml[^>]{0,256}>)*"
    rb"<(?:!doctype html|html|head|body|title|script|style|meta|table|div|p|h1|a|br|b|iframe|font)[\s>/]",
    re.IGNORECASE | re.DOTALL,
)
_UNKNOWN_TYPES = frozenset(["", "unknown/unknown", "application/unknown", "*/*"])


class TooLarge(Exception):
    """A body has more bytes than allowed once it is unpacked."""


@dataclass(frozen=True, slots=True)
class Message:
    status: int
    media_type: str
    charset: str | None
    body: bytes


def parse(block: bytes, max_bytes: int) -> Message | None:
    """None where the block does not begin as a response does. Raises TooLarge."""
    status = _STATUS.match(block)
    if status is None:
        return None
    head_end = _HEAD_END.search(block)
    head, body = (block[: head_end.start()], block[head_end.end() :]) if head_end else (block, b"")
    headers = _headers(head)
    if "chunked" in headers.get("transfer-encoding", "").lower():
        body = _unchunked(body)
    for coding in reversed(_list(headers.get("content-encoding", ""))):
        body = _decoded(body, coding, max_bytes)
    media_type, charset = media_type_of(headers.get("content-type", ""), body)
    return Message(int(status.group(1)), media_type, charset, body)


def media_type_of(header: str, body: bytes) -> tuple[str, str | None]:
    """Type in small letters, and character set. Of a list the first that is HTML; a type that is missing or
    says nothing is looked for in the body.
    """
    types = [value.partition(";") for value in header.split(",")]
    names = [name.strip().lower() for name, _, _ in types]
    chosen = next((place for place, name in enumerate(names) if name in HTML_TYPES), 0)
    charset = re.search(r"charset\s*=\s*[\"']?\s*([\w.:-]+)", header, re.IGNORECASE)
    name = names[chosen]
    if name in _UNKNOWN_TYPES and _HTML_START.match(body[:8_192]):
        name = "text/html"
    return name, charset.group(1) if charset else None


def _headers(head: bytes) -> dict[str, str]:
    """Names in small letters; of a name that stands twice the values are a list; a folded line goes on."""
    headers: dict[str, str] = {}
    name = ""
    for line in head.decode("latin-1").split("\n")[1:]:
        line = line.rstrip("\r")
        if line[:1] in (" ", "\t") and name:
            headers[name] += " " + line.strip()
            continue
        key, colon, value = line.partition(":")
        if colon:
            name = key.strip().lower()
            headers[name] = f"{headers[name]}, {value.strip()}" if name in headers else value.strip()
    return headers


def _list(value: str) -> list[str]:
    return [one for part in value.split(",") if (one := part.strip().lower()) not in ("", "identity")]


def _unchunked(body: bytes) -> bytes:
    """The body as it is where it has no chunks; as far as it goes where it is cut."""
    pieces: list[bytes] = []
    place = 0
    while found := _CHUNK_SIZE.match(body, place):
        size = int(found.group(1), 16)
        if size == 0:
            return b"".join(pieces)
        pieces.append(body[found.end() : found.end() + size])
        place = found.end() + size
        if body.startswith(b"\r\n", place):
            place += 2
        elif body.startswith(b"\n", place):
            place += 1
        elif place < len(body):
            return body  # no chunk ends here: the number was the page's own
    return b"".join(pieces) if pieces and place >= len(body) else body


def _decoded(body: bytes, coding: str, max_bytes: int) -> bytes:
    """The body as it is where it is not packed so; as far as it goes where it is cut."""
    if coding in ("gzip", "x-gzip"):
        return _inflated(body, 31, max_bytes) if body.startswith(b"\x1f\x8b") else body
    if coding == "deflate":
        # The standard means zlib's format; many servers send what is inside it.
        for wbits in (15, -15):
            out = _inflated(body, wbits, max_bytes)
            if out is not body:
                return out
        return body
    if coding == "br":
        return _pieces(body, brotli.Decompressor().process, brotli.error, max_bytes)
    if coding == "zstd":
        return _pieces(body, zstd.ZstdDecompressor().decompress, (zstd.ZstdError, EOFError), max_bytes)
    return body


def _inflated(body: bytes, wbits: int, max_bytes: int) -> bytes:
    """The body itself where nothing of it can be unpacked."""
    unpacker = zlib.decompressobj(wbits=wbits)
    pieces: list[bytes] = []
    size = 0
    rest = body
    try:
        while rest and not unpacker.eof:
            piece = unpacker.decompress(rest, max_bytes + 1 - size)
            rest = unpacker.unconsumed_tail
            pieces.append(piece)
            size += len(piece)
            if size > max_bytes:
                raise TooLarge
            if not piece and not rest:
                break
    except zlib.error:
        pass
    # A few bytes of luck are no page.
    return b"".join(pieces) if size and (unpacker.eof or size > len(body) // 2) else body


def _pieces(
    body: bytes,
    unpack: Callable[[bytes, int], bytes],
    errors: type[Exception] | tuple[type[Exception], ...],
    max_bytes: int,
) -> bytes:
    """Unpacked piece by piece, so that a bomb is noticed before it fills the memory."""
    pieces: list[bytes] = []
    size = 0
    try:
        piece = unpack(body, _PIECE)
        while piece:
            pieces.append(piece)
            size += len(piece)
            if size > max_bytes:
                raise TooLarge
            piece = unpack(b"", _PIECE)
    except errors:
        pass
    return b"".join(pieces) if size > len(body) // 2 else body

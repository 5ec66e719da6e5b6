"""What a record holds: a body in some character set, or a text, and what the record says of it."""

from __future__ import annotations

import json
from dataclasses import dataclass

from ..contract import CleanSource
from . import http_message
from .mediawiki import Site, read_article
from .parquet_rows import MORE_FIELDS
from .sources import Raw


@dataclass(frozen=True, slots=True)
class RecordContent:
    """`reason` says why there is none; `time` and `licence` are the record's own, else \"\"."""

    id: str
    url: str
    body: bytes = b""
    text: str = ""
    title: str = ""
    charset: str | None = None
    is_html: bool = False
    status: int | None = None
    reason: str = ""
    time: str = ""
    licence: str = ""
    site: Site | None = None
    """Where the text is that of a wiki's page, with its marks."""


def read_content(raw: Raw, source: CleanSource, max_bytes: int) -> RecordContent:
    if raw.reason:
        return RecordContent(raw.id, raw.url, reason=raw.reason)
    if raw.type in ("response", "arc"):
        return _response(raw, max_bytes)
    if raw.type == "resource":
        media_type, charset = http_message.media_type_of(raw.content_type, raw.body)
        reason = "" if media_type in http_message.HTML_TYPES else "not_html"
        return RecordContent(raw.id, raw.url, raw.body, charset=charset, is_html=True, reason=reason)
    if raw.type == "json":
        return _json_line(raw, source.text_field or "text")
    if raw.type == "row":
        return _with_fields(raw, raw.body.decode(), raw.more)
    if raw.type == "wikitext":
        return _wiki_page(raw)
    return RecordContent(raw.id, raw.url, raw.body)


def _response(raw: Raw, max_bytes: int) -> RecordContent:
    try:
        message = http_message.parse(raw.body, max_bytes)
    except http_message.TooLarge:
        return RecordContent(raw.id, raw.url, reason="record_too_large")
    if message is None:
        # The oldest servers answered with the page alone.
        media_type, charset = http_message.media_type_of("", raw.body)
        reason = "" if media_type in http_message.HTML_TYPES else "not_http_200"
        return RecordContent(raw.id, raw.url, raw.body, charset=charset, is_html=True, reason=reason)
    reason = ""
    if message.status != 200:
        reason = "not_http_200"
    elif message.media_type not in http_message.HTML_TYPES:
        reason = "not_html"
    return RecordContent(
        raw.id,
        raw.url,
        message.body,
        charset=message.charset,
        is_html=True,
        status=message.status,
        reason=reason,
    )


def _json_line(raw: Raw, text_field: str) -> RecordContent:
    try:
        record = json.loads(raw.body)
        text = record[text_field]
        text.encode()  # an escaped half of a surrogate pair is valid JSON and no text
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return RecordContent(raw.id, "", reason="bad_json_line")
    more = {name: record.get(name) for name in MORE_FIELDS if name != text_field}
    return _with_fields(
        raw,
        text,
        {
            name: str(value)
            for name, value in more.items()
            if isinstance(value, str) or (name == "id" and isinstance(value, int))
        },
    )


def _with_fields(raw: Raw, text: str, more: dict[str, str]) -> RecordContent:
    own = more.get("id")
    # The record's place stays in the id: two files may use the same ids.
    return RecordContent(
        f"{raw.id}:{own}" if own else raw.id,
        more.get("url", ""),
        text=text,
        title=more.get("title", ""),
        time=more.get("time", ""),
        licence=more.get("licence", ""),
        reason="" if text else "no_text",
    )


def _wiki_page(raw: Raw) -> RecordContent:
    site = raw.site or Site()
    article = read_article(raw.body, site)
    return RecordContent(
        f"{raw.id}:{article.id}" if article.id else raw.id,
        article.url,
        text=article.wikitext,
        title=article.title,
        time=article.time,
        reason=article.reason,
        site=site,
    )

"""One record's way from bytes to a document: each step keeps it, changes it or ends its way for a reason."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from ..contract import CleanConfig, CleanSource
from . import http_message
from .candidate import Candidate
from .character_sets import decode
from .cleaning_stages import Stage
from .page_text import page_text
from .sources import Raw
from .tidying import tidy


@dataclass(frozen=True, slots=True)
class Cleaned:
    """`passed` are the steps that the record went through, with their bytes in and out. Where `reason` is
    given, `step` ended its way and `text` is what there was of it.
    """

    id: str
    passed: list[tuple[str, int, int]]
    text: str = ""
    title: str = ""
    url: str = ""
    status: int | None = None
    step: str = ""
    reason: str = ""
    size: int = 0
    score: float | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    """What stages changed in a document that stays."""
    replaced: str = ""
    """Where the text has U+FFFD: `undecodable_bytes`, or `replaced_before` where the page came with them."""


class Cleaner:
    def __init__(self, config: CleanConfig, stages: Sequence[Stage]) -> None:
        self._extraction = config.extraction
        self._stages = stages

    def clean(self, raw: Raw, source: CleanSource) -> Cleaned:
        read = _read(raw, self._extraction.max_record_bytes)
        if read.reason:
            return Cleaned(
                read.id, [], url=read.url, status=read.status, step="read", reason=read.reason, size=raw.size
            )
        size = raw.size if raw.type == "file" or raw.type == "json" else len(read.body)
        passed = [("read", size, size)]

        def ended(step: str, reason: str, text: str, size: int) -> Cleaned:
            return Cleaned(read.id, passed, text, title, read.url, read.status, step, reason, size)

        title, text, damaged = read.title, read.text, False
        if read.text == "":
            decoded = decode(read.body, read.charset)
            if decoded is None:
                return ended("extraction", "unknown_character_set", "", size)
            text, damaged = decoded.text, decoded.damaged
        if read.is_html or source.format == "html":
            title, text = page_text(text, self._extraction)
        else:
            text = tidy(text)
        if not text:
            return ended("extraction", "no_text", "", size)
        length = len(text.encode())
        passed.append(("extraction", size, length))

        candidate = Candidate(text, source.language, source.name, read.url)
        for stage in self._stages:
            if not stage.is_for(candidate):
                continue
            before = candidate.text
            reason = stage.filter.apply(candidate)
            if reason:
                return replace(ended(stage.name, reason, before, length), score=candidate.score)
            size_before = length
            if candidate.text is not before:
                length = len(candidate.text.encode())
            passed.append((stage.name, size_before, length))
        text = candidate.text
        replaced = ("undecodable_bytes" if damaged else "replaced_before") if "\ufffd" in text else ""
        return Cleaned(
            read.id,
            passed,
            text,
            title,
            read.url,
            read.status,
            score=candidate.score,
            counts=candidate.counts,
            replaced=replaced,
        )


@dataclass(frozen=True, slots=True)
class _Read:
    """A record's content: a body in some character set, or a text."""

    id: str
    url: str
    body: bytes = b""
    text: str = ""
    title: str = ""
    charset: str | None = None
    is_html: bool = False
    status: int | None = None
    reason: str = ""


def _read(raw: Raw, max_bytes: int) -> _Read:
    if raw.reason:
        return _Read(raw.id, raw.url, reason=raw.reason)
    if raw.type in ("response", "arc"):
        return _response(raw, max_bytes)
    if raw.type == "resource":
        media_type, charset = http_message.media_type_of(raw.content_type, raw.body)
        reason = "" if media_type in http_message.HTML_TYPES else "not_html"
        return _Read(raw.id, raw.url, raw.body, charset=charset, is_html=True, reason=reason)
    if raw.type == "json":
        return _json_line(raw)
    return _Read(raw.id, raw.url, raw.body)


def _response(raw: Raw, max_bytes: int) -> _Read:
    try:
        message = http_message.parse(raw.body, max_bytes)
    except http_message.TooLarge:
        return _Read(raw.id, raw.url, reason="record_too_large")
    if message is None:
        # The oldest servers answered with the page alone.
        media_type, charset = http_message.media_type_of("", raw.body)
        reason = "" if media_type in http_message.HTML_TYPES else "not_http_200"
        return _Read(raw.id, raw.url, raw.body, charset=charset, is_html=True, reason=reason)
    reason = ""
    if message.status != 200:
        reason = "not_http_200"
    elif message.media_type not in http_message.HTML_TYPES:
        reason = "not_html"
    return _Read(
        raw.id,
        raw.url,
        message.body,
        charset=message.charset,
        is_html=True,
        status=message.status,
        reason=reason,
    )


def _json_line(raw: Raw) -> _Read:
    try:
        record = json.loads(raw.body)
        text = record["text"]
        text.encode()  # an escaped half of a surrogate pair is valid JSON and no text
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return _Read(raw.id, "", reason="bad_json_line")
    own, url, title = record.get("id"), record.get("url"), record.get("title")
    # The line's place stays in the id: two files may use the same ids.
    return _Read(
        f"{raw.id}:{own}" if isinstance(own, str | int) else raw.id,
        url if isinstance(url, str) else "",
        text=text,
        title=title if isinstance(title, str) else "",
    )

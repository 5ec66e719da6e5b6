"""Pages of MediaWiki's XML dumps (export schema 0.3 to 0.11), one after another, as they lie in the file.

The file is not parsed as one document: a page is what lies between its tags, so that damage costs the pages
it touches, and each page's own XML is parsed by whoever cleans it.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote
from xml.etree import ElementTree

from .unpacked import Damaged, Truncated, Unpacked

_BEGIN, _END = b"<page>", b"</page>"
_HEAD_BYTES = 1 << 20
_PIECE = 1 << 18

_BASE = re.compile(rb"<base>\s*([^<]{1,2048}?)/[^/<]*</base>")
_NAMESPACE = re.compile(rb'<namespace key="(-?\d{1,6})"[^>]{0,200}>([^<]{1,200})</namespace>')
_OWN_NAMESPACE = re.compile(rb"<ns>\s*(-?\d{1,6})\s*</ns>")
_TITLE = re.compile(rb"<title>([^<]{1,2048})</title>")
_REDIRECT = re.compile(rb"<redirect[\s/>]")

_FILES_AND_CATEGORIES = ("6", "14")


@dataclass(frozen=True, slots=True)
class Site:
    """What the dump's head says: where titles are below, and the names of its namespaces in small letters;
    `not_text` are those of files and categories, whose links show no text.
    """

    base: str = ""
    namespaces: frozenset[str] = frozenset()
    not_text: frozenset[str] = frozenset(["file", "image", "media", "category"])


@dataclass(frozen=True, slots=True)
class Page:
    offset: int
    xml: bytes
    site: Site


@dataclass(frozen=True, slots=True)
class UnreadPage:
    """A page that could not be read, or, where it is no loss, one that is no article."""

    offset: int
    reason: str
    size: int = 0
    lost: bool = True


def read_pages(content: Unpacked, max_record_bytes: int) -> Iterator[Page | UnreadPage]:
    """Every page, in order."""
    site = Site()
    head: bytes | None = b""
    found = False
    while True:
        offset = content.offset
        try:
            before = content.until(_BEGIN, _PIECE)
            if head is not None and len(head) < _HEAD_BYTES:
                head += before
            if not before.endswith(_BEGIN):
                if len(before) < _PIECE:
                    break
                content.push_back(before[1 - len(_BEGIN) :])
                continue
            if head is not None:
                site, head = _site(head), None
            found = True
            offset = max(content.offset - (0 if content.is_packed else len(_BEGIN)), 0)
            yield _page(content, offset, site, max_record_bytes)
        except Damaged as damage:
            yield UnreadPage(
                offset, "truncated_record" if isinstance(damage, Truncated) else "corrupt_record"
            )
            found = True
            if not content.resume():
                return
    # Dumps of no page have their head all the same.
    if not found and head and head.strip() and b"<mediawiki" not in head:
        yield UnreadPage(0, "corrupt_file", len(head))


def _page(content: Unpacked, offset: int, site: Site, limit: int) -> Page | UnreadPage:
    body = content.until(_END, limit + len(_END))
    if not body.endswith(_END):
        size = len(body)
        if size < limit + len(_END):
            return UnreadPage(offset, "truncated_record", size)
        content.push_back(body[1 - len(_END) :])
        while not (piece := content.until(_END, _PIECE)).endswith(_END):
            size += len(piece)
            if len(piece) < _PIECE:
                return UnreadPage(offset, "truncated_record", size)
            content.push_back(piece[1 - len(_END) :])
        return UnreadPage(offset, "record_too_large", size + len(piece))
    about = body[: body.find(b"<revision") if b"<revision" in body else len(body)]
    if _REDIRECT.search(about):
        return UnreadPage(offset, "redirect", len(body), lost=False)
    if not _is_article(about, site):
        return UnreadPage(offset, "other_namespace_page", len(body), lost=False)
    return Page(offset, _BEGIN + body, site)


def _is_article(about: bytes, site: Site) -> bool:
    """Older dumps say of a page's namespace only what its title does."""
    if own := _OWN_NAMESPACE.search(about):
        return own.group(1) == b"0"
    title = _TITLE.search(about)
    prefix, colon, _ = _text(title.group(1)).partition(":") if title else ("", "", "")
    return not (colon and prefix.lower() in site.namespaces)


def _site(head: bytes) -> Site:
    base = _BASE.search(head)
    names = [(key.decode(), _text(name).lower()) for key, name in _NAMESPACE.findall(head)]
    return Site(
        _text(base.group(1)) if base else "",
        frozenset(name for _, name in names),
        Site().not_text | {name for key, name in names if key in _FILES_AND_CATEGORIES},
    )


def _text(escaped: bytes) -> str:
    return html.unescape(escaped.decode("utf-8", "replace")).strip()


@dataclass(frozen=True, slots=True)
class Article:
    """`reason` says why there is no text."""

    id: str = ""
    title: str = ""
    url: str = ""
    time: str = ""
    wikitext: str = ""
    reason: str = ""


def read_article(xml: bytes, site: Site) -> Article:
    """The newest revision of a page."""
    try:
        page = ElementTree.fromstring(xml)
    except (ElementTree.ParseError, ValueError, LookupError):
        return Article(reason="bad_page")
    title = page.findtext("title", "").strip()
    url = f"{site.base}/{quote(title.replace(' ', '_'), safe=':/()!,;@*')}" if site.base and title else ""
    revision = max(page.iter("revision"), key=lambda one: one.findtext("timestamp", ""), default=None)
    if revision is None:
        return Article(title=title, url=url, reason="no_text")
    time = revision.findtext("timestamp", "").strip()
    if revision.findtext("model", "wikitext").strip() != "wikitext":
        return Article(title=title, url=url, time=time, reason="not_wikitext")
    text = revision.findtext("text", "")
    return Article(page.findtext("id", ""), title, url, time, text, "" if text.strip() else "no_text")

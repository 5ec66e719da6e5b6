"""A parsed page as one flat list of its tags and texts, in the page's order.

Lexbor parses what people wrote into a tree and writes it down again well-formed; that text is split at its
tags. Every step over it is linear and none recurses, however deep the page is nested.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from resiliparse.parse.html import HTMLTree

from .elements import HEADING, LINK, PARAGRAPH, Element, describe

# What the parser's writer leaves as it is, without escaping.
_RAW_TEXT = frozenset(["script", "style", "xmp", "iframe", "noembed", "noframes", "plaintext"])

# What attributes say of how an element is read. Ids of paragraphs are numbers of editors.
_TELLING = re.compile("class=|id=|hidden|style=|role=|start=|value=")
_TELLING_OF_PARAGRAPHS = re.compile("hidden|style=")
_LONG_TAG = 300
_MOST_KNOWN = 65_536

# Of a paragraph that is more than a row of links.
_PROSE_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class Page:
    """Tag i stands before text i. Of a start tag, `ends` is the place of its end tag, and `sizes` and `links`
    are the characters of text between the two and those of them in links; links within prose do not count.

    `headings`, `mains` and `articles` are the places of such start tags.
    """

    title: str
    tags: list[Element]
    texts: list[str]
    ends: list[int]
    sizes: list[int]
    links: list[int]
    headings: list[int]
    mains: list[int]
    articles: list[int]


def parse(html: str) -> Page:
    """Of a page without a body, tags are []."""
    tree = HTMLTree.parse(html)
    title = " ".join((tree.title or "").split())
    body = tree.body
    tags, texts = _split(body.html) if body is not None else ([], [])
    return Page(title, tags, texts, *_measure(tags, texts))


def _split(html: str) -> tuple[list[Element], list[str]]:
    """Tags and the texts that follow them, still escaped. Comments and raw texts are left out."""
    tags: list[Element] = []
    texts: list[str] = []
    within = ""
    for piece in html.split("<")[1:]:
        if within:
            # Only what ends it is looked for; the text after a comment belongs to the tag before it.
            before, ending, text = piece.partition(within)
            if ending and (within == "-->" or not before):
                if within == "-->":
                    texts[-1] += text
                else:
                    tags.append(_element(within[:-1]))
                    texts.append(text)
                within = ""
            continue
        if piece.startswith("!--"):
            _, ending, text = piece.partition("-->")
            if ending:
                texts[-1] += text
            else:
                within = "-->"
            continue
        tag, _, text = piece.partition(">")
        element = _element(tag)
        tags.append(element)
        if not element.plain and element.name in _RAW_TEXT and not element.closing:
            texts.append("")
            within = f"/{element.name}>"
        else:
            texts.append(text)
    return tags, texts


def _measure(
    tags: list[Element], texts: list[str]
) -> tuple[list[int], list[int], list[int], list[int], list[int], list[int]]:
    count = len(tags)
    ends, sizes, links = list(range(count)), [0] * count, [0] * count
    headings: list[int] = []
    mains: list[int] = []
    articles: list[int] = []
    size = linked = in_link = 0
    opened: list[tuple[int, int, int]] = []
    for place, (element, text) in enumerate(zip(tags, texts, strict=True)):
        if element.closing:
            start, size_before, linked_before = opened.pop()
            own_size, own_links = size - size_before, linked - linked_before
            if element.role == PARAGRAPH and own_size - own_links >= _PROSE_SHARE * own_size:
                linked, own_links = linked_before, 0
            elif element.role == LINK:
                in_link -= 1
            ends[start], sizes[start], links[start] = place, own_size, own_links
        elif not element.void:
            opened.append((place, size, linked))
            if element.role == LINK:
                in_link += 1
            elif element.role == HEADING:
                headings.append(place)
            elif element.main:
                mains.append(place)
            elif element.name == "article":
                articles.append(place)
        if text:
            length = len(text.strip())
            size += length
            if in_link:
                linked += length
    return ends, sizes, links, headings, mains, articles


_known: dict[str, Element] = {}


def _element(tag: str) -> Element:
    """Most attributes say nothing of how an element is read; the address of a link is hardly ever seen
    again.
    """
    element = _known.get(tag)
    if element is not None:
        return element
    name, space, attributes = tag.partition(" ")
    telling = _TELLING_OF_PARAGRAPHS if name == "p" else _TELLING
    if space and not telling.search(attributes):
        return _element(name)
    element = describe(tag)
    if len(tag) < _LONG_TAG:
        if len(_known) >= _MOST_KNOWN:
            _known.clear()
        _known[tag] = element
    return element

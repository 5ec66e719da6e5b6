"""A parsed page as one flat list of its tags and texts, in the page's order.

Lexbor parses what people wrote into a tree and writes it down again well-formed; that text is split at its
tags. Every step over it is linear and none recurses, however deep the page is nested.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from resiliparse.parse.html import HTMLTree

from .elements import CODE, HEADING, LINK, PARAGRAPH, Element, describe

# What attributes say of how an element is read. Ids of paragraphs are numbers of editors.
_TELLING = re.compile("class=|id=|hidden|style=|role=|start=|value=")
_TELLING_OF_PARAGRAPHS = re.compile("hidden|style=")
_LONG_TAG = 300
_MOST_KNOWN = 65_536

# Of a paragraph that is more than a row of links.
_PROSE_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class Page:
    """Tags that say something, and the pieces of text between them: those after tag i are
    `texts[starts[i] : starts[i + 1]]`, still escaped.

    Of a start tag, `ends` is the place of its end tag, and `sizes` and `links` are the characters of text
    between the two and those of them in links; links within prose do not count. `headings`, `mains` and
    `articles` are the places of such start tags.
    """

    title: str
    tags: list[Element]
    starts: list[int]
    texts: list[str]
    ends: list[int]
    sizes: list[int]
    links: list[int]
    headings: list[int]
    mains: list[int]
    articles: list[int]


def parse(html: str, with_signs: bool, with_code: bool) -> Page:
    """Of a page without a body, tags are [].

    `with_signs` keeps anchors of headings and icons, `with_code` the tags of code within lines.
    """
    tree = HTMLTree.parse(html)
    title = " ".join((tree.title or "").split())
    body = tree.body
    reading = _Reading(with_signs, with_code)
    if body is not None:
        reading.read(body.html)
    reading.starts.append(len(reading.texts))
    return Page(
        title,
        reading.tags,
        reading.starts,
        reading.texts,
        reading.ends,
        reading.sizes,
        reading.links,
        reading.headings,
        reading.mains,
        reading.articles,
    )


class _Reading:
    """One pass over a page's tags. It is where most of an extraction's time goes."""

    def __init__(self, with_signs: bool, with_code: bool) -> None:
        self._with_signs = with_signs
        self._with_code = with_code
        self._known = _known_with_code if with_code else _known
        self.tags: list[Element] = []
        self.starts: list[int] = []
        self.texts: list[str] = []
        self.ends: list[int] = []
        self.sizes: list[int] = []
        self.links: list[int] = []
        self.headings: list[int] = []
        self.mains: list[int] = []
        self.articles: list[int] = []
        self._size = self._linked = self._in_link = 0
        self._opened: list[tuple[int, int, int]] = []
        # Elements that are plain but for their attributes, with how many of their name are open in them: the
        # end tags of both look alike.
        self._special: list[tuple[str, int]] = []

    def read(self, html: str) -> None:
        """`html` is as the parser's writer puts it: every tag has its end, no text and no attribute has a
        bracket.
        """
        known, texts, special = self._known, self.texts, self._special
        with_signs = self._with_signs
        within = ""
        for piece in html.split("<")[1:]:
            if within:
                before, ending, text = piece.partition(within)
                if not ending or (before and within != "-->"):
                    continue
                if within != "-->":
                    self._tag(self._element(within[:-1]))
                within = ""
            else:
                tag, _, text = piece.partition(">")
                element = known.get(tag)
                if element is None:
                    if tag.startswith("!--"):
                        _, ending, text = piece.partition("-->")
                        if not ending:
                            within = "-->"
                            continue
                    else:
                        element = self._element(tag)
                if element is not None:
                    if not element.plain:
                        self._tag(element)
                        if element.raw:
                            within = f"/{element.name}>"
                            continue
                    elif special and special[-1][0] == element.name:
                        self._same_name(element)
                    elif element.role == LINK:
                        self._in_link += -1 if element.closing else 1
            if text and (with_signs or len(text) > 1 or not _is_sign(text)):
                texts.append(text)
                length = len(text.strip())
                self._size += length
                if self._in_link:
                    self._linked += length

    def _tag(self, element: Element) -> None:
        place = len(self.tags)
        self.tags.append(element)
        self.starts.append(len(self.texts))
        self.ends.append(place)
        self.sizes.append(0)
        self.links.append(0)
        if element.closing:
            self._close(place, element)
        elif not element.void:
            self._opened.append((place, self._size, self._linked))
            role = element.role
            if role == LINK:
                self._in_link += 1
            elif role == HEADING:
                self.headings.append(place)
            elif element.main:
                self.mains.append(place)
            elif element.name == "article":
                self.articles.append(place)
            if element.is_inline:
                self._special.append((element.name, 0))

    def _close(self, place: int, element: Element) -> None:
        start, size_before, linked_before = self._opened.pop()
        size, links = self._size - size_before, self._linked - linked_before
        if element.role == PARAGRAPH and size - links >= _PROSE_SHARE * size:
            self._linked, links = linked_before, 0
        elif element.role == LINK:
            self._in_link -= 1
        self.ends[start], self.sizes[start], self.links[start] = place, size, links

    def _same_name(self, element: Element) -> None:
        name, depth = self._special[-1]
        if element.closing and depth == 0:
            self._special.pop()
            self._tag(element)
            return
        self._special[-1] = name, depth + (-1 if element.closing else 1)
        if element.role == LINK:
            self._in_link += -1 if element.closing else 1

    def _element(self, tag: str) -> Element:
        """Most attributes say nothing of how an element is read; the address of a link is hardly ever seen
        again.
        """
        element = self._known.get(tag)
        if element is not None:
            return element
        name, space, attributes = tag.partition(" ")
        telling = _TELLING_OF_PARAGRAPHS if name == "p" else _TELLING
        if space and not telling.search(attributes):
            return self._element(name)
        element = describe(tag, CODE if self._with_code else None)
        if len(tag) < _LONG_TAG:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[tag] = element
        return element


def _is_sign(character: str) -> bool:
    """Anchors of headings, and icons of fonts that put them where Unicode has nothing."""
    return character == "¶" or "\ue000" <= character <= "\uf8ff"


_known: dict[str, Element] = {}
_known_with_code: dict[str, Element] = {}

"""A parsed page as one flat list of its tags and texts, in the page's order.

Lexbor parses what people wrote into a tree and writes it down again well-formed; that text is split at its
tags. Every step over it is linear and none recurses, however deep the page is nested.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from resiliparse.parse.html import HTMLTree

from .elements import CODE, HEADING, PARAGRAPH, Element, describe

# What attributes say of how an element is read. Ids of paragraphs are numbers of editors.
_TELLING = re.compile("class=|id=|hidden|style=|role=|start=|value=")
_TELLING_OF_PARAGRAPHS = re.compile("hidden|style=")
_LONG_TAG = 300
_MOST_KNOWN = 65_536

# Of a paragraph that is more than a row of links.
_PROSE_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class Page:
    """Tags that say something, in columns, and the pieces of text between them, still escaped.

    The pieces after tag i begin at `starts[i]`. Of a start tag, `ends` is the place of its end tag, and
    `sizes` and `links` are the characters of text between the two and those of them in links; links within
    prose do not count; of an end tag they say nothing. `headings`, `mains` and `articles` are the places of
    such start tags.
    """

    title: str
    tags: list[Element]
    starts: list[int]
    ends: list[int]
    sizes: list[int]
    links: list[int]
    texts: list[str]
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
    page = Page(title, [], [], [], [], [], [], [], [], [])
    if body is not None:
        _read(body.html, page, with_signs, _Elements(with_code))
    return page


def _read(html: str, page: Page, with_signs: bool, elements: _Elements) -> None:
    """`html` is as the parser's writer puts it: every tag has its end, no text and no attribute has a
    bracket.

    It is where most of an extraction's time goes: one loop over columns, without calls for each tag.
    """
    tags, starts, ends, sizes, links = page.tags, page.starts, page.ends, page.sizes, page.links
    texts, known = page.texts, elements.known
    size = linked = in_link = 0
    opened: list[int] = []
    # Elements that are plain but for their attributes, with how many of their name are open in them: the end
    # tags of both look alike.
    special: list[tuple[str, int]] = []
    within = ""
    for piece in html.split("<")[1:]:
        if within:
            before, ending, text = piece.partition(within)
            if not ending or (before and within != "-->"):
                continue
            element = None if within == "-->" else elements.of(within[:-1])
            within = ""
        else:
            name, _, text = piece.partition(">")
            element = known.get(name)
            if element is None:
                if name.startswith("!--"):
                    _, ending, text = piece.partition("-->")
                    if not ending:
                        within = "-->"
                        continue
                else:
                    element = elements.of(name)
        if element is not None:
            plain = element.plain
            if special and plain and special[-1][0] == element.name:
                depth = special.pop()[1] + (-1 if element.closing else 1)
                if depth < 0:
                    plain = False
                else:
                    special.append((element.name, depth))
            if plain:
                if element.is_link:
                    in_link += -1 if element.closing else 1
            else:
                place = len(tags)
                tags.append(element)
                starts.append(len(texts))
                ends.append(place)
                sizes.append(size)
                links.append(linked)
                if element.closing:
                    start = opened.pop()
                    ends[start] = place
                    own = sizes[start] = size - sizes[start]
                    if element.is_link:
                        in_link -= 1
                    elif element.role == PARAGRAPH and own - linked + links[start] >= _PROSE_SHARE * own:
                        linked = links[start]
                    links[start] = linked - links[start]
                elif not element.void:
                    opened.append(place)
                    if element.is_told:
                        _tell(page, place, element)
                    if element.is_inline:
                        in_link += element.is_link
                        special.append((element.name, 0))
                    if element.raw:
                        within = f"/{element.name}>"
                        continue
        if text and (with_signs or len(text) > 1 or not _is_sign(text)):
            texts.append(text)
            length = len(text.strip())
            size += length
            if in_link:
                linked += length


def _tell(page: Page, place: int, element: Element) -> None:
    if element.role == HEADING:
        page.headings.append(place)
    elif element.main:
        page.mains.append(place)
    else:
        page.articles.append(place)


class _Elements:
    """Elements by their tags; most tags were seen before."""

    def __init__(self, with_code: bool) -> None:
        self._told_apart = CODE if with_code else None
        self.known = _known_with_code if with_code else _known

    def of(self, tag: str) -> Element:
        """Most attributes say nothing of how an element is read; the address of a link is hardly ever seen
        again.
        """
        name, space, attributes = tag.partition(" ")
        telling = _TELLING_OF_PARAGRAPHS if name == "p" else _TELLING
        if space and not telling.search(attributes):
            tag = name
        element = self.known.get(tag)
        if element is None:
            element = describe(tag, self._told_apart)
            if len(tag) < _LONG_TAG:
                if len(self.known) >= _MOST_KNOWN:
                    self.known.clear()
                self.known[tag] = element
        return element


def _is_sign(character: str) -> bool:
    """Anchors of headings, and icons of fonts that put them where Unicode has nothing."""
    return character == "¶" or "\ue000" <= character <= "\uf8ff"


_known: dict[str, Element] = {}
_known_with_code: dict[str, Element] = {}

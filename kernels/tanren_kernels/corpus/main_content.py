"""Which parts of a page are its text and which surround it: navigation, headers, footers, lists of links.

It is decided for whole elements, by their names, their attributes and their share of links; what an element
that is kept contains is never looked at character by character. After Resiliparse (Bevendorff et al. 2018)
and Kohlschütter et al. 2010 (link density).
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

from .elements import BLOCK, CELL, LIST, TABLE, Element
from .page import Page

# A list, table or division of which so much is links, and so little anything else, leads to other pages.
_LINK_SHARE = 0.7
_MOST_BESIDE_LINKS = 80
_LEAST_CELL = 30

# Of all text outside links, what a page's one main element must hold to be taken for it.
_LEAST_OF_MAIN = 0.3


@dataclass(frozen=True, slots=True)
class Signs:
    """What speaks against an element that is not navigation by its own name: its classes and ids; that it is
    a header or footer; its links, where its role is one of `clusters`.
    """

    names: bool
    ends: bool
    clusters: frozenset[int]


ALL_SIGNS = Signs(True, True, frozenset([LIST, TABLE, CELL, BLOCK]))
LINKS = Signs(False, True, ALL_SIGNS.clusters)
LINKS_OF_LISTS = Signs(False, False, frozenset([LIST, TABLE, CELL]))

_NEVER = frozenset(["nav", "aside"])
_WHOLE = frozenset(["body", "main", "article"])


class MainContent:
    """Says of each start tag of a page, asked in the page's order, whether what it holds is read."""

    def __init__(self, page: Page, signs: Signs) -> None:
        self._page = page
        self._signs = signs
        self._size = page.sizes[0]
        self._within = -1
        self.start, self.end = self._root()

    def keeps(self, place: int, element: Element) -> bool:
        size, links = self._page.sizes[place], self._page.links[place]
        if element.name in _WHOLE:
            if element.name != "body":
                self._within = max(self._within, self._page.ends[place])
            return True
        if element.name in _NEVER:
            return False
        if element.around and self._signs.names and (2 * size < self._size or 2 * links > size):
            return False
        if self._signs.ends and place > self._within and self._is_end(place, element):
            return False
        # A cell this small heads a row or a column.
        if element.role == CELL and size < _LEAST_CELL:
            return True
        return not (
            element.role in self._signs.clusters
            and links > _LINK_SHARE * size
            and size - links < _MOST_BESIDE_LINKS
        )

    def _is_end(self, place: int, element: Element) -> bool:
        return element.name == "footer" or (element.name == "header" and not self._has_heading(place))

    def _has_heading(self, place: int) -> bool:
        headings = self._page.headings
        first = bisect_left(headings, place)
        return first < len(headings) and headings[first] < self._page.ends[place]

    def _root(self) -> tuple[int, int]:
        """Where reading begins and ends: the only main element, else the only article, else the body."""
        page = self._page
        whole = page.sizes[0] - page.links[0]
        for candidates in (page.mains, page.articles):
            outermost: list[int] = []
            end = -1
            for place in candidates:
                if place > end:
                    outermost.append(place)
                    end = page.ends[place]
            if len(outermost) == 1:
                only = outermost[0]
                if page.sizes[only] - page.links[only] >= _LEAST_OF_MAIN * whole:
                    return only, page.ends[only]
        return 0, len(page.tags) - 1

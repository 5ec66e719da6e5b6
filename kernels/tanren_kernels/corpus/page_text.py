"""The text of a page: each of its blocks whole, with paragraphs, lists, tables and code in their form."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..contract import ExtractionConfig
from . import page as pages
from .elements import (
    BLOCK,
    BREAK,
    CELL,
    CODE,
    HEADING,
    ITEM,
    LIST,
    NOT_TEXT,
    PARAGRAPH,
    PARENTHESIS,
    PREFORMATTED,
    QUOTE,
    READING,
    ROW,
    RULE,
    TABLE,
    Element,
)
from .main_content import ALL_SIGNS, LINKS, LINKS_OF_LISTS, MainContent
from .page import Page
from .tidying import tidy

# A line that an author wrapped within Japanese or Chinese goes on without a space (CSS Text 3, 4.1.3).
_WIDE = (
    r"‥…—―\u2e80-\u303f\u3041-\u30ff\u31f0-\u31ff\u3200-\u4dbf\u4e00-\u9fff\uf900-\ufaff\ufe30-\ufe4f"
    r"\uff01-\uff9f\uffe0-\uffe6\U00020000-\U0003ffff"
)
_WIDE_SIGN = r"‥…—―\u3001-\u3004\u3008-\u3020\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65"
_WRAP = r"[ \t\r\f]*\n[ \t\r\n\f]*"
_WRAPPED = re.compile(
    f"(?<=[{_WIDE}]){_WRAP}(?=[{_WIDE}])"
    f"|(?<=[{_WIDE_SIGN}]){_WRAP}"
    f"|(?<=[^ \\t\\r\\n\\f]){_WRAP}(?=[{_WIDE_SIGN}])"
)
_SPACES = re.compile(r"[ \t\n\r\f]+")

# Stands for <br> while white space is collapsed; no parsed page contains it.
_BREAK = "\x00"

# Roles whose elements end a line, and those that also leave one blank.
_ENDS_LINE = frozenset([BLOCK, PARAGRAPH, HEADING, LIST, ITEM, TABLE, ROW, CELL, PREFORMATTED, QUOTE, RULE])
_APART = frozenset([PARAGRAPH, HEADING, TABLE, PREFORMATTED, QUOTE, RULE])

_NOT_READ = frozenset([NOT_TEXT, PARENTHESIS])

# A table that holds one of these, or a cell this long, arranges a page; it holds no data.
_NOT_IN_DATA = frozenset([TABLE, HEADING, LIST, PREFORMATTED, QUOTE, RULE])
_LONGEST_CELL = 600

# Lists nest without end in pages that are made to harm.
_DEEPEST_INDENT = 8


def page_text(html: str, config: ExtractionConfig) -> tuple[str, str]:
    """Title and text of a page; text is "" where there is none."""
    page = pages.parse(html, not config.main_content, config.output == "markdown")
    if not page.tags:
        return page.title, ""
    if not config.main_content:
        return page.title, _Walk(page, config, None).text(0, len(page.tags) - 1)
    # A page whose names mislead, or that is all links and words between them, keeps its text all the same.
    for signs in (ALL_SIGNS, LINKS, LINKS_OF_LISTS):
        content = MainContent(page, signs)
        text = _Walk(page, config, content).text(content.start, content.end)
        if text:
            break
    return page.title, text


class _Walk:
    """Lines written so far, and the block under way."""

    def __init__(self, page: Page, config: ExtractionConfig, content: MainContent | None) -> None:
        self._page = page
        self._readings = config.ruby == "readings"
        self._markdown = config.output == "markdown"
        self._content = content
        self._blocks: list[str] = []
        self._inline: list[str] = []
        self._margin = 0
        self._heading = ""
        self._numbers: list[int | None] = []
        self._bullet = ""
        self._quotes = 0
        self._preformatted: Element | None = None
        self._data_ends = -1
        self._rows: list[list[str]] = []
        self._cell: list[str] | None = None

    def text(self, start: int, end: int) -> str:
        page = self._page
        tags, starts, texts = page.tags, page.starts, page.texts
        inline = self._inline
        place = start
        while place < end:
            element = tags[place]
            if element.is_block and (element.closing or element.is_trusted):
                if self._preformatted is not None:
                    if element.closing:
                        self._close(place, element)
                elif inline or self._margin < 2:
                    self._end_block(2 if element.role == PARAGRAPH else 1)
            elif element.closing:
                self._close(place, element)
            elif self._is_read(place, element):
                self._open(place, element)
            else:
                self._separate(element)
                place = page.ends[place]
                if place >= end:
                    break
            following = place + 1
            if starts[place] < starts[following]:
                inline += texts[starts[place] : starts[following]]
            place = following
        self._end_block(1)
        return tidy("".join(self._blocks))

    def _is_read(self, place: int, element: Element) -> bool:
        role = element.role
        if role in _NOT_READ or element.invisible:
            return False
        if role == READING:
            return self._readings
        if self._content is None or (role in (ROW, CELL) and place < self._data_ends):
            return True
        return self._content.keeps(place, element)

    def _separate(self, element: Element) -> None:
        if element.role in _ENDS_LINE and self._preformatted is None:
            self._end_block(1)

    def _open(self, place: int, element: Element) -> None:
        role = element.role
        if role == BREAK:
            self._inline.append(_BREAK)
        elif role == READING:
            self._inline.append("（")
        elif self._preformatted is not None:
            return
        elif role == CODE:
            self._inline.append("`" * self._markdown)
        elif role in _ENDS_LINE:
            self._end_block(2 if role in _APART or role == LIST else 1)
            if role == HEADING and self._markdown:
                self._heading = "#" * int(element.name[1]) + " "
            elif role == LIST:
                first = element.number if element.number is not None else 1
                self._numbers.append(first if element.name == "ol" else None)
            elif role == ITEM:
                self._begin_item(element)
            elif role == QUOTE:
                self._quotes += 1
            elif role == PREFORMATTED:
                self._preformatted = element
            elif role == RULE and self._markdown:
                self._write(["---"])
            elif role == TABLE and place > self._data_ends and self._holds_data(place):
                self._data_ends, self._rows = self._page.ends[place], []
            elif place < self._data_ends and role == ROW:
                self._rows.append([])
            elif place < self._data_ends and role == CELL:
                self._cell = []

    def _close(self, place: int, element: Element) -> None:
        role = element.role
        if role == READING:
            self._inline.append("）")
        elif role == PREFORMATTED and self._preformatted is not None:
            self._end_preformatted()
        elif self._preformatted is not None:
            if role in _ENDS_LINE and self._inline and not self._inline[-1].endswith("\n"):
                self._inline.append("\n")
        elif role == CODE:
            self._inline.append("`" * self._markdown)
        elif role in _ENDS_LINE:
            self._end_block(2 if role in _APART else 1)
            if role == HEADING:
                self._heading = ""
            elif role == LIST and self._numbers:
                self._numbers.pop()
                self._bullet = ""
                self._margin = max(self._margin, 1 if self._numbers else 2)
            elif role == QUOTE:
                self._quotes -= 1
            elif role == CELL and self._cell is not None:
                if self._rows:
                    self._rows[-1].append(" ".join(self._cell))
                self._cell = None
            elif place == self._data_ends:
                self._end_table()

    def _begin_item(self, element: Element) -> None:
        number = self._numbers[-1] if self._numbers else None
        if number is None:
            self._bullet = "- " if self._markdown else "• "
        else:
            number = element.number if element.number is not None else number
            self._bullet = f"{number}. "
            self._numbers[-1] = number + 1

    def _end_block(self, margin: int) -> None:
        """Writes the block under way, if it has text, and keeps at least `margin` line ends after it."""
        if self._inline:
            text = _collapsed("".join(self._inline))
            self._inline.clear()
            if _BREAK in text:
                lines = [line for part in text.split(_BREAK) if (line := part.strip(" "))]
            else:
                lines = [text] if (text := text.strip(" ")) else []
            if lines and self._cell is not None:
                self._cell.extend(lines)
            elif lines:
                self._write([self._heading + " ".join(lines)] if self._heading else lines)
        # Within a list, blocks follow each other line by line.
        if self._margin < margin:
            self._margin = 1 if self._numbers else margin

    def _write(self, lines: list[str]) -> None:
        depth = min(max(len(self._numbers) - 1, 0), _DEEPEST_INDENT)
        indent = "  " * depth
        if self._numbers:
            lines = [
                indent + (self._bullet or "  ") + lines[0],
                *(indent + "  " + line for line in lines[1:]),
            ]
            self._bullet = ""
        if self._quotes > 0 and self._markdown:
            lines = ["> " + line for line in lines]
        if self._blocks:
            self._blocks.append("\n" * max(self._margin, 1))
        self._blocks.append("\n".join(lines))
        self._margin = 0

    def _end_preformatted(self) -> None:
        element, self._preformatted = self._preformatted, None
        raw = "".join(self._inline).replace(_BREAK, "\n").replace("\r\n", "\n").replace("\r", "\n")
        self._inline.clear()
        lines = [line.rstrip() for line in _unescaped(raw).split("\n")]
        while lines and not lines[-1]:
            lines.pop()
        while lines and not lines[0]:
            lines.pop(0)
        if lines and self._cell is not None:
            self._cell.extend(lines)
        elif lines:
            fence = [f"```{element.language if element else ''}"], ["```"]
            self._write([*fence[0], *lines, *fence[1]] if self._markdown else lines)
        self._margin = 2

    def _holds_data(self, table: int) -> bool:
        """Looks no further than the first sign against it, so that nested tables are each looked at once."""
        page = self._page
        for place in range(table + 1, page.ends[table]):
            element = page.tags[place]
            if element.closing:
                continue
            if element.role in _NOT_IN_DATA:
                return False
            if element.role == CELL and page.sizes[place] > _LONGEST_CELL:
                return False
        return True

    def _end_table(self) -> None:
        rows = [row for row in self._rows if any(row)]
        if rows:
            self._write(list(_markdown_rows(rows)) if self._markdown else ["\t".join(row) for row in rows])
        self._margin = 2


def _markdown_rows(rows: list[list[str]]) -> Iterable[str]:
    width = max(map(len, rows))
    for number, row in enumerate(rows):
        cells = [cell.replace("|", "\\|") for cell in row]
        yield "| " + " | ".join(cells + [""] * (width - len(row))) + " |"
        if number == 0:
            yield "|" + " --- |" * width


def _unescaped(text: str) -> str:
    """What the parser's writer escapes in text; `&amp;` last."""
    if "&" not in text:
        return text
    return text.replace("&nbsp;", "\xa0").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _collapsed(raw: str) -> str:
    text = _unescaped(raw)
    if "\n" in text:
        text = _SPACES.sub(" ", _WRAPPED.sub("", text))
    elif "  " in text or "\t" in text or "\f" in text:
        text = _SPACES.sub(" ", text)
    return text

"""The text that a reader of a wiki's page sees, but for what templates and tables make."""

from __future__ import annotations

import re

import mwparserfromhell
from mwparserfromhell.nodes import Heading, Tag, Text, Wikilink
from mwparserfromhell.wikicode import Wikicode

from .mediawiki import Site

# Notes stand outside the text; tables hold figures and boxes of links.
_NOT_TEXT = frozenset(["ref", "references", "table", "gallery", "imagemap", "timeline", "math", "score"])

# A template often stands alone in parentheses: a reading, or coordinates.
_EMPTY_PARENTHESES = re.compile(r"[（(][\s、,，;；:：]*[）)]")
_MAGIC_WORD = re.compile(r"__[A-Z]{3,}__")
_LINE_OF_SIGNS = re.compile(r"(?m)^[ \t]*[*#:;|]+[ \t]*$")


def wikitext_text(wikitext: str, site: Site, markdown: bool) -> str:
    code = mwparserfromhell.parse(wikitext, skip_style_tags=False)
    _remove(code, site, markdown)
    text = str(code.strip_code(normalize=True, collapse=True, keep_template_params=False))
    text = _EMPTY_PARENTHESES.sub("", _MAGIC_WORD.sub("", text))
    return _LINE_OF_SIGNS.sub("", text)


def _remove(code: Wikicode, site: Site, markdown: bool) -> None:
    for node in list(code.nodes):
        if isinstance(node, Tag):
            if str(node.tag).strip().lower() in _NOT_TEXT:
                code.remove(node)
            elif node.contents is not None:
                _remove(node.contents, site, markdown)
        elif isinstance(node, Wikilink):
            prefix, colon, _ = str(node.title).partition(":")
            if colon and prefix.strip().lower() in site.not_text:
                code.remove(node)
        elif isinstance(node, Heading) and markdown:
            code.replace(node, Text(f"{'#' * node.level} {node.title.strip_code().strip()}"))

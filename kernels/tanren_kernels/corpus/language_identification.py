"""The language of a document, from a sample of its text and before the text is extracted.

py3langid (BSD): a naive Bayes classifier over byte n-grams after langid.py (Lui and Baldwin 2012), 139
languages; its model is in the package.
"""

from __future__ import annotations

import heapq
import html
from collections.abc import Iterable, Iterator
from functools import cache

from py3langid.langid import MODEL_FILE, LanguageIdentifier

UNDETERMINED = "und"
"""BCP 47's word for what has no language, or none that is known."""

_NO_LANGUAGE = "zxx"

# Longer samples tell nothing more, and what a page says at its beginning is often in another language.
_SAMPLE_CHARACTERS = 1_000
_SCANNED_CHARACTERS = 200_000
_SHORTEST_PIECE = 2

_NOT_READ = ("script", "style", "noscript", "template", "svg", "textarea", "select", "code", "pre")


@cache
def _identifier() -> LanguageIdentifier:
    return LanguageIdentifier.from_model_file(MODEL_FILE)


def identified_languages() -> frozenset[str]:
    """Every language that can be told."""
    return frozenset(_identifier().labels) - {_NO_LANGUAGE}


def identify(text: str, is_html: bool) -> str:
    """ISO 639 code of the language that most of a text, or of a page's longest pieces of text, is in."""
    sample = _sample(_html_pieces(text) if is_html else text[:_SCANNED_CHARACTERS].split("\n"))
    if not any(character.isalpha() for character in sample):
        return UNDETERMINED
    language: str = _identifier().classify(sample)[0]
    return UNDETERMINED if language == _NO_LANGUAGE else language


def _sample(pieces: Iterable[str]) -> str:
    """The longest pieces: prose, and not the words of menus."""
    stripped = (" ".join(piece.split()) for piece in pieces)
    longest = heapq.nlargest(20, (one for one in stripped if len(one) >= _SHORTEST_PIECE), key=len)
    return " ".join(longest)[:_SAMPLE_CHARACTERS]


def _html_pieces(page: str) -> Iterator[str]:
    """Texts between tags, but for what is no prose. A pattern over the whole page would not be linear."""
    body = max(page.find("<body"), page.find("<BODY"), 0)
    within = ""
    for piece in page[body : body + _SCANNED_CHARACTERS].split("<"):
        tag, _, text = piece.partition(">")
        name = tag[:12].split(None, 1)[0].lower() if tag[:12].split() else ""
        if within:
            if name != f"/{within}":
                continue
            within = ""
        elif name in _NOT_READ and not tag.endswith("/"):
            within = name
            continue
        elif name.startswith("!--"):
            continue
        if len(text) >= _SHORTEST_PIECE:
            yield html.unescape(text)

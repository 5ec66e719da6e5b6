"""Drops documents by the words in them: how often words of a list stand in a text by themselves.

Words of all lengths are looked for at once by hashes of windows, so that a list may be long; each hit is
compared.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict

import numpy as np
import numpy.typing as npt

from ..contract import WordFilterConfig
from .candidate import Candidate
from .lists import read_list
from .text_windows import TextWindows, units_of

_LETTER = re.compile(r"[^\W_\u3040-\u30ff\u31f0-\u31ff\u3005-\u3007\u3400-\u9fff\uf900-\ufaff]")
_KATAKANA = re.compile(r"[゠-ヿㇰ-ㇿ]")


class WordFilter:
    def __init__(self, config: WordFilterConfig) -> None:
        self._at_least = config.at_least
        by_length: defaultdict[int, set[str]] = defaultdict(set)
        for word in [*config.words, *read_list(config.list)]:
            own = _normal(word)
            if own:
                by_length[len(own)].add(own)
        self._words = dict(by_length)
        self._hashes: dict[int, npt.NDArray[np.uint64]] = {
            length: np.sort(np.concatenate([TextWindows(units_of(word)).hashes(length) for word in words]))
            for length, words in by_length.items()
        }

    def apply(self, candidate: Candidate) -> str:
        return "listed_word" if self.count(candidate.text) >= self._at_least else ""

    def count(self, text: str) -> int:
        """Occurrences of all words, each by itself."""
        own = _normal(text)
        windows = TextWindows(units_of(own))
        found = 0
        for length, wanted in self._hashes.items():
            for at in np.flatnonzero(np.isin(windows.hashes(length), wanted)).tolist():
                end = at + length
                found += own[at:end] in self._words[length] and _stands_alone(own, at, end)
        return found


def _normal(text: str) -> str:
    return unicodedata.normalize("NFKC", text).lower()


def _stands_alone(text: str, start: int, end: int) -> bool:
    """Whether neither end cuts through a word of letters or of katakana. Other Japanese has no such ends."""
    for inner, outer in ((start, start - 1), (end - 1, end)):
        if 0 <= outer < len(text):
            for script in (_LETTER, _KATAKANA):
                if script.match(text[inner]) and script.match(text[outer]):
                    return False
    return True

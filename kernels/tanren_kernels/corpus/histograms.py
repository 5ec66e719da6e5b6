"""Counts of documents by length and by score, which add up over tasks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

_SCORES = 20


class Histograms:
    """Lengths in characters, in bins of powers of two, of what cleaning was given and what it kept; scores of
    each classifier in twentieths, of what stays at the end and what does not.
    """

    def __init__(self) -> None:
        self._lengths: Counter[tuple[str, str, int]] = Counter()
        self._scores: Counter[tuple[str, int]] = Counter()

    def extracted(self, language: str, characters: int) -> None:
        self._lengths["extracted", language, max(characters, 1).bit_length() - 1] += 1

    def kept(self, language: str, characters: int) -> None:
        self._lengths["kept", language, max(characters, 1).bit_length() - 1] += 1

    def score(self, score: float, stays: bool) -> None:
        self._scores["kept" if stays else "dropped", min(int(score * _SCORES), _SCORES - 1)] += 1

    def add(self, given: dict[str, Any]) -> None:
        """What the histograms of a part gave out."""
        for row in given["lengths"]:
            self._lengths[row["of"], row["language"], row["from"].bit_length() - 1] += row["documents"]
        for row in given["scores"]:
            self._scores[row["of"], round(row["from"] * _SCORES)] += row["documents"]

    def rows(self) -> dict[str, list[dict[str, Any]]]:
        return {
            "lengths": [
                {"of": of, "language": language, "from": 1 << power, "to": 2 << power, "documents": documents}
                for (of, language, power), documents in sorted(self._lengths.items())
            ],
            "scores": [
                {"of": of, "from": bin / _SCORES, "to": (bin + 1) / _SCORES, "documents": documents}
                for (of, bin), documents in sorted(self._scores.items())
            ],
        }


def added(parts: Iterable[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    whole = Histograms()
    for part in parts:
        whole.add(part)
    return whole.rows()

"""A document on its way through the stages of cleaning, and what a stage does with it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(slots=True)
class Candidate:
    text: str
    language: str
    source: str
    url: str = ""
    score: float | None = None
    """How likely the last classifier found it clean."""
    counts: Counter[str] = field(default_factory=Counter)
    """What stages changed in it."""


class Filter(Protocol):
    def apply(self, candidate: Candidate) -> str:
        """The reason why the document is dropped, or "". May change its text."""

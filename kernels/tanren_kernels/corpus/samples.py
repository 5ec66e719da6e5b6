"""A sample of what was kept and of what each rule dropped, for people to read: of each group the documents
whose hash with the seed is smallest. So the sample of a whole is found among the samples of its parts, and
does not depend on how it was divided.
"""

from __future__ import annotations

import hashlib
import heapq
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

SAMPLES = 10
"""Of each group."""

CHARACTERS = 1_000
"""Of each text, from its beginning; also of ids and addresses, which others chose."""

_ORDER = "order"


class Samples:
    """Groups are steps with reasons; of documents that stay, step and reason are ""."""

    def __init__(self, seed: int) -> None:
        self._seed = seed.to_bytes(8, "big")
        # Heaps whose first is the one to go: the greatest order, kept as its negative.
        self._groups: defaultdict[tuple[str, str, str], list[tuple[int, str, dict[str, Any]]]] = defaultdict(
            list
        )

    def offer(self, step: str, reason: str, language: str, id: str, text: str, **more: Any) -> None:
        digest = hashlib.blake2b(id.encode(), digest_size=8, key=self._seed).digest()
        order = int.from_bytes(digest, "big")
        group = self._groups[step, reason, language]
        if len(group) == SAMPLES and -order <= group[0][0]:
            return
        row = {
            "step": step,
            "reason": reason,
            "language": language,
            "id": id[:CHARACTERS],
            **{
                name: value[:CHARACTERS] if isinstance(value, str) else value
                for name, value in more.items()
                if value not in (None, "")
            },
            "characters": len(text),
            "text": text[:CHARACTERS],
        }
        self._push(group, order, row)

    def add(self, rows: Iterable[dict[str, Any]]) -> None:
        """Those that samples of a part gave out."""
        for given in rows:
            row = dict(given)
            order = row.pop(_ORDER)
            self._push(self._groups[row["step"], row["reason"], row["language"]], order, row)

    def _push(self, group: list[tuple[int, str, dict[str, Any]]], order: int, row: dict[str, Any]) -> None:
        heapq.heappush(group, (-order, row["id"], row))
        if len(group) > SAMPLES:
            heapq.heappop(group)

    def rows(self) -> Iterator[dict[str, Any]]:
        """Group by group, each in its order."""
        for group in sorted(self._groups):
            for negative, _, row in sorted(self._groups[group], reverse=True):
                yield {**row, _ORDER: -negative}

"""The funnel: how many documents and bytes each step took in and gave out, per language,
and why the others were dropped.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

from ..contract import FunnelRow

# Steps in the order a document goes through them.
STEPS = ("read", "extraction", "rules", "classifier", "exact", "min_hash", "held_out", "mixture")

# Pairs of neighbours that are told as one where space is short.
_NEIGHBOURS = (
    ("read", "extraction"),
    ("exact", "min_hash"),
    ("rules", "classifier"),
    ("held_out", "mixture"),
)

OTHER = "other_reasons"

RESULT_LIMIT_BYTES = 2_600
"""What a result of 4,096 bytes leaves for its funnel."""


class FilterStatistics:
    """Counts by step and language. Rows of the same step and language are added up."""

    def __init__(self, rows: Iterable[dict[str, Any]] = ()) -> None:
        self._rows: dict[tuple[int, str], dict[str, Any]] = {}
        for row in rows:
            self.add(row)

    def add(self, row: dict[str, Any]) -> None:
        own = self._row(row["step"], row["language"])
        for field in ("documents_in", "documents_out", "bytes_in", "bytes_out"):
            own[field] += row[field]
        own["dropped"].update(row["dropped"])

    def passed(self, step: str, language: str, bytes_in: int, bytes_out: int) -> None:
        """One document that went through a step."""
        row = self._row(step, language)
        row["documents_in"] += 1
        row["documents_out"] += 1
        row["bytes_in"] += bytes_in
        row["bytes_out"] += bytes_out

    def dropped(self, step: str, language: str, bytes_in: int, reason: str) -> None:
        """One document that a step dropped."""
        row = self._row(step, language)
        row["documents_in"] += 1
        row["bytes_in"] += bytes_in
        row["dropped"][reason] += 1

    def _row(self, step: str, language: str) -> dict[str, Any]:
        empty = {"documents_in": 0, "documents_out": 0, "bytes_in": 0, "bytes_out": 0, "dropped": Counter()}
        return self._rows.setdefault((STEPS.index(step), language), empty)

    def rows(self) -> list[dict[str, Any]]:
        """Rows in the order of steps and languages; reasons sorted by name."""
        return [
            {
                "step": STEPS[step],
                "language": language,
                **row,
                "dropped": dict(sorted(row["dropped"].items())),
            }
            for (step, language), row in sorted(self._rows.items())
        ]


def fit(rows: list[dict[str, Any]], limit_bytes: int = RESULT_LIMIT_BYTES) -> list[FunnelRow]:
    """Rows in at most `limit_bytes` of JSON: first only the most frequent reasons are named, then
    neighbouring steps are told as one.
    """
    shortened = rows
    for neighbours in range(len(_NEIGHBOURS) + 1):
        if neighbours:
            shortened = _joined(shortened, *_NEIGHBOURS[neighbours - 1])
        for reasons in (8, 4, 2, 1, 0):
            kept = [{**row, "dropped": _most_frequent(row["dropped"], reasons)} for row in shortened]
            if len(json.dumps(kept, separators=(",", ":"), ensure_ascii=False).encode()) <= limit_bytes and (
                reasons >= 2 or neighbours == len(_NEIGHBOURS)
            ):
                return [FunnelRow.model_validate(row) for row in kept]
    raise ValueError(f"{len(rows)} funnel rows do not fit {limit_bytes} bytes")


def _joined(rows: list[dict[str, Any]], first: str, second: str) -> list[dict[str, Any]]:
    """Rows of two steps that follow each other as rows of the second."""
    openings = {row["language"]: row for row in rows if row["step"] == first}
    seconds = {row["language"] for row in rows if row["step"] == second}
    joined = []
    for row in rows:
        if row["step"] == first and row["language"] in seconds:
            continue
        opening = openings.get(row["language"])
        if row["step"] == second and opening is not None:
            dropped = Counter(opening["dropped"]) + Counter(row["dropped"])
            row = {
                **row,
                "documents_in": opening["documents_in"],
                "bytes_in": opening["bytes_in"],
                "dropped": dict(dropped),
            }
        joined.append(row)
    return joined


def _most_frequent(dropped: dict[str, int], count: int) -> dict[str, int]:
    ordered = sorted(dropped.items(), key=lambda item: (-item[1], item[0]))
    rest = sum(number for _, number in ordered[count:])
    return dict(ordered[:count]) | ({OTHER: rest} if rest else {})

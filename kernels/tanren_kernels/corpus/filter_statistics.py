"""The funnel: how many documents and bytes each step took in and gave out, per language,
and why the others were dropped.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ..contract import FunnelRow

# Steps in the order a document goes through them; between extraction and `exact` come the stages of cleaning,
# by their names.
OPENING = ("read", "language", "extraction")
DUPLICATES = ("exact", "min_hash")
CLOSING = ("held_out", "mixture")

OTHER = "other_reasons"

SEVERAL = "mul"
"""BCP 47's word for several languages: those that there is no room to tell apart."""

RESULT_LIMIT_BYTES = 2_600
"""What a result of 4,096 bytes leaves for its funnel."""


class FilterStatistics:
    """Counts by step and language. Rows of the same step and language are added up."""

    def __init__(self, steps: Sequence[str], rows: Iterable[dict[str, Any]] = ()) -> None:
        """`steps`: all there can be, in order."""
        self._steps = tuple(steps)
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
        return self._rows.setdefault((self._steps.index(step), language), empty)

    def rows(self) -> list[dict[str, Any]]:
        """Rows in the order of steps and languages; reasons sorted by name."""
        return [
            {
                "step": self._steps[step],
                "language": language,
                **row,
                "dropped": dict(sorted(row["dropped"].items())),
            }
            for (step, language), row in sorted(self._rows.items())
        ]


def steps_of(rows: Iterable[dict[str, Any]]) -> list[str]:
    """Steps of rows that are in order."""
    return list(dict.fromkeys(row["step"] for row in rows))


def fit(rows: list[dict[str, Any]], limit_bytes: int = RESULT_LIMIT_BYTES) -> list[FunnelRow]:
    """Rows in at most `limit_bytes` of JSON: first only the most frequent reasons are named, then
    neighbouring steps are told as one, then the smaller languages.
    """
    shorter = list(_shorter(rows))
    fewest_reasons = len(shorter) - 1
    shorter += [_other_languages(shorter[-1], count) for count in (8, 4, 2, 1, 0)]
    for at, shortened in enumerate(shorter):
        for reasons in (8, 4, 2, 1, 0):
            kept = [{**row, "dropped": _most_frequent(row["dropped"], reasons)} for row in shortened]
            if len(json.dumps(kept, separators=(",", ":"), ensure_ascii=False).encode()) <= limit_bytes and (
                reasons >= 2 or at >= fewest_reasons
            ):
                return [FunnelRow.model_validate(row) for row in kept]
    raise ValueError(f"{len(rows)} funnel rows do not fit {limit_bytes} bytes")


def _shorter(rows: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """The rows, and each time some of them joined with their neighbours."""
    yield rows
    for group in (OPENING, DUPLICATES):
        rows = _joined(rows, group)
        yield rows
    known = {*OPENING, *DUPLICATES, *CLOSING}
    stages = [step for step in steps_of(rows) if step not in known]
    # Of many stages, the later ones are told as one, the earlier ones stay apart as long as there is room.
    apart = rows
    for first in range(len(stages) - 2, -1, -1):
        rows = _joined(apart, stages[first:], f"{stages[first]} to {stages[-1]}")
        yield rows
    yield _joined(rows, CLOSING)


def _other_languages(rows: list[dict[str, Any]], count: int) -> list[dict[str, Any]]:
    """Rows of all but the largest languages as those of SEVERAL."""
    sizes: Counter[str] = Counter()
    for row in rows:
        sizes[row["language"]] = max(sizes[row["language"]], row["documents_in"])
    apart = {language for language, _ in sorted(sizes.items(), key=lambda item: (-item[1], item[0]))[:count]}
    statistics = FilterStatistics(steps_of(rows))
    for row in rows:
        statistics.add({**row, "language": row["language"] if row["language"] in apart else SEVERAL})
    return statistics.rows()


def _joined(
    rows: list[dict[str, Any]], steps: Sequence[str], name: str | None = None
) -> list[dict[str, Any]]:
    """Rows of steps that follow each other as one row, language by language: of that name, or else of the
    last of them.
    """
    joined: list[dict[str, Any]] = []
    last: dict[str, int] = {row["language"]: at for at, row in enumerate(rows) if row["step"] in steps}
    waiting: dict[str, dict[str, Any]] = {}
    for at, row in enumerate(rows):
        if row["step"] not in steps:
            joined.append(row)
            continue
        language = row["language"]
        before = waiting.get(language)
        if before is not None:
            dropped = Counter(before["dropped"]) + Counter(row["dropped"])
            opening = {field: before[field] for field in ("documents_in", "bytes_in")}
            row = {**row, **opening, "dropped": dict(dropped)}
        waiting[language] = row
        if at == last[language]:
            joined.append(row if name is None else {**row, "step": name})
    return joined


def _most_frequent(dropped: dict[str, int], count: int) -> dict[str, int]:
    ordered = sorted(dropped.items(), key=lambda item: (-item[1], item[0]))
    rest = sum(number for _, number in ordered[count:])
    return dict(ordered[:count]) | ({OTHER: rest} if rest else {})

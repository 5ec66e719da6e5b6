"""metrics.jsonl: one JSON object per training step, cut to the checkpoint that a run resumes from."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..runtime import durable_file

NAME = "metrics.jsonl"


@dataclass(frozen=True)
class Effort:
    """What one step took."""

    tokens: int
    seconds: float


class MetricsLog:
    def __init__(self, directory: Path, resume_step: int) -> None:
        """Keeps the lines up to `resume_step`; later ones are of steps that will be done again."""
        self._path = directory / NAME
        kept = [line for line in read(directory) if line["step"] <= resume_step]
        durable_file.write(self._path, "".join(json.dumps(line) + "\n" for line in kept).encode())
        self._sums: Effort | None = _sums_of(kept[-1]) if kept else Effort(tokens=0, seconds=0)

    def append(self, step: int, metrics: dict[str, float], effort: Effort) -> dict[str, float]:
        """Returns the line: with what all steps up to this one took together, those before a resume too."""
        line: dict[str, float] = {"step": step, **metrics}
        if self._sums is not None:
            self._sums = Effort(
                tokens=self._sums.tokens + effort.tokens,
                seconds=round(self._sums.seconds + effort.seconds, 3),
            )
            line |= asdict(self._sums)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        return line


def _sums_of(line: dict[str, Any]) -> Effort | None:
    """None of a line that an older version wrote: then there is nothing to go on from."""
    if not {"tokens", "seconds"} <= line.keys():
        return None
    return Effort(tokens=line["tokens"], seconds=line["seconds"])


def read(directory: Path) -> list[dict[str, Any]]:
    """All whole lines; the last may have been cut off by a kill."""
    path = directory / NAME
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").split("\n")
    return [json.loads(line) for line in lines[:-1] if line]

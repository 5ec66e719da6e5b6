"""metrics.jsonl: one JSON object per training step, cut to the checkpoint that a run resumes from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..runtime import durable_file

NAME = "metrics.jsonl"


class MetricsLog:
    def __init__(self, directory: Path, resume_step: int) -> None:
        """Keeps the lines up to `resume_step`; later ones are of steps that will be done again."""
        self._path = directory / NAME
        kept = [line for line in read(directory) if line["step"] <= resume_step]
        durable_file.write(self._path, "".join(json.dumps(line) + "\n" for line in kept).encode())

    def append(self, step: int, metrics: dict[str, float]) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, **metrics}) + "\n")


def read(directory: Path) -> list[dict[str, Any]]:
    """All whole lines; the last may have been cut off by a kill."""
    path = directory / NAME
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").split("\n")
    return [json.loads(line) for line in lines[:-1] if line]

"""What a person wants to see of a corpus, in one bounded file that each program takes over from the last:

funnel       documents and bytes by step, language and reason, whole
lengths      histogram of lengths, scores one of what the classifier said
classifiers  figures of each one on held-out examples
samples      of what stays and of what each rule dropped
pairs        near duplicates side by side, clusters the largest ones
tokenizer    its figures
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..runtime import durable_file
from ..runtime.errors import KernelError
from .documents import TaskFolder
from .histograms import added
from .samples import Samples

REPORT = "report.json"


def of_tasks(folders: Sequence[TaskFolder], funnel: list[dict[str, Any]]) -> dict[str, Any]:
    """The report of cleaned tasks."""
    samples = Samples(0)
    for folder in folders:
        with folder.samples.open(encoding="utf-8") as lines:
            samples.add(map(json.loads, lines))
    stats = [folder.read_stats() for folder in folders]
    return {
        "funnel": funnel,
        **added(one["histograms"] for one in stats),
        "classifiers": stats[0]["classifiers"] if stats else [],
        "samples": [
            {name: value for name, value in row.items() if name != "order"} for row in samples.rows()
        ],
    }


def read(directory: Path) -> dict[str, Any]:
    """Raises InvalidData where there is none."""
    try:
        report: dict[str, Any] = json.loads((directory / REPORT).read_bytes())
    except FileNotFoundError as error:
        raise KernelError(
            "InvalidData", f"{directory} has no {REPORT}; run the stage that writes it again."
        ) from error
    return report


def write(directory: Path, report: dict[str, Any]) -> None:
    durable_file.write(
        directory / REPORT, json.dumps(report, ensure_ascii=False, indent=1).encode("utf-8", "replace")
    )

"""Documents as `clean` leaves them, and all steps of `deduplicate` over them, as its Jobs do them."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from small_corpus import contents, dropped, kept, run

from tanren_kernels.contract import Result
from tanren_kernels.corpus.documents import Document, TaskFolder, TaskWriter, write_json_lines

__all__ = ["contents", "dropped", "kept"]

Words = list[str]

STEPS = ("keys", "candidates", "texts", "similarity", "choice", "documents")


def write_cleaned(documents: Sequence[Document], tasks: int) -> None:
    """Each document is a file by itself, and file i in task i mod tasks."""
    for task in range(tasks):
        with TaskWriter(TaskFolder(Path("output/clean"), task)) as writer:
            for one in documents:
                if (one.place >> 32) % tasks == task:
                    writer.keep(one)
            stats = {
                "documents": len(documents),
                "steps": [],
                "funnel": [],
                "sources": [],
                "counts": {},
                "histograms": {"lengths": [], "scores": []},
                "classifiers": [],
            }
            write_json_lines(writer.folder.samples, [])
            writer.complete(stats, "mark", content="content")


def deduplicate(monkeypatch: pytest.MonkeyPatch, tasks: int, workers: int = 1, **changes: Any) -> Result:
    """One Job, or where there are workers a Job for each step, whose last index begins first; every other one
    has a pod more.
    """
    if workers == 1:
        return run("deduplicate", tasks=tasks, **changes)
    for at, step in enumerate(STEPS):
        pods = 1 if step == "choice" else workers + at % 2
        for worker in reversed(range(pods)):
            monkeypatch.setenv("JOB_COMPLETION_INDEX", str(worker))
            result = run("deduplicate", tasks=tasks, workers=pods, step=step, **changes)
    monkeypatch.delenv("JOB_COMPLETION_INDEX")
    return result


def oracle(one: str, other: str, size: int = 5) -> float:
    """Jaccard similarity of two texts of words, by sets of tuples."""
    sets = []
    for text in (one, other):
        words = text.split()
        sets.append({tuple(words[at : at + size]) for at in range(len(words) - size + 1)})
    return len(sets[0] & sets[1]) / len(sets[0] | sets[1])


def document(number: int, text: str, language: str = "en", **more: Any) -> Document:
    return Document(f"d{number}", text, language, "web", "", place=number << 32, **more)


def summary() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(Path("output/deduplicate/summary.json").read_bytes())
    return loaded


def words(rng: random.Random, count: int) -> Words:
    return ["".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=7)) for _ in range(count)]


def changed(rng: random.Random, original: Words, share: float) -> Words:
    """With other words in places, so that about `share` of the shingles are other ones."""
    copy = list(original)
    # A changed word changes the five shingles that hold it.
    for place in rng.sample(range(len(copy)), round(len(copy) * share / 5)):
        copy[place] = "".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=7))
    return copy


def planted(rng: random.Random, pairs: int, low: float, high: float) -> list[tuple[str, str]]:
    """Pairs whose similarity lies between the two."""
    found: list[tuple[str, str]] = []
    while len(found) < pairs:
        original = words(rng, 240)
        # A Jaccard similarity s leaves (1 - s) / (1 + s) of each document's shingles to itself.
        wanted = rng.uniform(low, high)
        copy = changed(rng, original, 1.1 * (1 - wanted) / (1 + wanted))
        one, other = " ".join(original), " ".join(copy)
        if low <= oracle(one, other) <= high:
            found.append((one, other))
    return found


def pairs_as_documents(pairs: list[tuple[str, str]], first: int = 0) -> list[Document]:
    return [
        document(first + 2 * number + side, text)
        for number, pair in enumerate(pairs)
        for side, text in enumerate(pair)
    ]


def chain(rng: random.Random, links: int) -> list[str]:
    """Each document is much like the next, and nothing like one thirty further on."""
    every = words(rng, 200 + 6 * links)
    return [" ".join(every[6 * link : 6 * link + 200]) for link in range(links)]

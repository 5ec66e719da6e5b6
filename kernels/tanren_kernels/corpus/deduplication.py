"""What the steps of deduplication share: who does which part, and where rows lie between two steps.

    keys         each task's documents give signatures; each document's digest and bands go to whoever has
                 their range
    candidates   in each range: equal digests are exact duplicates, equal bands candidates
    texts        each candidate's text goes to whoever compares it
    similarity   candidates are compared by their shingles; what is similar enough is a pair
    choice       which documents of all pairs stay
    documents    each task's documents, without those that do not

Between two steps every part of the one has ended before any of the next begins. A part that was killed is
done again; its result depends on the documents only, not on how many parts there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..contract import DeduplicateConfig
from ..runtime.errors import KernelError
from ..runtime.program import ProgramContext
from .data_engine import DataEngine
from .documents import TaskFolder

TWIN_SIMILARITY = 0.6
"""From which two documents are too alike to stand on both sides of the held-out split."""


@dataclass(frozen=True)
class Part:
    """One of `config.parts` parts of a step: a range of the keys, and every task t with t mod parts = number.
    How many there are does not depend on the pods, so that these may change between two steps.
    """

    config: DeduplicateConfig
    number: int
    inputs: Sequence[TaskFolder]
    root: Path
    """Of all that the steps leave for each other; named after what they depend on."""
    engine: DataEngine
    context: ProgramContext

    @property
    def own_tasks(self) -> range:
        return range(self.number, self.config.tasks, self.config.parts)

    def signatures(self, task: int) -> Path:
        return self.root / "signatures" / f"{task:05d}.parquet"

    def made(self, what: str) -> Path:
        """Directory of what this part makes."""
        return self.root / what / f"{self.number:05d}"

    def owner(self, place: str) -> str:
        """SQL: the part that has the document of a place."""
        return f"({place} // 4294967296 % {self.config.tasks} % {self.config.parts})::INTEGER"


# Columns of the rows between steps, as in CREATE TABLE.

SIGNATURES = (
    "place UBIGINT, id VARCHAR, language VARCHAR, bytes BIGINT, rank BIGINT, high UBIGINT, low UBIGINT, "
    "signature BLOB, bands UBIGINT[]"
)
"""`rank`: which of several duplicates stays, the smaller first, then the smaller place; `high` and `low`: the
first half of the sha256 of the normalised text; `bands`: a hash of each band of the signature."""

DIGESTS = "high UBIGINT, low UBIGINT, rank BIGINT, place UBIGINT, id VARCHAR, language VARCHAR, bytes BIGINT"

BANDS = "band UTINYINT, key UBIGINT, low UBIGINT, rank BIGINT, place UBIGINT, next UBIGINT"
"""`next`: hash of the next band."""

CANDIDATES = "first_rank BIGINT, first UBIGINT, second_rank BIGINT, second UBIGINT"

EXACT = "place UBIGINT, rank BIGINT, language VARCHAR, bytes BIGINT, kept UBIGINT, kept_id VARCHAR"

TEXTS = "place UBIGINT, id VARCHAR, language VARCHAR, bytes BIGINT, text VARCHAR, signature BLOB"

PAIRS = (
    "first_rank BIGINT, first UBIGINT, first_id VARCHAR, second_rank BIGINT, second UBIGINT, "
    "language VARCHAR, bytes BIGINT, similarity DOUBLE"
)
"""`first` stays, if nothing makes it go; `language` and `bytes` are the second's."""

DROPPED = (
    "place UBIGINT, step VARCHAR, language VARCHAR, bytes BIGINT, kept UBIGINT, kept_id VARCHAR, "
    "similarity DOUBLE"
)

TWINS = "place UBIGINT"

_MADE = {
    "candidates": ("keys", ("digests", "bands")),
    "texts": ("candidates", ("exact", "candidates")),
    "similarity": ("texts", ("texts",)),
    "choice": ("similarity", ("similarity",)),
}


def require(part: Part, step: str) -> None:
    """Raises InvalidData where the step before has not ended for these documents and this configuration: what
    is missing would otherwise pass for what has no duplicates.
    """
    before, made = _MADE.get(step, ("", ()))
    missing = [
        part.root / what / f"{number:05d}"
        for what in made
        for number in range(part.config.parts)
        if not (part.root / what / f"{number:05d}").is_dir()
    ]
    if step == "documents" and not (part.root / "choice").is_dir():
        before, missing = "choice", [part.root / "choice"]
    if missing:
        raise KernelError(
            "InvalidData",
            f"step {step}: {missing[0]} is missing, which step {before} makes of these documents under this "
            "configuration; run that stage first.",
        )

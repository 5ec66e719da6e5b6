"""How the samples of a batch are divided over ranks and forward passes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .objective import Samples
from .sampler import Indices


@dataclass(frozen=True)
class MicroBatch:
    """Samples of one forward pass of one rank; `real` False marks a repetition whose results are dropped."""

    samples: Indices
    real: bool


def of_rank(samples: Samples, chosen: Indices, index: int, count: int, size: int) -> list[MicroBatch]:
    """The part of `chosen` that one of `count` ranks (or groups of ranks that share samples) computes, in
    micro batches of at most `size`, samples of like length together.

    Every rank gets equally many, because the forward passes of a divided model wait for one another; a rank
    that would have fewer repeats a sample.
    """
    ordered = samples.by_length(chosen)
    per_rank = -(-len(ordered) // count)
    batches_of_each = -(-per_rank // size)
    own = ordered[index::count]
    batches = [MicroBatch(own[start : start + size], True) for start in range(0, len(own), size)]
    return batches + [MicroBatch(ordered[:1], False)] * (batches_of_each - len(batches))


def whole(samples: Samples) -> Indices:
    return np.arange(len(samples), dtype=np.int64)

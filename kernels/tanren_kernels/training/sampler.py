"""The order of training samples: a function of (seed, position),
so that it can be entered anywhere and no rank layout changes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.int64]

ROUNDS = 6


def permute(values: Indices, size: int, key: str) -> Indices:
    """Images of `values` under a pseudo-random permutation of 0 <= v < size, [len(values)],
    without a table of the whole.

    A Feistel network over the smallest even number of bits that holds `size` (Luby and Rackoff 1988), walked
    until the value is below `size` again (Black and Rogaway 2002, section 4, cycle walking): at most four
    times as many values, so few walks.
    """
    half_bits = max(1, ((size - 1).bit_length() + 1) // 2)
    mask = np.uint64((1 << half_bits) - 1)
    shift = np.uint64(half_bits)
    keys = np.frombuffer(sha256(key.encode()).digest() * 2, dtype="<u8")[:ROUNDS]
    state = values.astype(np.uint64)
    walking = np.ones(len(state), dtype=bool)
    while walking.any():
        left, right = state[walking] >> shift, state[walking] & mask
        for round_key in keys:
            left, right = right, left ^ (_mix(right ^ round_key) & mask)
        state[walking] = (left << shift) | right
        walking = state >= size
    return state.astype(np.int64)


def _mix(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Finaliser of splitmix64 (Steele, Lea and Flood 2014): every input bit moves every output bit."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


@dataclass(frozen=True)
class SampleOrder:
    """An endless row of sample indices: epoch after epoch, each a permutation of 0 <= i < size."""

    size: int
    seed: int

    def indices(self, consumed: int, count: int) -> Indices:
        """The `count` samples that follow the first `consumed` ones."""
        positions = np.arange(consumed, consumed + count, dtype=np.int64)
        epochs = positions // self.size
        chosen = np.empty(count, dtype=np.int64)
        for epoch in np.unique(epochs):
            here = epochs == epoch
            chosen[here] = permute(positions[here] % self.size, self.size, f"{self.seed}/{epoch}")
        return chosen

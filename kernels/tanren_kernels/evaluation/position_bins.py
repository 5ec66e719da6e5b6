"""Ranges of token positions that losses are averaged over."""

from __future__ import annotations

INSIDE_BINS = 5
OUTSIDE_BINS = 5


def edges(original: int, longest: int) -> list[int]:
    """Ascending edges from 1 to `longest`, both positions; `original`, the old window's end, is always one of them.

    Inside the old window each bin is twice as long as the one before, as loss falls with the logarithm of position; outside it they are
    equal, as what is looked for is where the model begins to fail. Position 0 has nothing before it and no loss.
    """
    inside = [original >> power for power in range(INSIDE_BINS - 1, -1, -1)]
    outside = [original + (longest - original) * part // OUTSIDE_BINS for part in range(1, OUTSIDE_BINS + 1)] if longest > original else []
    return sorted({1, *(edge for edge in inside if 1 < edge <= longest), *outside, longest})

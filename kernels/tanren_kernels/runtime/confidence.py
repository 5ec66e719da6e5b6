"""95 % confidence intervals of the scores."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..contract import Score

Z_95 = 1.959963984540054


def wilson(successes: int, count: int) -> tuple[float, float]:
    """Score interval of a proportion (Wilson 1927, "Probable inference, the law of succession,
    and statistical inference").

    Unlike the normal approximation it stays within [0, 1] and is sound at 0 and at `count` successes. Raises
    ValueError when count is 0 or successes are outside 0..count.
    """
    if not 0 <= successes <= count or count == 0:
        raise ValueError(f"{successes} successes of {count} is no proportion")
    share = successes / count
    z2 = Z_95 * Z_95
    middle = (share + z2 / (2 * count)) / (1 + z2 / count)
    half = Z_95 * math.sqrt(share * (1 - share) / count + z2 / (4 * count * count)) / (1 + z2 / count)
    return max(0.0, middle - half), min(1.0, middle + half)


def of_mean(values: Sequence[float]) -> tuple[float, float]:
    """Normal interval of a mean from the sample's standard error;
    one value alone says nothing about spread and gives (-inf, inf).
    """
    count = len(values)
    if count < 2:
        return -math.inf, math.inf
    mean = math.fsum(values) / count
    error = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (count - 1) / count)
    return mean - Z_95 * error, mean + Z_95 * error


def proportion(suite: str, metric: str, outcomes: Sequence[bool]) -> Score:
    low, high = wilson(sum(outcomes), len(outcomes))
    return Score(
        suite=suite,
        metric=metric,
        value=sum(outcomes) / len(outcomes),
        low=low,
        high=high,
        count=len(outcomes),
    )


def mean_share(suite: str, metric: str, shares: Sequence[float]) -> Score:
    """Mean of values that lie in [0, 1], e.g.

    F1; its interval is cut to [0, 1], and is all of it for a single value.
    """
    low, high = of_mean(shares)
    return Score(
        suite=suite,
        metric=metric,
        value=math.fsum(shares) / len(shares),
        low=max(0.0, low),
        high=min(1.0, high),
        count=len(shares),
    )

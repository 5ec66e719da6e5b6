from __future__ import annotations

import math

import pytest

from tanren_kernels.runtime import confidence


# Newcombe 1998, "Two-sided confidence intervals for the single proportion", table I, method 3 (four
# decimals).
@pytest.mark.parametrize(
    ("successes", "count", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_intervals_are_the_published_ones(successes: int, count: int, low: float, high: float) -> None:
    assert confidence.wilson(successes, count) == pytest.approx((low, high), abs=5e-5)


def test_wilson_refuses_what_is_no_proportion() -> None:
    for successes, count in ((0, 0), (3, 2), (-1, 4)):
        with pytest.raises(ValueError, match="no proportion"):
            confidence.wilson(successes, count)


def test_the_interval_of_a_mean_is_its_standard_error_times_1_96() -> None:
    low, high = confidence.of_mean([0.0, 1.0] * 50)
    error = math.sqrt(25 / 99 / 100)
    assert (low, high) == pytest.approx((0.5 - 1.959964 * error, 0.5 + 1.959964 * error), abs=1e-6)
    assert confidence.of_mean([0.5]) == (-math.inf, math.inf)
    score = confidence.mean_share("s", "f1", [0.5])
    assert (score.low, score.high, score.count) == (0.0, 1.0, 1)

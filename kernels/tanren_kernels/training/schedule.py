"""The learning rate of a step: linear warm-up, then half a cosine down to the least rate (Loshchilov and
Hutter 2017, equation 5).
"""

from __future__ import annotations

import math

from ..contract import Training


def learning_rate(training: Training, step: int, steps: int) -> float:
    """Rate of optimizer step `step` (0-based) of `steps`; the last warm-up step has the full rate,
    the last step of all the least.
    """
    if step < training.warmup_steps:
        return training.learning_rate * (step + 1) / training.warmup_steps
    remaining = max(1, steps - 1 - training.warmup_steps)
    progress = min(1.0, (step - training.warmup_steps) / remaining)
    return training.min_learning_rate + (training.learning_rate - training.min_learning_rate) * 0.5 * (
        1 + math.cos(math.pi * progress)
    )

"""What a program says keeps within the contract, whatever its figures are."""

from __future__ import annotations

import json
import math

from tanren_kernels.contract import MOST_METRICS, Progress
from tanren_kernels.runtime.progress import ProgressReporter, bounded


def test_figures_beyond_the_bound_and_without_a_number_in_json_are_left_out() -> None:
    reporter = ProgressReporter("train", "step")
    reporter.identify("uid-of-the-run")
    reporter.update(1, 10, {"loss": 1.5, "lr": math.nan, "grad_norm": math.inf})
    reporter.update(2, None, {f"m{index}": float(index) for index in range(100)})
    said = reporter.snapshot()
    assert len(said.metrics) == MOST_METRICS
    assert said.metrics["loss"] == 1.5
    assert said.uid == "uid-of-the-run"
    assert not {"lr", "grad_norm"} & said.metrics.keys()
    assert (
        Progress.model_validate_json(json.dumps(said.model_dump(exclude_none=True), allow_nan=False)) == said
    )


def test_the_newest_value_of_a_figure_that_is_there_goes_on() -> None:
    full = {f"m{index}": 0.0 for index in range(MOST_METRICS)}
    assert bounded({**full, "m3": 7.0, "late": 1.0})["m3"] == 7.0

"""What is kept of a run's lines as it resumes, and the sums that go on from there."""

import json
from pathlib import Path

from tanren_kernels.training import metrics_log
from tanren_kernels.training.metrics_log import Effort, MetricsLog


def test_sums_go_on_from_the_step_that_a_run_resumes_from(tmp_path: Path) -> None:
    first = MetricsLog(tmp_path, 0)
    for step in (1, 2, 3):
        first.append(step, {"loss": 4.0}, Effort(tokens=100, seconds=0.5))
    resumed = MetricsLog(tmp_path, 2)
    resumed.append(3, {"loss": 3.0}, Effort(tokens=100, seconds=2))
    assert metrics_log.read(tmp_path) == [
        {"step": 1, "loss": 4.0, "tokens": 100, "seconds": 0.5},
        {"step": 2, "loss": 4.0, "tokens": 200, "seconds": 1.0},
        {"step": 3, "loss": 3.0, "tokens": 300, "seconds": 3.0},
    ]


def test_a_run_that_an_older_version_began_has_no_sums_rather_than_wrong_ones(tmp_path: Path) -> None:
    (tmp_path / metrics_log.NAME).write_text(json.dumps({"step": 1, "loss": 4.0}) + "\n")
    line = MetricsLog(tmp_path, 1).append(2, {"loss": 3.0}, Effort(tokens=100, seconds=0.5))
    assert line == {"step": 2, "loss": 3.0}

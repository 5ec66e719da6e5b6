"""Prints what the programs export to Prometheus: a training of a few steps, and the server's counters. Run with kernels and kernels/tests on PYTHONPATH."""

import os
import tempfile
from pathlib import Path

import training

from tanren_kernels import train
from tanren_kernels.program import Session
from tanren_kernels.progress import ProgressReporter
from tanren_kernels.serving_metrics import ServingMetrics

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as directory:
        os.chdir(directory)
        training.write_corpus(Path("inputs/corpus"))
        reporter = ProgressReporter("train", "step")
        session = Session("train", reporter)
        session.log = lambda event, **fields: None  # type: ignore[method-assign]
        train.main(training.config(), session)
        print((reporter.exposition() + ServingMetrics().exposition()).decode())
        os.chdir("/")

"""Prints what the programs export to Prometheus: a training of a few steps, and the server's counters.

Run with kernels and kernels/tests on PYTHONPATH.
"""

import os
import tempfile
from pathlib import Path

import tiny_training

from tanren_kernels import train
from tanren_kernels.runtime.program import ProgramContext
from tanren_kernels.runtime.progress import ProgressReporter
from tanren_kernels.serving.metrics import ServingMetrics

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as directory:
        os.chdir(directory)
        tiny_training.write_corpus(Path("inputs/corpus"))
        reporter = ProgressReporter("train", "step")
        context = ProgramContext("train", reporter)
        context.log = lambda event, **fields: None  # type: ignore[method-assign]
        train.main(tiny_training.config(), context)
        print((reporter.exposition() + ServingMetrics().exposition()).decode())
        os.chdir("/")

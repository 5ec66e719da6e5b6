"""The loss curve of a run, drawn from metrics.jsonl."""

from __future__ import annotations

from pathlib import Path

from matplotlib import rc_context
from matplotlib.figure import Figure

from . import metrics_log

NAMES = ("loss.png", "loss.svg")


def draw_loss(directory: Path, title: str) -> None:
    """Writes loss.png and loss.svg beside metrics.jsonl: training loss by step,
    and held-out loss where it was measured.
    """
    lines = metrics_log.read(directory)
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot(
        [line["step"] for line in lines],
        [line["loss"] for line in lines],
        linewidth=0.8,
        label="training loss",
    )
    measured = [line for line in lines if "held_out_loss" in line]
    if measured:
        axes.plot(
            [line["step"] for line in measured],
            [line["held_out_loss"] for line in measured],
            marker="o",
            label="held-out loss",
        )
    axes.set(xlabel="step", ylabel="loss (nats)", title=title)
    axes.grid(alpha=0.3)
    axes.legend()
    # Without salt and date an SVG of the same curve differs from run to run.
    with rc_context({"svg.hashsalt": "tanren"}):
        for name in NAMES:
            figure.savefig(
                directory / name, dpi=120, metadata={"Date": None} if name.endswith("svg") else None
            )

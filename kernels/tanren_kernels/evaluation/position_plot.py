"""The figure of loss by token position: one line per model, the old window's end marked."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot

from ..contract import PositionLoss

MARKERS = "osD^vPX*<>"


def draw(losses: Sequence[PositionLoss], original: int, documents: int, directory: Path) -> None:
    """Writes loss-by-position.png and .svg.

    Every bin is equally wide, whatever its length in tokens, and the ticks are the edges between bins: so all
    of them can be read.
    """
    # Without these an svg names the time and random ids, and equal measurements would have unequal digests.
    with matplotlib.rc_context({"svg.hashsalt": "tanren", "font.size": 11}):
        figure, axes = pyplot.subplots(figsize=(8, 5), layout="constrained")
        labels = list(dict.fromkeys(row.label for row in losses))
        edges = sorted({row.from_ for row in losses} | {row.to for row in losses})
        for label, marker in zip(labels, itertools.cycle(MARKERS), strict=False):
            rows = [row for row in losses if row.label == label]
            middles = [edges.index(row.from_) + 0.5 for row in rows]
            axes.plot(
                middles, [row.loss for row in rows], marker=marker, markersize=6, linewidth=1.6, label=label
            )
        axes.axvline(
            edges.index(original),
            color="0.35",
            linestyle="--",
            linewidth=1.2,
            label=f"old window ({original} tokens)",
        )
        axes.set_xticks(range(len(edges)), [str(edge) for edge in edges])
        axes.grid(axis="y", color="0.9")
        axes.set_xlabel("token position (a point is the mean between two ticks)")
        axes.set_ylabel("mean loss (nats per token)")
        axes.set_title(
            f"Loss by token position, {documents} held-out document{'' if documents == 1 else 's'}"
        )
        axes.legend(frameon=False)
        figure.savefig(directory / "loss-by-position.png", dpi=150, metadata={"Software": None})
        figure.savefig(directory / "loss-by-position.svg", metadata={"Date": None, "Creator": None})
        pyplot.close(figure)

"""A linear model over hashed n-grams of characters that tells clean documents from dirty ones, trained from
a person's examples: logistic regression by AdaGrad (Duchi et al. 2011). How good it is on examples that it
has not seen decides its threshold, and is told with it.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..contract import ClassifierConfig
from ..runtime.errors import KernelError
from .text_windows import TextWindows, units_of

# Long documents are judged by their beginning: more of the same changes little.
_CHARACTERS = 10_000

_SIZES = (1, 2, 3, 4, 5)
_BUCKETS_LOG2 = 20
_RATE = 0.5

# One of n examples of a kind is kept out of training, for the figures that are reported. Which ones, their
# hash decides: in a file examples often come in turns, and equal ones must not stand on both sides.
_HELD_OUT_EVERY = 5

_BINS = 10

_DIGIT = re.compile(r"\d")
_SPACE = re.compile(r"[^\S\n]+")

Features = tuple[npt.NDArray[np.uint32], npt.NDArray[np.float32]]


class CleanClassifier:
    """Probability of a document being clean. The same examples and config give the same model.

    `figures`: of the held-out examples, with what `threshold` does to them; None where too few were given.
    """

    def __init__(self, config: ClassifierConfig, seed: int) -> None:
        """Trains. Raises InvalidData, InvalidConfig."""
        training: list[tuple[Features, float]] = []
        held_out: list[tuple[Features, float]] = []
        for label, file in ((1.0, config.clean), (0.0, config.dirty)):
            texts = sorted(_texts(Path(file.path)), key=_order)
            for number, text in enumerate(texts):
                own = held_out if number < len(texts) // _HELD_OUT_EVERY else training
                own.append((features(text), label))
        if {label for _, label in training} != {0.0, 1.0}:
            raise KernelError(
                "InvalidData",
                "the classifier needs examples of both kinds; put at least two documents into each example "
                "file.",
            )
        self._weights = _trained(training, config.epochs, seed)
        found = [(self._probability(one), label) for one, label in held_out]
        self.threshold = _threshold(config, found)
        self.figures = _figures(found, self.threshold)

    def save(self, path: Path) -> None:
        np.save(path, self._weights)

    @classmethod
    def load(cls, path: Path, threshold: float) -> CleanClassifier:
        """What `save` wrote, without its figures; processes that load it share its memory."""
        own = cls.__new__(cls)
        own.threshold, own.figures = threshold, None
        own._weights = np.load(path, mmap_mode="r")
        return own

    def probability(self, text: str) -> float:
        """Probability of a document being clean, 0 to 1."""
        return self._probability(features(text))

    def _probability(self, of: Features) -> float:
        return _sigmoid(_margin(self._weights, of))


def features(text: str) -> Features:
    """Buckets of the text's n-grams, each once, and their values, whose squares sum to one. An n-gram counts
    by the square root of how often it occurs; digits are all alike.
    """
    own = unicodedata.normalize("NFKC", text[:_CHARACTERS]).lower()
    windows = TextWindows(units_of(_SPACE.sub(" ", _DIGIT.sub("0", own))))
    shift = np.uint64(64 - _BUCKETS_LOG2)
    buckets = np.concatenate([(windows.hashes(size) >> shift).astype(np.uint32) for size in _SIZES])
    buckets.sort()
    starts = np.flatnonzero(np.diff(buckets, prepend=np.uint32(0xFFFFFFFF)))
    counts = np.diff(starts, append=len(buckets))
    # The squares of square roots of counts sum to the number of n-grams.
    return buckets[starts], np.sqrt(counts / max(len(buckets), 1)).astype(np.float32)


def _order(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()


def _trained(examples: list[tuple[Features, float]], epochs: int, seed: int) -> npt.NDArray[np.float32]:
    """A weight per bucket, and last the bias."""
    weights = np.zeros((1 << _BUCKETS_LOG2) + 1, dtype=np.float32)
    squares = np.full(len(weights), 1e-6, dtype=np.float32)
    rng = np.random.default_rng(seed)
    for _ in range(epochs):
        for number in rng.permutation(len(examples)).tolist():
            (buckets, values), label = examples[number]
            slope = np.float32(_sigmoid(_margin(weights, (buckets, values))) - label)
            step = values * slope
            squares[buckets] += step * step
            weights[buckets] -= _RATE * step / np.sqrt(squares[buckets])
            squares[-1] += slope * slope
            weights[-1] -= _RATE * slope / np.sqrt(squares[-1])
    return weights


def _margin(weights: npt.NDArray[np.float32], of: Features) -> float:
    buckets, values = of
    return float(weights[buckets] @ values + weights[-1])


def _sigmoid(margin: float) -> float:
    return 1 / (1 + math.exp(-margin)) if margin >= 0 else 1 - 1 / (1 + math.exp(margin))


def _threshold(config: ClassifierConfig, found: list[tuple[float, float]]) -> float:
    """The one that is given, or the least of those held-out probabilities that have the wanted precision."""
    if (config.threshold is None) == (config.precision is None):
        raise KernelError("InvalidConfig", "classifier: exactly one of threshold and precision is given.")
    if config.precision is None:
        return float(config.threshold or 0.0)
    best = (0.0, 0.0)
    kept = clean = 0
    wanted: float | None = None
    ordered = sorted(found, reverse=True)
    for at, (probability, label) in enumerate(ordered):
        kept, clean = kept + 1, clean + int(label)
        # What has the same probability stays or goes together.
        if at + 1 < len(ordered) and ordered[at + 1][0] == probability:
            continue
        best = max(best, (clean / kept, probability))
        if clean / kept >= config.precision:
            wanted = probability
    if wanted is None:
        raise KernelError(
            "InvalidData",
            f"the classifier reaches precision {best[0]:.3f} at most on {len(found)} held-out examples, "
            f"not {config.precision}; give more examples, or lower classifier.precision.",
        )
    return wanted


def _figures(found: list[tuple[float, float]], threshold: float) -> dict[str, Any] | None:
    """Precision, recall and accuracy at the threshold; the curve of both; how often what was given a
    probability was clean, in bins of it.
    """
    clean = sum(label for _, label in found)
    if not 0 < clean < len(found):
        return None
    kept = [label for probability, label in found if probability >= threshold]
    bins = []
    for number in range(_BINS):
        own = [one for one in found if min(int(one[0] * _BINS), _BINS - 1) == number]
        bins.append(
            {
                "from": number / _BINS,
                "to": (number + 1) / _BINS,
                "documents": len(own),
                "mean_probability": round(sum(one for one, _ in own) / len(own), 4) if own else None,
                "clean_share": round(sum(label for _, label in own) / len(own), 4) if own else None,
            }
        )
    curve = []
    for number in range(1, 20):
        above = [label for probability, label in found if probability >= number / 20]
        precision = round(sum(above) / len(above), 4) if above else None
        curve.append(
            {"threshold": number / 20, "precision": precision, "recall": round(sum(above) / clean, 4)}
        )
    right = sum((probability >= threshold) == (label == 1) for probability, label in found)
    return {
        "held_out": len(found),
        "threshold": round(threshold, 6),
        "precision": round(sum(kept) / len(kept), 4) if kept else None,
        "recall": round(sum(kept) / clean, 4),
        "accuracy": round(right / len(found), 4),
        "calibration": bins,
        "curve": curve,
    }


def _texts(path: Path) -> Iterator[str]:
    if not path.is_file():
        raise KernelError("InvalidData", f"classifier examples {path} are no file; check cleaning.stages.")
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                yield _text(line, f"{path}, line {number}")


def _text(line: bytes, place: str) -> str:
    try:
        text = json.loads(line)["text"]
    except (ValueError, KeyError, TypeError) as error:
        raise KernelError(
            "InvalidData",
            f"classifier examples {place}: {error!r}; each line is a JSON object with a string `text`.",
        ) from error
    if not isinstance(text, str):
        raise KernelError(
            "InvalidData",
            f"classifier examples {place}: `text` is no string; each line is a JSON object with a string "
            "`text`.",
        )
    return text

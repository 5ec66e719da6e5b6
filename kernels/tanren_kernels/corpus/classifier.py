"""A fastText model that tells clean documents from dirty ones (Joulin et al. 2016),
trained from a person's examples.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import fasttext

from ..contract import ClassifierConfig
from ..runtime.errors import KernelError

# Long documents are judged by their beginning: fastText averages its features, more of the same changes
# little.
_CHARACTERS = 10_000

_PIECE = re.compile(r"[ぁ-ヿㇰ-ㇿｦ-ﾟ々-〇㐀-䶿一-鿿\uf900-\ufaff𠀀-𿿿]|[^\W\d_]+|\d|[^\w\s]|\n")
_NEWLINE = "¶"

# fastText 0.9.2 on one thread fills only a tenth of its input matrix and leaves the rest as malloc gave it. A
# matrix above 32 MiB, glibc's largest threshold, always comes as fresh pages of zeros, which is what makes
# training repeatable: _BUCKETS x _DIMENSIONS x 4 bytes = 64 MiB.
_BUCKETS = 1_000_000
_DIMENSIONS = 16

# Every n-th example is kept out of training, for the accuracy that is reported.
_TEST_EVERY = 10

CLEAN, DIRTY = "__label__clean", "__label__dirty"


class CleanClassifier:
    """Probability of a document being clean. The same examples and config give the same model.

    `accuracy`: share of the examples kept out of training that are told apart rightly, each at the most
    probable label.
    """

    def __init__(self, config: ClassifierConfig, seed: int) -> None:
        """Trains on one thread, because more would race. Raises InvalidData."""
        self.threshold = config.threshold
        examples = [
            (label, features(text))
            for label, path in ((CLEAN, config.clean.path), (DIRTY, config.dirty.path))
            for text in _texts(Path(path))
        ]
        training = [
            example for number, example in enumerate(examples) if number % _TEST_EVERY != _TEST_EVERY - 1
        ]
        test = examples[_TEST_EVERY - 1 :: _TEST_EVERY]
        if {label for label, _ in training} != {CLEAN, DIRTY}:
            raise KernelError(
                "InvalidData",
                "the classifier needs examples of both kinds; put at least two documents into each example "
                "file.",
            )
        with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as file:
            file.writelines(f"{label} {text}\n" for label, text in _interleaved(training))
            file.flush()
            self._model = fasttext.train_supervised(
                file.name,
                epoch=config.epochs,
                lr=0.5,
                dim=_DIMENSIONS,
                wordNgrams=3,
                minCount=1,
                bucket=_BUCKETS,
                thread=1,
                seed=seed,
                verbose=0,
            )
        self.accuracy = (
            sum((self._probability(text) >= 0.5) == (label == CLEAN) for label, text in test) / len(test)
            if test
            else None
        )

    def save(self, path: Path) -> None:
        self._model.save_model(str(path))

    @classmethod
    def load(cls, path: Path, threshold: float) -> CleanClassifier:
        """What `save` wrote, without its accuracy."""
        own = cls.__new__(cls)
        own.threshold, own.accuracy = threshold, None
        own._model = fasttext.load_model(str(path))
        return own

    def probability(self, text: str) -> float:
        """Probability of a document being clean, 0 to 1."""
        return self._probability(features(text))

    def keeps(self, text: str) -> bool:
        return self.probability(text) >= self.threshold

    def _probability(self, text: str) -> float:
        labels, probabilities = self._model.predict(text, k=2)
        return min(1.0, max(0.0, float(dict(zip(labels, probabilities, strict=True)).get(CLEAN, 0.0))))


def features(text: str) -> str:
    """A text as fastText reads it: pieces between spaces, on one line.

    Japanese has no spaces, so each of its characters is a piece of its own and the model's n-grams of pieces
    are character n-grams.
    """
    return " ".join(
        _NEWLINE if piece == "\n" else piece.lower() for piece in _PIECE.findall(text[:_CHARACTERS])
    )


def _texts(path: Path) -> Iterator[str]:
    if not path.is_file():
        raise KernelError(
            "InvalidData", f"classifier examples {path} are no file; check cleaning.classifier."
        )
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


def _interleaved(examples: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Clean and dirty evenly mixed, because one after the other the last kind would win."""
    by_label = {label: [example for example in examples if example[0] == label] for label in (CLEAN, DIRTY)}
    placed = [
        ((number + 0.5) / len(group), label, example)
        for label, group in by_label.items()
        for number, example in enumerate(group)
    ]
    return [example for _, _, example in sorted(placed)]

"""The stages of cleaning as they were configured: what each is for, and what one may need of the program
before documents come.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..contract import ClassifierConfig, CleaningStage, Input, RulesConfig
from ..runtime import manifest
from ..runtime.errors import KernelError
from .candidate import Candidate, Filter
from .classifier import CleanClassifier
from .paragraph_filter import ParagraphFilter
from .personal_data import PersonalDataMask
from .rules import broken_rule
from .url_filter import UrlFilter
from .word_filter import WordFilter

SORTS = ("urls", "paragraphs", "rules", "words", "mask", "classifier")


@dataclass(frozen=True, slots=True)
class Stage:
    name: str
    filter: Filter
    languages: frozenset[str]
    sources: frozenset[str]

    def is_for(self, candidate: Candidate) -> bool:
        return (not self.languages or candidate.language in self.languages) and (
            not self.sources or candidate.source in self.sources
        )


class Rules:
    def __init__(self, limits: RulesConfig) -> None:
        self._limits = limits

    def apply(self, candidate: Candidate) -> str:
        return broken_rule(candidate.text, candidate.language, self._limits) or ""


class Classified:
    def __init__(self, classifier: CleanClassifier) -> None:
        self._classifier = classifier

    def apply(self, candidate: Candidate) -> str:
        # The classifier learnt from prose; source code has its own rules.
        if candidate.language == "code":
            return ""
        candidate.score = self._classifier.probability(candidate.text)
        return "" if candidate.score >= self._classifier.threshold else "classified_dirty"


def prepare(
    stages: Sequence[CleaningStage], directory: Path, seed: int, stop_if_asked: Callable[[], None]
) -> dict[str, dict[str, Any]]:
    """Checks the stages and leaves in `directory` what the processes that clean load of them. Returns the
    figures of each stage that has some.
    """
    figures: dict[str, dict[str, Any]] = {}
    for stage in stages:
        if sum(getattr(stage, sort) is not None for sort in SORTS) != 1:
            raise KernelError(
                "InvalidConfig", f"stage {stage.name}: exactly one of {', '.join(SORTS)} is given."
            )
        stop_if_asked()
        if stage.classifier is not None:
            classifier = CleanClassifier(stage.classifier, seed)
            classifier.save(_weights(directory, stage))
            _threshold(directory, stage).write_text(json.dumps(classifier.threshold))
            if classifier.figures is not None:
                figures[stage.name] = classifier.figures
        else:
            _filter(stage, directory)  # its lists can be read
    return figures


def build(stages: Sequence[CleaningStage], directory: Path) -> list[Stage]:
    """The stages, with what `prepare` left."""
    return [
        Stage(stage.name, _filter(stage, directory), frozenset(stage.languages), frozenset(stage.sources))
        for stage in stages
    ]


def _filter(stage: CleaningStage, directory: Path) -> Filter:
    if stage.urls is not None:
        return UrlFilter(stage.urls)
    if stage.paragraphs is not None:
        return ParagraphFilter(stage.paragraphs)
    if stage.rules is not None:
        return Rules(stage.rules)
    if stage.words is not None:
        return WordFilter(stage.words)
    if stage.mask is not None:
        return PersonalDataMask(stage.mask)
    threshold = json.loads(_threshold(directory, stage).read_text())
    return Classified(CleanClassifier.load(_weights(directory, stage), threshold))


def _weights(directory: Path, stage: CleaningStage) -> Path:
    return directory / f"{stage.name}.npy"


def _threshold(directory: Path, stage: CleaningStage) -> Path:
    return directory / f"{stage.name}.json"


def inputs_of(stages: Sequence[CleaningStage]) -> Iterator[Input]:
    """Files that the stages read beside the documents."""
    for stage in stages:
        for lists in (stage.urls, stage.words):
            if lists is not None and lists.list is not None:
                yield lists.list
        if stage.classifier is not None:
            yield from _examples(stage.classifier)


def _examples(config: ClassifierConfig) -> tuple[Input, Input]:
    return config.clean, config.dirty


def digest_of_inputs(stages: Sequence[CleaningStage]) -> str:
    """Of the content of those files. Raises InvalidData where one is missing."""
    digests = [[file.path, manifest.verify_input(file).digest] for file in inputs_of(stages)]
    return hashlib.sha256(manifest.canonical(digests)).hexdigest()

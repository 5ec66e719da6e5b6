"""A benchmark suite asked of a model: items in groups, one result line per item, scores over all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

from ..contract import Score, SuiteConfig
from ..inference.engine import Engine, Request
from ..inference.likelihood import log_likelihoods
from ..inference.sampling import Sampling
from ..model.pretrained import Pretrained
from ..runtime.confidence import mean_share, proportion
from ..runtime.errors import KernelError
from . import answer_text, jcommonsenseqa, jsquad

GREEDY = Sampling(temperature=0.0, top_p=1.0, seed=0)

Question = TypeVar("Question")
Line = dict[str, Any]


class Suite(Protocol):
    """`answer` gives the result lines of items start .. stop - 1;
    `scores` are taken over the lines of all items.
    """

    count: int

    def answer(self, start: int, stop: int) -> list[Line]: ...

    def scores(self, lines: Sequence[Line]) -> list[Score]: ...


class Jsquad:
    """Exact match and character F1 of the greedy answer, read up to the end of its line."""

    def __init__(self, config: SuiteConfig, ready: Pretrained, batch_size: int) -> None:
        self._name = config.name
        self._ready = ready
        self._batch_size = batch_size
        self._shots, self._questions = split(
            config, jsquad.read(config.data), jsquad.read(config.examples) if config.examples else None
        )
        self.count = len(self._questions)

    def answer(self, start: int, stop: int) -> list[Line]:
        questions = self._questions[start:stop]
        room = self._ready.model.config.max_position_embeddings - jsquad.MAX_NEW_TOKENS
        prompts = [encode(self._ready, jsquad.prompt(question, self._shots)) for question in questions]
        fitting = [keep_end(prompt, room, self._name) for prompt in prompts]
        requests = [
            Request(prompt, jsquad.MAX_NEW_TOKENS, GREEDY, self._ready.stop_tokens, (jsquad.STOP,))
            for prompt in fitting
        ]
        # An engine of its own for each group: the group's answers then do not depend on what was asked
        # before.
        engine = Engine(
            self._ready.model,
            self._ready.token_bytes,
            self._batch_size,
            max(map(len, fitting)) + jsquad.MAX_NEW_TOKENS,
        )
        generations = engine.run(requests)
        return [
            {
                "suite": self._name,
                "id": question.id,
                "answer": generation.text.strip(),
                "references": list(question.answers),
                "exact_match": answer_text.exact_match(generation.text, question.answers),
                "char_f1": max(
                    answer_text.character_f1(generation.text, reference) for reference in question.answers
                ),
                "prompt_cut": len(prompt) > room,
            }
            for question, generation, prompt in zip(questions, generations, prompts, strict=True)
        ]

    def scores(self, lines: Sequence[Line]) -> list[Score]:
        return [
            proportion(self._name, "exact_match", [line["exact_match"] for line in lines]),
            mean_share(self._name, "char_f1", [line["char_f1"] for line in lines]),
        ]


class Jcommonsenseqa:
    """Accuracy of the choice whose text the model holds to be the most likely (sum over its tokens;
    the first of equal ones).
    """

    def __init__(self, config: SuiteConfig, ready: Pretrained, batch_size: int) -> None:
        self._name = config.name
        self._ready = ready
        self._batch_size = batch_size
        examples = jcommonsenseqa.read(config.examples) if config.examples else None
        self._shots, self._questions = split(config, jcommonsenseqa.read(config.data), examples)
        self.count = len(self._questions)

    def answer(self, start: int, stop: int) -> list[Line]:
        questions = self._questions[start:stop]
        room = self._ready.model.config.max_position_embeddings
        prompts = [
            encode(self._ready, jcommonsenseqa.prompt(question, self._shots)) for question in questions
        ]
        choices = [
            [self._ready.tokenizer.encode_plain(choice) for choice in question.choices]
            for question in questions
        ]
        continuations = [
            (keep_end(prompt, room - len(choice), self._name), choice)
            for prompt, texts in zip(prompts, choices, strict=True)
            for choice in texts
        ]
        likelihoods = iter(log_likelihoods(self._ready.model, continuations, self._batch_size))
        lines = []
        for question, prompt, texts in zip(questions, prompts, choices, strict=True):
            values = [next(likelihoods) for _ in texts]
            best = values.index(max(values))
            cut = len(prompt) + max(map(len, texts)) > room
            line = {
                "suite": self._name,
                "id": question.id,
                "choice": best,
                "label": question.label,
                "correct": best == question.label,
            }
            lines.append({**line, "log_likelihoods": values, "prompt_cut": cut})
        return lines

    def scores(self, lines: Sequence[Line]) -> list[Score]:
        return [proportion(self._name, "accuracy", [line["correct"] for line in lines])]


def suite_of(config: SuiteConfig, ready: Pretrained, batch_size: int) -> Suite:
    return (
        Jsquad(config, ready, batch_size)
        if config.task == "jsquad"
        else Jcommonsenseqa(config, ready, batch_size)
    )


def split(
    config: SuiteConfig, data: list[Question], examples: list[Question] | None
) -> tuple[list[Question], list[Question]]:
    """Shots and the questions that are scored. Raises InvalidData where there are too few of either."""
    source, origin = (data, config.data) if examples is None else (examples, config.examples)
    if len(source) < config.shots:
        where = config.data.path if origin is None else origin.path
        raise KernelError(
            "InvalidData",
            f"suite {config.name}: {where} holds {len(source)} questions, {config.shots} shots are asked "
            "for; lower `shots`.",
        )
    questions = data[config.shots :] if examples is None else data
    if not questions:
        raise KernelError(
            "InvalidData",
            f"suite {config.name}: {config.data.path} leaves no question to score after {config.shots} "
            "shots; give more data or `examples`.",
        )
    return source[: config.shots], questions[: config.limit]


def encode(ready: Pretrained, prompt: str) -> list[int]:
    """Tokens of a prompt at the beginning of a document, where training put <|endoftext|> before it."""
    return [ready.tokenizer.end_of_text, *ready.tokenizer.encode_plain(prompt)]


def keep_end(prompt: list[int], room: int, suite: str) -> list[int]:
    """A prompt longer than the context loses its beginning, as in lm-evaluation-harness.

    Raises InvalidData where nothing would be left.
    """
    if room < 1:
        raise KernelError(
            "InvalidData",
            f"suite {suite}: the model's context is too short for an answer alone; evaluate a model with a "
            "longer one.",
        )
    return prompt[-room:]

"""Passkey retrieval: a number hidden in a long dull text, asked for at its end (Mohtashami and Jaggi 2023,
"Landmark attention", section 4.2).
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..inference.engine import Engine, Request
from ..inference.sampling import Sampling
from ..model.pretrained import Pretrained

DEPTHS = (0.1, 0.3, 0.5, 0.7, 0.9)
DIGITS = 5

OPENING = "長い文章の中に大切な番号が一つ隠れています。見つけて覚えてください。\n"
FILLER = "川は静かに流れ、鳥は木の上で鳴いている。風が吹き、また朝が来る。\n"
QUESTION = "大切な番号は何番でしたか。大切な番号は"


@dataclass(frozen=True)
class Trial:
    """`length`: tokens of prompt and answer; `depth`: where in the filler the number stands,
    0 its beginning, 1 its end.
    """

    length: int
    depth: float
    number: str
    prompt: list[int]


def needle(number: str) -> str:
    return f"大切な番号は{number}です。忘れないでください。{number}が大切な番号です。\n"


def lengths(original: int, longest: int) -> list[int]:
    """The old window, the new one, and the middle between them."""
    return sorted({min(original, longest), (min(original, longest) + longest) // 2, longest})


def trials(ready: Pretrained, original: int, longest: int, per_place: int, seed: int) -> Iterator[Trial]:
    """`per_place` trials for every length and depth; the numbers follow from the seed,
    so that all models get the same ones.

    A length that cannot hold opening, number and question is left out.
    """
    random_numbers = random.Random(seed)
    tokenizer = ready.tokenizer
    opening = [tokenizer.end_of_text, *tokenizer.encode_plain(OPENING)]
    filler, question = tokenizer.encode_plain(FILLER), tokenizer.encode_plain(QUESTION)
    for length in lengths(original, longest):
        for depth in DEPTHS:
            for _ in range(per_place):
                number = "".join(random_numbers.choice("123456789") for _ in range(DIGITS))
                hidden = tokenizer.encode_plain(needle(number))
                repeats = (length - len(opening) - len(hidden) - len(question) - answer_tokens(ready)) // len(
                    filler
                )
                if repeats >= 1:
                    before = round(depth * repeats)
                    yield Trial(
                        length,
                        depth,
                        number,
                        [*opening, *filler * before, *hidden, *filler * (repeats - before), *question],
                    )


def answer_tokens(ready: Pretrained) -> int:
    """Tokens to give an answer room: as many as the longest spelling of a number needs."""
    return max(len(ready.tokenizer.encode_plain(digit * DIGITS)) for digit in "123456789")


def retrieved(ready: Pretrained, asked: list[Trial], batch_size: int) -> list[bool]:
    """Whether the greedy answer to each trial finds its number."""
    if not asked:
        return []
    room = answer_tokens(ready)
    longest = max(len(trial.prompt) for trial in asked)
    engine = Engine(ready.model, ready.token_bytes, min(batch_size, len(asked)), longest + room)
    requests = [Request(trial.prompt, room, Sampling(0.0, 1.0, 0), ready.stop_tokens) for trial in asked]
    return found(asked, [answer.text for answer in engine.run(requests)])


def found(asked: Sequence[Trial], answers: Sequence[str]) -> list[bool]:
    """Whether each answer begins with its trial's number, and with no digit more."""
    return [leading_digits(text) == trial.number for trial, text in zip(asked, answers, strict=True)]


def leading_digits(text: str) -> str:
    stripped = text.lstrip()
    return stripped[
        : next(
            (place for place, character in enumerate(stripped) if not character.isdecimal()), len(stripped)
        )
    ]

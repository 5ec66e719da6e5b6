"""Training of byte-level BPE: rustbpe finds the merges, here they become a tokenizer.json.

What it holds in memory grows with the number of distinct words. A small sample it counts itself; of a large
one the words are counted here first, at most so many, and it is given them as often as they occurred.
"""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import rustbpe
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers

from .byte_level import BYTES, spelled
from .pretokens import PATTERN, cut
from .tokenizer import SPECIAL_TOKENS

# A sample of so many bytes needs no bound: it is one.
_SMALL_BYTES = 64_000_000

# Of a large sample the counts are scaled down to this much text, so that the time is bounded too.
_FED_BYTES = 1_000_000_000

# Texts that are Python's before rustbpe counts their words.
_BUFFER = 256

_SEPARATOR = "\0"


def train(
    texts: Iterable[str], size: int, vocabulary_size: int, most_words: int, small: int = _SMALL_BYTES
) -> dict[str, Any]:
    """Trains on `texts`, of about `size` bytes, and returns the content of tokenizer.json;
    the same texts give the same content.

    `vocabulary_size` counts special tokens and the 256 bytes; fewer come out where there are fewer pairs.
    """
    plain = _without_special_tokens(texts)
    core = rustbpe.Tokenizer()
    merges = vocabulary_size - len(SPECIAL_TOKENS)
    if size <= small:
        core.train_from_iterator(plain, merges, buffer_size=_BUFFER, pattern=PATTERN)
    else:
        words = count_words(plain, most_words)
        core.train_from_iterator(_repeated(words), merges, buffer_size=_BUFFER, pattern=f"[^{_SEPARATOR}]+")
    return _tokenizer_json([bytes(token) for token, _ in core.get_mergeable_ranks()])


def count_words(texts: Iterable[str], most: int) -> Counter[str]:
    """How often each word occurs, of at most `most` words at any time: where there are more, the rarest are
    forgotten (lossy counting, Manku and Motwani 2002), so that a count may be too low by how often that
    was done.
    """
    words: Counter[str] = Counter()
    floor = 0
    for text in texts:
        words.update(cut(text))
        while len(words) > most:
            floor += 1
            words = Counter({word: count - 1 for word, count in words.items() if count > 1})
    return words


def _repeated(words: Counter[str]) -> Iterator[str]:
    size = sum(len(word.encode()) * count for word, count in words.items())
    scale = max(1.0, size / _FED_BYTES)
    for word, count in sorted(words.items()):
        if (times := round(count / scale)) and _SEPARATOR not in word:
            yield _SEPARATOR.join([word] * times)


def _without_special_tokens(texts: Iterable[str]) -> Iterator[str]:
    """A merge that spelled a special token would give text its id."""
    for text in texts:
        for token in SPECIAL_TOKENS:
            text = text.replace(token, " ")
        yield text


def _tokenizer_json(tokens: list[bytes]) -> dict[str, Any]:
    """`tokens` in the order of their making, the 256 bytes first."""
    ranks = {token: rank for rank, token in enumerate(tokens)}
    made_from = (_made_from(token, ranks) for token in tokens if len(token) > 1)
    merges = [(spelled(left), spelled(right)) for left, right in made_from]
    names = [*SPECIAL_TOKENS, *sorted(BYTES), *(left + right for left, right in merges)]
    core = Tokenizer(models.BPE({name: number for number, name in enumerate(names)}, merges))
    core.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIAL_TOKENS])
    core.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PATTERN), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    core.decoder = decoders.ByteLevel()
    content: dict[str, Any] = json.loads(core.to_str())
    return content


def _made_from(token: bytes, ranks: dict[bytes, int]) -> tuple[bytes, bytes]:
    """The two tokens that were merged: what merging the token's own bytes comes to before it."""
    splits = [
        (token[:at], token[at:])
        for at in range(1, len(token))
        if ranks.get(token[:at], ranks[token]) < ranks[token]
        and ranks.get(token[at:], ranks[token]) < ranks[token]
    ]
    if len(splits) == 1:
        return splits[0]
    parts = [bytes([byte]) for byte in token]
    while len(parts) > 2:
        made = [ranks.get(left + right, len(ranks)) for left, right in itertools.pairwise(parts)]
        at = made.index(min(made))
        parts[at : at + 2] = [parts[at] + parts[at + 1]]
    return parts[0], parts[1]

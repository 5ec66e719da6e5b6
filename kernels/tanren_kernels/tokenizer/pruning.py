"""Takes tokens out of a trained byte-level BPE vocabulary.

A token is gone when it is not in the vocabulary and no merge makes it; a merge that uses it cannot happen any
more, so the tokens that only such merges make are unreachable and go too. The 256 single bytes and the
special tokens always stay, so every text still has ids.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ..contract import RemovalRule
from ..runtime.errors import KernelError
from .byte_level import bytes_of
from .tokenizer import SPECIAL_TOKENS, TextTokenizer

UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True)
class Removed:
    """A token that was removed: its bytes, and the rule (`contains ...`, `pattern ...`) or `unreachable`."""

    text: bytes
    rule: str


@dataclass(frozen=True, slots=True)
class PrunedVocabulary:
    """What is left (content of tokenizer.json) and what went;
    `kept_bytes` are single bytes that a rule named in vain.
    """

    content: dict[str, Any]
    removed: list[Removed]
    kept_bytes: list[bytes]


def remove(content: dict[str, Any], rules: Sequence[RemovalRule]) -> PrunedVocabulary:
    """Applies `rules` to the content of a tokenizer.json; ids are renumbered without gaps,
    in their old order.

    `contains` is compared with the token's bytes; `pattern` is searched in its text, where bytes that are no
    whole character read as U+FFFD. Raises InvalidConfig.
    """
    matchers = [(_name(rule), _matcher(rule)) for rule in rules]
    vocabulary: dict[str, int] = content["model"]["vocab"]
    merges = [(left, right) for left, right in content["model"]["merges"]]
    removed: dict[str, str] = {}
    kept_bytes: list[bytes] = []
    for token in sorted(vocabulary, key=vocabulary.__getitem__):
        if token in SPECIAL_TOKENS:
            continue
        text = bytes_of(token)
        rule = next((name for name, matches in matchers if matches(text)), None)
        if rule is None:
            continue
        if len(text) == 1:
            kept_bytes.append(text)
        else:
            removed[token] = rule

    # A merge list is in the order of making, so one pass finds everything that can still be made.
    reachable = {token for token in vocabulary if token in SPECIAL_TOKENS or len(token) == 1}
    kept_merges = []
    for left, right in merges:
        made = left + right
        if left in reachable and right in reachable and made not in removed and made not in SPECIAL_TOKENS:
            kept_merges.append([left, right])
            reachable.add(made)
    for token in vocabulary:
        if token not in reachable:
            removed.setdefault(token, UNREACHABLE)

    left_over = sorted(reachable, key=vocabulary.__getitem__)
    model = {
        **content["model"],
        "vocab": {token: number for number, token in enumerate(left_over)},
        "merges": kept_merges,
    }
    special = [{**token, "id": SPECIAL_TOKENS.index(token["content"])} for token in content["added_tokens"]]
    gone = [
        Removed(bytes_of(token), rule)
        for token, rule in sorted(removed.items(), key=lambda item: vocabulary[item[0]])
    ]
    return PrunedVocabulary({**content, "model": model, "added_tokens": special}, gone, kept_bytes)


def prove(tokenizer: TextTokenizer, removed: Sequence[Removed]) -> None:
    """Raises InternalError if the text of a removed token can come out as a single id,
    by decoding any id or by encoding the text.
    """
    vocabulary: dict[str, int] = tokenizer.core.get_vocab(with_added_tokens=True)
    singles = {bytes_of(token) for token in vocabulary if token not in SPECIAL_TOKENS}
    for gone in removed:
        reached = gone.text in singles
        with suppress(
            UnicodeDecodeError
        ):  # bytes that are no text on their own could only come from the vocabulary
            reached = reached or len(tokenizer.encode_plain(gone.text.decode())) < 2
        if reached:
            raise KernelError(
                "InternalError",
                f"token {gone.text!r} was removed by {gone.rule} and can still come out as one id.",
            )


def _name(rule: RemovalRule) -> str:
    return f"contains {rule.contains!r}" if rule.contains is not None else f"pattern {rule.pattern!r}"


def _matcher(rule: RemovalRule) -> Callable[[bytes], bool]:
    if (rule.contains is None) == (rule.pattern is None):
        raise KernelError(
            "InvalidConfig", "train_tokenizer.removing: a rule has exactly one of contains and pattern."
        )
    if rule.contains is not None:
        wanted = rule.contains.encode()
        return lambda text: wanted in text
    try:
        pattern = re.compile(rule.pattern or "")
    except re.error as error:
        raise KernelError(
            "InvalidConfig",
            f"train_tokenizer.removing: pattern {rule.pattern!r} is no regular expression: {error}.",
        ) from error
    return lambda text: pattern.search(text.decode(errors="replace")) is not None

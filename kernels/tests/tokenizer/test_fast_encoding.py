"""Tokenizers whose ids tiktoken would not give are left to their own library."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import sentences

from tanren_kernels.tokenizer import tokenizer
from tanren_kernels.tokenizer.fast_encoding import fast_encoder
from tanren_kernels.tokenizer.tokenizer import TextTokenizer
from tanren_kernels.tokenizer.training import train

CONTENT = train([sentences.english(number) for number in range(40)], 0, 400, 1_000)


def of(content: dict[str, Any]) -> TextTokenizer:
    return TextTokenizer(tokenizer.serialise(content), "made in the test")


def second_way_to_a_token(content: dict[str, Any]) -> None:
    """The last token can also be made of the first byte and the rest."""
    merges, vocabulary = content["model"]["merges"], content["model"]["vocab"]
    long = next(left + right for left, right in merges if len(left) > 1 and left[1:] + right in vocabulary)
    merges.append([long[0], long[1:]])


def merge_before_its_parts(content: dict[str, Any]) -> None:
    merges = content["model"]["merges"]
    at = next(n for n, (left, _) in enumerate(merges) if len(left) > 1)
    merges.insert(0, merges.pop(at))


@pytest.mark.parametrize(
    "change",
    [
        second_way_to_a_token,
        merge_before_its_parts,
        lambda content: content["model"].update(ignore_merges=True),
        lambda content: content.update(normalizer={"type": "NFC"}),
        lambda content: content["pre_tokenizer"]["pretokenizers"][0]["pattern"].update(Regex=r"\\S+"),
    ],
)
def test_what_is_not_proved_is_not_used(change: Callable[[dict[str, Any]], None]) -> None:
    content = copy.deepcopy(CONTENT)
    assert fast_encoder(of(content)) is not None
    change(content)
    assert fast_encoder(of(content)) is None


@pytest.mark.parametrize("text", [" " * 300_000 + "x", "\n" * 300_000, "あ" * 100_000, "a" * 100_000, ""])
def test_runs_without_end_are_encoded_in_time(text: str) -> None:
    one = of(CONTENT)
    fast = fast_encoder(one)
    assert fast is not None and fast.encode(text).tolist() == one.encode_plain(text)

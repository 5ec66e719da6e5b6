"""Training with a bound on memory gives what training without one gives."""

import itertools
import json

import pytest
import sentences

from tanren_kernels.tokenizer.tokenizer import SPECIAL_TOKENS
from tanren_kernels.tokenizer.training import count_words, train

TEXTS = [
    write(number) for number in range(60) for write in (sentences.japanese, sentences.english, sentences.code)
]
LARGE = {"small": 0}
"""Every sample is a large one."""


def test_counted_words_give_the_tokenizer_that_the_text_gives() -> None:
    direct = train(TEXTS, 0, 1_200, 1_000_000)
    assert train(TEXTS, 1, 1_200, 1_000_000, **LARGE) == direct
    assert train(reversed(TEXTS), 1, 1_200, 1_000_000, **LARGE) == direct


def test_never_more_words_are_counted_than_allowed_and_the_frequent_ones_stay() -> None:
    rare = [f"rare{number}" + " frequent 漢字の" * 3 for number in range(2_000)]
    words = count_words(rare, most=1_000)
    assert len(words) <= 1_000
    for word in (" frequent", "漢字の"):
        assert 5_000 < words[word] <= 6_000


def test_what_the_rarest_words_lack_changes_no_frequent_merge() -> None:
    texts = [
        "".join(f"語{number}" for number in range(part, part + 30)) + TEXTS[part % 180] for part in range(900)
    ]
    bounded = train(texts, 1, 700, 1_000, **LARGE)["model"]["merges"]
    exact = train(texts, 0, 700, 1_000)["model"]["merges"]
    assert bounded[:100] == exact[:100]


@pytest.mark.parametrize("vocabulary_size", [259, 300, 600])
def test_every_token_is_made_by_one_merge_of_earlier_ones(vocabulary_size: int) -> None:
    content = train(TEXTS, 0, vocabulary_size, 1_000)
    vocabulary = content["model"]["vocab"]
    assert len(vocabulary) == vocabulary_size == len(set(vocabulary.values()))
    made = [vocabulary[left + right] for left, right in content["model"]["merges"]]
    assert made == list(range(256 + len(SPECIAL_TOKENS), vocabulary_size))
    for (left, right), own in zip(content["model"]["merges"], made, strict=True):
        assert vocabulary[left] < own > vocabulary[right]


def test_a_line_s_end_and_the_next_one_s_indentation_become_one_token() -> None:
    vocabulary = train(TEXTS, 0, 1_500, 1_000)["model"]["vocab"]
    assert any("Ċ" in token and token.endswith("ĠĠĠĠ") for token in vocabulary)


def test_equal_texts_give_equal_content() -> None:
    once, again = (json.dumps(train(itertools.chain(TEXTS), 0, 800, 1_000)) for _ in range(2))
    assert once == again

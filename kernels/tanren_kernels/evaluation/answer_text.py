"""What can be said of an answer's text without a model: equality, overlap, repetition,
script, well-formedness.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable

REPLACEMENT = "�"


def exact_match(answer: str, references: Iterable[str]) -> bool:
    """Equality after removing white space at both ends,
    as lm-evaluation-harness compares in ja_leaderboard_jsquad.
    """
    return any(answer.strip() == reference.strip() for reference in references)


def character_f1(answer: str, reference: str) -> float:
    """Harmonic mean of precision and recall over the multiset of NFKC-normalised characters,
    white space left out.

    SQuAD's F1 (Rajpurkar et al. 2016, section 6.1) with characters for words, as Japanese has no spaces
    between words. Two empty texts are equal: 1.
    """
    ours, theirs = _characters(answer), _characters(reference)
    if not ours or not theirs:
        return float(ours == theirs)
    common = (ours & theirs).total()
    return 2 * common / (ours.total() + theirs.total())


def repetition(text: str, order: int = 4) -> float:
    """Share of the character n-grams that repeat an earlier one, in [0, 1);
    0 for texts shorter than two n-grams.
    """
    grams = [text[i : i + order] for i in range(len(text) - order + 1)]
    return 1 - len(set(grams)) / len(grams) if grams else 0.0


def is_japanese(text: str) -> bool:
    """True when kana and kanji are at least a fifth of the letters and there is at least one kana,
    or no letter but kanji.

    The share is low because Japanese technical prose is full of Latin names; the kana tell Japanese from
    Chinese.
    """
    kana = kanji = letters = 0
    for character in text:
        if not character.isalpha():
            continue
        letters += 1
        if "ぁ" <= character <= "ヿ":
            kana += 1
        elif "一" <= character <= "鿿" or "㐀" <= character <= "䶿":
            kanji += 1
    if letters == 0:
        return False
    return kanji == letters or (kana > 0 and kana + kanji >= letters / 5)


def is_well_formed(text: str) -> bool:
    """True when the text holds no half characters and no control characters but newline and tab."""
    return all(
        character in "\n\t" or (character != REPLACEMENT and unicodedata.category(character) != "Cc")
        for character in text
    )


def _characters(text: str) -> Counter[str]:
    return Counter(character for character in unicodedata.normalize("NFKC", text) if not character.isspace())

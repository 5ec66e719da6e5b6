"""The rules that documents must keep to, as data: one row per rule,
each with the reason that the funnel counts.

After Gopher (Rae et al. 2021, appendix A.1.1), C4 (Raffel et al. 2020, section 2.2) and, for Japanese, the
shares of scripts that mC4-ja derivatives filter by: prose has hiragana, keyword lists and navigation have
little.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from ..contract import RulesConfig

_HIRAGANA = re.compile(r"[ぁ-ゟ]+")
_JAPANESE = re.compile(r"[ぁ-ゟ゠-ヿㇰ-ㇿｦ-ﾟ々-〇㐀-䶿一-鿿\uf900-\ufaff𠀀-𿿿]+")
_SPACE = re.compile(r"\s+")
_NOT_SYMBOL = re.compile(r"[\w\s。、，．・ー…「」『』（）［］【】！？：；〜.,!?:;'\"’‘”“()\[\]\-]+")
_WORD = re.compile(r"[^\W_](?:[\w'’-]*[^\W_])?")
# A line ends as a sentence does also where a bracket or quotation mark follows.
_SENTENCE_END = re.compile(r"[。．！？!?.…:：][」』）)\]\"'”’]*$")

# The words of Gopher's stop-word rule.
STOP_WORDS = frozenset(["the", "be", "to", "of", "and", "that", "have", "with"])


class Measures:
    """What the rules ask of a text; each figure is computed once, when a rule first asks."""

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def characters(self) -> int:
        """Characters without white space."""
        return len(self.text) - _length(_SPACE, self.text)

    @cached_property
    def japanese_ratio(self) -> float:
        return _length(_JAPANESE, self.text) / max(self.characters, 1)

    @cached_property
    def hiragana_ratio(self) -> float:
        return _length(_HIRAGANA, self.text) / max(self.characters, 1)

    @cached_property
    def symbol_ratio(self) -> float:
        """Share of characters that are neither letters, digits nor the punctuation of prose."""
        return (len(self.text) - _length(_NOT_SYMBOL, self.text)) / max(self.characters, 1)

    @cached_property
    def lines(self) -> list[str]:
        return [line for line in map(str.strip, self.text.split("\n")) if line]

    @cached_property
    def duplicate_line_ratio(self) -> float:
        return 1 - len(set(self.lines)) / max(len(self.lines), 1)

    @cached_property
    def sentence_end_ratio(self) -> float:
        return sum(1 for line in self.lines if _SENTENCE_END.search(line)) / max(len(self.lines), 1)

    @cached_property
    def words(self) -> list[str]:
        return _WORD.findall(self.text)

    @cached_property
    def mean_word_length(self) -> float:
        return sum(map(len, self.words)) / max(len(self.words), 1)

    @cached_property
    def stop_words(self) -> int:
        return len(STOP_WORDS.intersection(map(str.lower, self.words)))


@dataclass(frozen=True, slots=True)
class Rule:
    """A document in one of `languages` is dropped for `reason` where it breaks the rule."""

    reason: str
    languages: frozenset[str]
    broken_by: Callable[[Measures, RulesConfig], bool]


_ALL = frozenset(["ja", "en", "code"])
_PROSE = frozenset(["ja", "en"])
_JA = frozenset(["ja"])
_EN = frozenset(["en"])

# The cheapest and most telling rules come first: a document is counted under the first one it breaks.
RULES = (
    Rule("too_short", _ALL, lambda text, limit: text.characters < limit.min_characters),
    Rule("too_long", _ALL, lambda text, limit: text.characters > limit.max_characters),
    Rule("too_little_japanese", _JA, lambda text, limit: text.japanese_ratio < limit.min_japanese_ratio),
    Rule("too_little_hiragana", _JA, lambda text, limit: text.hiragana_ratio < limit.min_hiragana_ratio),
    Rule("too_many_symbols", _PROSE, lambda text, limit: text.symbol_ratio > limit.max_symbol_ratio),
    Rule(
        "repeated_lines",
        _PROSE,
        lambda text, limit: text.duplicate_line_ratio > limit.max_duplicate_line_ratio,
    ),
    Rule(
        "too_few_sentences",
        _PROSE,
        lambda text, limit: text.sentence_end_ratio < limit.min_sentence_end_ratio,
    ),
    Rule("words_too_short", _EN, lambda text, limit: text.mean_word_length < limit.min_mean_word_length),
    Rule("words_too_long", _EN, lambda text, limit: text.mean_word_length > limit.max_mean_word_length),
    Rule("too_few_stop_words", _EN, lambda text, limit: text.stop_words < limit.min_stop_words),
    Rule("banned_word", _ALL, lambda text, limit: any(word in text.text for word in limit.banned_words)),
)


def broken_rule(text: str, language: str, limits: RulesConfig) -> str | None:
    """Reason of the first rule that a document breaks, or None."""
    measures = Measures(text)
    for rule in RULES:
        if language in rule.languages and rule.broken_by(measures, limits):
            return rule.reason
    return None


def _length(pattern: re.Pattern[str], text: str) -> int:
    return sum(map(len, pattern.findall(text)))

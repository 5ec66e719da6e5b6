"""The rules that documents must keep to, as data: one row per rule, each with the reason that is counted.

After Gopher (Rae et al. 2021, appendix A.1.1 and table A1), C4 (Raffel et al. 2020, section 2.2), StarCoder
(Li et al. 2023) for source code and, for Japanese, the shares of scripts that mC4-ja derivatives filter by:
prose has hiragana, keyword lists and navigation have little.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..contract import RulesConfig
from .measures import Measures


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
_CODE = frozenset(["code"])

# Verse and plays repeat their lines: a refrain is no boilerplate until it is most of the text.
_VERSE = 2

# The cheapest and most telling rules come first: a document is counted under the first one it breaks.
RULES = (
    Rule("too_short", _ALL, lambda text, limit: text.characters < limit.min_characters),
    Rule("too_long", _ALL, lambda text, limit: text.characters > limit.max_characters),
    Rule("encoded_data", _PROSE, lambda text, limit: text.encoded_ratio > limit.max_encoded_ratio),
    Rule("too_little_japanese", _JA, lambda text, limit: text.japanese_ratio < limit.min_japanese_ratio),
    Rule("too_little_hiragana", _JA, lambda text, limit: text.kana_ratio < limit.min_hiragana_ratio),
    Rule("too_many_digits", _PROSE, lambda text, limit: text.digit_ratio > limit.max_digit_ratio),
    Rule("too_many_symbols", _PROSE, lambda text, limit: text.symbol_ratio > limit.max_symbol_ratio),
    Rule("too_many_links", _PROSE, lambda text, limit: text.link_ratio > limit.max_link_ratio),
    Rule(
        "too_many_bullets", _PROSE, lambda text, limit: text.bullet_line_ratio > limit.max_bullet_line_ratio
    ),
    Rule(
        "too_many_ellipses",
        _PROSE,
        lambda text, limit: text.ellipsis_line_ratio > limit.max_ellipsis_line_ratio,
    ),
    Rule(
        "repeated_lines",
        _PROSE,
        lambda text, limit: _repeats(text, text.duplicate_line_ratio, limit.max_duplicate_line_ratio),
    ),
    Rule(
        "repeated_text",
        _PROSE,
        lambda text, limit: _repeats(
            text, text.duplicate_line_character_ratio, limit.max_duplicate_line_character_ratio
        ),
    ),
    Rule(
        "repeated_phrase",
        _PROSE,
        lambda text, limit: _repeats(text, text.top_ngram_ratio, limit.max_top_ngram_ratio),
    ),
    Rule(
        "repeated_ngrams",
        _PROSE,
        lambda text, limit: _repeats(text, text.duplicate_ngram_ratio, limit.max_duplicate_ngram_ratio),
    ),
    Rule(
        "too_few_sentences",
        _PROSE,
        lambda text, limit: text.sentence_end_ratio < limit.min_sentence_end_ratio and not text.is_verse,
    ),
    Rule("words_too_short", _EN, lambda text, limit: text.mean_word_length < limit.min_mean_word_length),
    Rule("words_too_long", _EN, lambda text, limit: text.mean_word_length > limit.max_mean_word_length),
    Rule("too_few_stop_words", _EN, lambda text, limit: text.stop_words < limit.min_stop_words),
    Rule(
        "minified_code",
        _CODE,
        lambda text, limit: (
            text.mean_line_length > limit.max_mean_line_length or text.longest_line > limit.max_line_length
        ),
    ),
    Rule("too_few_letters", _CODE, lambda text, limit: text.letter_ratio < limit.min_letter_ratio),
)


def broken_rule(text: str, language: str, limits: RulesConfig) -> str | None:
    """Reason of the first rule that a document breaks, or None."""
    measures = Measures(text)
    for rule in RULES:
        if _is_for(rule, language) and rule.broken_by(measures, limits):
            return rule.reason
    return None


def _is_for(rule: Rule, language: str) -> bool:
    """A language without rules of its own keeps to those of all prose."""
    return language in rule.languages or (language not in _ALL and rule.languages >= _PROSE)


def _repeats(text: Measures, ratio: float, limit: float) -> bool:
    # Whether it is verse is asked of few.
    return ratio > limit and not (text.is_verse and ratio <= limit * _VERSE)

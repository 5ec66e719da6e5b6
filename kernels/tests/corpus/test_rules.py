"""Each rule on short sentences of our own: one text that keeps to it and one that breaks it."""

from __future__ import annotations

import pytest

from tanren_kernels.contract import RulesConfig
from tanren_kernels.corpus.rules import RULES, broken_rule

LIMITS = RulesConfig(
    min_characters=20,
    max_characters=400,
    min_japanese_ratio=0.5,
    min_hiragana_ratio=0.2,
    max_symbol_ratio=0.1,
    max_duplicate_line_ratio=0.3,
    min_mean_word_length=3,
    max_mean_word_length=10,
    min_stop_words=2,
    min_sentence_end_ratio=0.5,
    banned_words=["出会い系", "casino"],
)

JA = "鍛冶屋は朝早くから鉄を打っている。\n火の色を見て、ちょうどよい熱さを知る。"
EN = "The smith has been at work since the morning.\nHe knows the heat of the iron and that of the fire."
CODE = "for line in lines:\n    total += line\n}\n}\n}\nreturn total"


@pytest.mark.parametrize(("language", "text"), [("ja", JA), ("en", EN), ("code", CODE)])
def test_good_documents_keep_to_every_rule(language: str, text: str) -> None:
    assert broken_rule(text, language, LIMITS) is None


BROKEN = [
    ("ja", "鉄を打つ。", "too_short"),
    ("ja", JA * 20, "too_long"),
    ("ja", EN, "too_little_japanese"),
    ("ja", "株式会社鍛冶製作所\n東京都千代田区\n電話番号案内\n会社概要\n採用情報", "too_little_hiragana"),
    ("ja", "★☆★☆ 今だけのお買い得です。 ★☆★☆ ●●● 見てください。 ●●●", "too_many_symbols"),
    ("ja", "もっと見るにはこちらです。\n" * 4 + "鍛冶屋の話がここにあります。", "repeated_lines"),
    ("ja", "鍛冶屋のはなし\nかたなのつくりかた\nおといあわせはこちら\nよくあるしつもん", "too_few_sentences"),
    ("ja", JA + "出会い系のおすすめはこちら。", "banned_word"),
    ("en", "Short text.", "too_short"),
    ("en", EN * 20, "too_long"),
    ("en", "$$$ >>> the best of all *** <<< $$$ and that is to be ###.", "too_many_symbols"),
    ("en", "Read more of the news.\n" * 5 + "That is all.", "repeated_lines"),
    ("en", "About the shop\nContact to us\nNews of the day\nThe terms of use", "too_few_sentences"),
    ("en", "I am at it, as he is. So it is to be, or is it of us?", "words_too_short"),
    (
        "en",
        "Pneumonoultramicroscopic antidisestablishmentarianism of floccinaucinihilipilification.",
        "words_too_long",
    ),
    ("en", "Buy shoes cheap online. Shoes men women kids.", "too_few_stop_words"),
    ("en", EN + " Visit our casino.", "banned_word"),
    ("code", "x = 1", "too_short"),
    ("code", CODE * 20, "too_long"),
    ("code", CODE + "# casino", "banned_word"),
]


@pytest.mark.parametrize(("language", "text", "reason"), BROKEN)
def test_each_rule_drops_what_it_is_for(language: str, text: str, reason: str) -> None:
    assert broken_rule(text, language, LIMITS) == reason


def test_every_rule_is_tried_in_every_language_it_is_for() -> None:
    assert {(language, reason) for language, _, reason in BROKEN} == {
        (language, rule.reason) for rule in RULES for language in rule.languages
    }

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
    max_digit_ratio=0.3,
    max_link_ratio=0.3,
    max_duplicate_line_ratio=0.3,
    max_duplicate_line_character_ratio=0.2,
    max_top_ngram_ratio=0.2,
    max_duplicate_ngram_ratio=0.3,
    max_bullet_line_ratio=0.9,
    max_ellipsis_line_ratio=0.3,
    min_mean_word_length=3,
    max_mean_word_length=10,
    min_stop_words=2,
    min_sentence_end_ratio=0.5,
    max_encoded_ratio=0.2,
    max_mean_line_length=100,
    max_line_length=200,
    min_letter_ratio=0.25,
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
    ("ja", JA + "iVBORw0KGgoAAAANSUhEUgAAAAUAAAAFCAYAAACNbyblAAAAHElEQVQI12P4//8/w38GIAX", "encoded_data"),
    (
        "ja",
        "あさの気温の表です。ひるの気温もあります。よるの気温もここに出ています。\n"
        + "12 19 08 27 31 24 18 22 25",
        "too_many_digits",
    ),
    ("ja", "このつづきは、ここからたどれる頁を、どうぞ見てください。http://example.org/a", "too_many_links"),
    ("ja", "・いろはにほへとです。\n・ちりぬるをです。\n・わかよたれそつねです。", "too_many_bullets"),
    (
        "ja",
        "鍛冶屋のはなしをきいたひとは…\n刀を手にとってみたひとは…\n村の人はみな知っている。",
        "too_many_ellipses",
    ),
    (
        "ja",
        "この店はとても安い。いつも安い。\nこの店はとても安い。いつも安い。\n米。\n茶。\n酒。\n塩。\n酢。\n油。",
        "repeated_text",
    ),
    (
        "ja",
        "格安の航空券は格安の航空券で、格安の航空券なら格安の航空券だ。ここを見てください。",
        "repeated_phrase",
    ),
    (
        "ja",
        "鉄を赤くなるまで熱してから金床の上で何度もよく打って細長く伸ばし、それから水につけて冷ます。" * 2
        + "火の色を見て、ふいごの風を弱める。",
        "repeated_ngrams",
    ),
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
    ("en", EN + " QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5eg==", "encoded_data"),
    (
        "en",
        "The heat of the day and of the night.\n" + "19 20 21 22 23 24 25 26 27 28 29 30 31",
        "too_many_digits",
    ),
    (
        "en",
        "See that page of the day and have it read to all of them: http://example.org/abcdefghijkl",
        "too_many_links",
    ),
    ("en", "- The one that is first.\n- The one of the two.\n- The last that we have.", "too_many_bullets"),
    ("en", "The story of the smith...\nThe end of the road...\nThat is to be read.", "too_many_ellipses"),
    (
        "en",
        "This shop of mine has been the very best of them all.\n"
        * 2
        + "I came to that door with the doctor, and there was nobody at home to have the letter read?\n"
        "Milk and bread, they said: come in again.",
        "repeated_text",
    ),
    (
        "en",
        "Cheap air tickets and cheap air tickets or cheap air tickets, that have to be.",
        "repeated_phrase",
    ),
    (
        "en",
        "The man will strike the iron while it is hot. He has seen that. "
        "The man will strike the iron while it is hot. We have to. "
        "They said to me: The man will strike the iron while it is hot.",
        "repeated_ngrams",
    ),
    ("code", "x = 1", "too_short"),
    ("code", CODE * 20, "too_long"),
    ("code", "a=1;" + "b=a+a;" * 40, "minified_code"),
    ("code", "x = [\n" + "    12, 15, 99, 31, 44,\n" * 8 + "]", "too_few_letters"),
]


@pytest.mark.parametrize(("language", "text", "reason"), BROKEN)
def test_each_rule_drops_what_it_is_for(language: str, text: str, reason: str) -> None:
    assert broken_rule(text, language, LIMITS) == reason


def test_every_rule_is_tried_in_every_language_it_is_for() -> None:
    assert {(language, reason) for language, _, reason in BROKEN} == {
        (language, rule.reason) for rule in RULES for language in rule.languages
    }


# By Nakahara Chūya, 1930: no full stop, and every second line begins as the one before it.
VERSE = """汚れつちまつた悲しみに
今日も小雪の降りかかる
汚れつちまつた悲しみに
今日も風さへ吹きすぎる

汚れつちまつた悲しみは
たとへば狐の革裘
汚れつちまつた悲しみは
小雪のかかつてちぢこまる

汚れつちまつた悲しみは
なにのぞむなくねがふなく
汚れつちまつた悲しみは
倦怠のうちに死を夢む

汚れつちまつた悲しみに
いたいたしくも怖気づき
汚れつちまつた悲しみに
なすところもなく日は暮れる……"""

# By Miyazawa Kenji, 1931: without a hiragana.
KATAKANA_VERSE = """雨ニモマケズ
風ニモマケズ
雪ニモ夏ノ暑サニモマケヌ
丈夫ナカラダヲモチ
慾ハナク
決シテ瞋ラズ
イツモシヅカニワラッテヰル
一日ニ玄米四合ト
味噌ト少シノ野菜ヲタベ
アラユルコトヲ
ジブンヲカンジョウニ入レズニ
ヨクミキキシワカリ
ソシテワスレズ
野原ノ松ノ林ノ蔭ノ
小サナ萱ブキノ小屋ニヰテ"""

DIALOGUE = """「おはよう」
「おはよう」
「きょうは寒いね」
「そうだね」
「火を入れようか」
「うん」
「水も汲んでこよう」
「うん」
「それから鉄を打とう」
「うん」
「昼までにできるかな」
「できるさ」
「うん」
「じゃあ、はじめよう」"""

SPEAKERS = """店主「いらっしゃい」
客「包丁を研いでほしいのですが」
店主「見せてごらん」
客「これです」
店主「ずいぶん使いこんだね」
客「祖母の代から使っています」
店主「いい鋼だ」
客「直りますか」
店主「もちろん」"""

# By William Blake, 1794.
ENGLISH_VERSE = """Tyger Tyger, burning bright,
In the forests of the night;
What immortal hand or eye,
Could frame thy fearful symmetry?

In what distant deeps or skies,
Burnt the fire of thine eyes?
On what wings dare he aspire?
What the hand, dare seize the fire?

And what shoulder, & what art,
Could twist the sinews of thy heart?
And when thy heart began to beat,
What dread hand? & what dread feet?"""

ENGLISH_DIALOGUE = """“Is that the iron?”
“Yes”
“Is it hot?”
“Yes”
“Have you seen the hammer of the old man”
“No”
“It was with the tools”
“Yes”
“And that is where it has to be”"""

DEFAULTS = LIMITS.model_copy(
    update={"max_characters": 1_000_000, "max_symbol_ratio": 0.3, "min_hiragana_ratio": 0.1}
)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("ja", VERSE),
        ("ja", KATAKANA_VERSE),
        ("ja", DIALOGUE),
        ("ja", SPEAKERS),
        ("en", ENGLISH_VERSE),
        ("en", ENGLISH_DIALOGUE),
    ],
)
def test_verse_and_talk_are_kept(language: str, text: str) -> None:
    assert broken_rule(text, language, DEFAULTS) is None


MENU = """会社概要
採用情報
お問い合わせ
よくある質問
個人情報保護方針
サイトマップ
ご利用規約
製品一覧
導入事例
関連リンク
お知らせ一覧"""

PRODUCTS = """カーボンステンレスナイフ
セラミックナイフセット
キッチンバサミ
ステンレスボウルセット
フライパンカバー
シリコンスパチュラ
ミキシングボウル
デジタルキッチンスケール"""


@pytest.mark.parametrize("text", [MENU, PRODUCTS])
def test_lists_of_names_are_no_verse(text: str) -> None:
    assert broken_rule(text, "ja", DEFAULTS) in ("too_few_sentences", "too_little_hiragana")


def test_a_language_without_rules_of_its_own_keeps_to_those_of_all_prose() -> None:
    hindi = (
        "पुस्तकालय सोमवार को नौ बजे खुलता है।\nजो किताब लेना चाहता है उसके पास कार्ड होना चाहिए।\n"
        "बच्चे अपने माता-पिता के बिना भी आ सकते हैं।\nचार सप्ताह बाद सब कुछ लौटाना पड़ता है।"
    )
    assert broken_rule("Kurz.", "de", LIMITS) == "too_short"
    assert broken_rule(hindi, "hi", DEFAULTS) is None
    assert broken_rule(hindi.replace("।", ""), "hi", DEFAULTS) == "too_few_sentences"

import json

import numpy as np
import pytest
import sentences
from hypothesis import given, settings
from hypothesis import strategies as st

from tanren_kernels.contract import RemovalRule
from tanren_kernels.corpus.encoding import CorpusEncoder
from tanren_kernels.runtime.errors import KernelError
from tanren_kernels.tokenizer import pruning, tokenizer
from tanren_kernels.tokenizer.byte_level import bytes_of
from tanren_kernels.tokenizer.pretokens import cut
from tanren_kernels.tokenizer.tokenizer import SPECIAL_TOKENS, TextTokenizer
from tanren_kernels.tokenizer.training import train

TEXTS = [
    write(number) for number in range(60) for write in (sentences.japanese, sentences.english, sentences.code)
]
TRAINED = train([*TEXTS, "<|endoftext|>" * 500, "<|im_end|>" * 500], 0, 1_500, 1_000_000)
PLAIN = TextTokenizer(tokenizer.serialise(TRAINED), "trained in the test")
RULES = [RemovalRule(contains="鍛冶"), RemovalRule(contains="return"), RemovalRule(pattern=r"^ ?[a-z]{6,}$")]
REMOVAL = pruning.remove(TRAINED, RULES)
PRUNED = TextTokenizer(tokenizer.serialise(REMOVAL.content), "pruned in the test")
ENCODER = CorpusEncoder(PRUNED, np.dtype("<u2"))

# Any text, and text near what the tokenizer knows, so that merges and cuts are met.
texts = st.one_of(
    st.text(max_size=60),
    st.lists(
        st.sampled_from(
            [
                *SPECIAL_TOKENS,
                "鍛冶屋は",
                "図書館",
                "カタカナー",
                "ひらがな",
                "return",
                " width",
                "123",
                "  ",
                "\n",
                "\r\n",
                "\t",
                "'s",
                "é",
                "e\u0301",
                "𠮷",
                "🎉",
                "\u3000",
                "。",
                "x",
            ]
        ),
        max_size=20,
    ).map("".join),
)


@settings(max_examples=300, deadline=None)
@given(text=texts)
def test_every_text_comes_back_unchanged_before_and_after_removal(text: str) -> None:
    assert PLAIN.decode(PLAIN.encode_plain(text)) == text
    assert PRUNED.decode(PRUNED.encode_plain(text)) == text


@settings(max_examples=300, deadline=None)
@given(text=texts)
def test_text_never_yields_a_special_token(text: str) -> None:
    for one in (PLAIN, PRUNED):
        assert not {one.end_of_text, one.message_start, one.message_end} & set(one.encode_plain(text))


@settings(max_examples=300, deadline=None)
@given(text=texts)
def test_corpora_are_encoded_to_the_ids_of_the_file(text: str) -> None:
    assert "".join(cut(text)) == text
    ids = ENCODER.encode([text])[0].tolist()
    assert ids == [*PRUNED.encode_plain(text), PRUNED.end_of_text]


@settings(max_examples=200, deadline=None)
@given(text=texts)
def test_no_removed_token_comes_out_of_any_text(text: str) -> None:
    removed = {gone.text for gone in REMOVAL.removed}
    vocabulary = {number: token for token, number in PRUNED.core.get_vocab().items()}
    assert not removed & {bytes_of(vocabulary[number]) for number in PRUNED.encode_plain(text)}


def test_cuts_equal_the_librarys_on_every_character() -> None:
    everything = [
        chr(code)
        for code in [
            *range(0xD800),
            *range(0xE000, 0x11000),
            *range(0x20000, 0x20010),
            *range(0xE0100, 0xE0110),
        ]
    ]
    for width in (1, 2, 3):
        text = "".join(
            character + "aあ ア1漢 "[index % 8 : index % 8 + width]
            for index, character in enumerate(everything)
        )
        library = [text[start:end] for _, (start, end) in PLAIN.core.pre_tokenizer.pre_tokenize_str(text)]
        assert cut(text) == library


def test_special_tokens_have_the_first_ids_before_and_after_removal() -> None:
    for one in (PLAIN, PRUNED):
        assert [one.core.token_to_id(token) for token in SPECIAL_TOKENS] == [0, 1, 2]
        assert (one.end_of_text, one.message_start, one.message_end) == (0, 1, 2)


def test_ids_are_dense_after_removal() -> None:
    vocabulary = PRUNED.core.get_vocab(with_added_tokens=True)
    assert sorted(vocabulary.values()) == list(range(len(vocabulary))) == list(range(PRUNED.vocabulary_size))
    assert PRUNED.vocabulary_size == PLAIN.vocabulary_size - len(REMOVAL.removed)


def test_every_rule_removes_something_that_was_one_id_before() -> None:
    rules = {gone.rule for gone in REMOVAL.removed}
    assert {"contains '鍛冶'", "contains 'return'", "pattern '^ ?[a-z]{6,}$'"} <= rules
    for text in ("鍛冶屋は", "return", " height"):
        assert len(PLAIN.encode_plain(text)) == 1
        assert len(PRUNED.encode_plain(text)) > 1


def test_tokens_that_only_removed_tokens_made_are_removed_too() -> None:
    result = pruning.remove(TRAINED, [RemovalRule(pattern="^eighbour$")])
    assert {gone.text: gone.rule for gone in result.removed} == {
        b"eighbour": "pattern '^eighbour$'",
        b" neighbour": pruning.UNREACHABLE,
    }
    made = {left + right for left, right in result.content["model"]["merges"]}
    assert {
        token for token in result.content["model"]["vocab"] if token not in SPECIAL_TOKENS and len(token) > 1
    } == made


def test_single_bytes_stay_and_are_told() -> None:
    result = pruning.remove(TRAINED, [RemovalRule(contains="a")])
    assert result.kept_bytes == [b"a"]
    kept = TextTokenizer(tokenizer.serialise(result.content), "test")
    assert kept.decode(kept.encode_plain("banana")) == "banana"
    pruning.prove(kept, result.removed)


def test_the_proof_fails_for_a_token_that_is_still_there() -> None:
    with pytest.raises(KernelError, match="still come out as one id"):
        pruning.prove(PLAIN, REMOVAL.removed)


def test_without_rules_nothing_changes_but_nothing_unreachable_stays() -> None:
    result = pruning.remove(TRAINED, [])
    assert [gone for gone in result.removed if gone.rule != pruning.UNREACHABLE] == []
    assert result.content["model"]["merges"] == [list(merge) for merge in TRAINED["model"]["merges"]]


@pytest.mark.parametrize(
    "rule", [RemovalRule(), RemovalRule(contains="a", pattern="b"), RemovalRule(pattern="(")]
)
def test_a_rule_without_meaning_is_refused(rule: RemovalRule) -> None:
    with pytest.raises(KernelError) as caught:
        pruning.remove(TRAINED, [rule])
    assert caught.value.reason == "InvalidConfig"


def test_digits_stand_alone() -> None:
    assert [PLAIN.decode([number]) for number in PLAIN.encode_plain("20260")] == ["2", "0", "2", "6", "0"]


def test_training_twice_gives_the_same_bytes() -> None:
    again = train([*TEXTS, "<|endoftext|>" * 500, "<|im_end|>" * 500], 0, 1_500, 1_000_000)
    assert tokenizer.serialise(again) == PLAIN.content


def test_a_tokenizer_from_elsewhere_is_encoded_by_the_library() -> None:
    content = json.loads(PLAIN.content)
    content["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = r"\s+|\S+"
    other = TextTokenizer(tokenizer.serialise(content), "other")
    text = "古い刀の持ち主は return 12 the smith"
    assert CorpusEncoder(other, np.dtype("<u2")).encode([text])[0].tolist() == [*other.encode_plain(text), 0]


def test_a_file_that_is_no_tokenizer_is_refused() -> None:
    with pytest.raises(KernelError) as caught:
        TextTokenizer(b"{}", "x")
    assert caught.value.reason == "TokenizerMismatch"


def test_a_tokenizer_without_chat_tokens_cannot_chat() -> None:
    content = json.loads(PLAIN.content)
    content["added_tokens"] = []
    content["model"]["vocab"]["<|other|>"] = content["model"]["vocab"].pop("<|im_end|>")
    plain = TextTokenizer(tokenizer.serialise(content), "x")
    assert plain.ends == {plain.end_of_text}
    with pytest.raises(KernelError, match=r"no token <\|im_end\|>"):
        _ = plain.message_end


def test_a_tokenizer_without_an_end_of_text_is_refused() -> None:
    content = json.loads(PLAIN.content)
    content["added_tokens"] = []
    content["model"]["vocab"]["<|other|>"] = content["model"]["vocab"].pop("<|endoftext|>")
    with pytest.raises(KernelError, match=r"no token <\|endoftext\|> or"):
        TextTokenizer(tokenizer.serialise(content), "x")

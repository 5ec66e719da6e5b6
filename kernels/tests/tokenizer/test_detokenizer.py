from __future__ import annotations

import json
from typing import Any

import pytest
import tiny
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from tanren_kernels.runtime.errors import KernelError
from tanren_kernels.tokenizer.detokenizer import Detokenizer, token_bytes

PIECES = token_bytes(tiny.text_tokenizer().core)
IDS = st.lists(st.integers(0, len(PIECES) - 1), max_size=40)


def bytes_of(text: str) -> list[int]:
    """Token ids that spell a text byte by byte, as a model may."""
    return [PIECES.index(bytes([byte])) for byte in text.encode()]


@given(st.text(max_size=60))
@settings(deadline=None)
def test_any_text_comes_back_from_its_tokens(text: str) -> None:
    detokenizer = Detokenizer(PIECES)
    parts = [detokenizer.feed(token) for token in tiny.text_tokenizer().encode_plain(text)]
    assert "".join(parts) + detokenizer.finish() == text == detokenizer.text


@given(st.text(min_size=1, max_size=20))
@settings(deadline=None)
def test_no_half_character_is_given_out(text: str) -> None:
    detokenizer = Detokenizer(PIECES)
    said = ""
    for token in bytes_of(text):
        said += detokenizer.feed(token)
        assert text.startswith(said)
    assert said == text


@given(IDS)
@example([PIECES.index(b"\xed"), PIECES.index(b"\xa0")])  # half a surrogate, which is no character
@settings(deadline=None)
def test_any_tokens_give_the_text_of_the_tokenizer_but_for_a_half_character_at_the_end(
    ids: list[int],
) -> None:
    detokenizer = Detokenizer(PIECES)
    ours = "".join(map(detokenizer.feed, ids)) + detokenizer.finish()
    theirs = tiny.text_tokenizer().decode(ids, skip_special=True)
    assert theirs in (ours, ours + "�")


@given(
    st.text("ab川", max_size=30), st.lists(st.text("ab川", min_size=1, max_size=4), min_size=1, max_size=3)
)
@settings(deadline=None)
def test_a_stop_string_and_what_follows_is_never_given_out(text: str, stops: list[str]) -> None:
    detokenizer = Detokenizer(PIECES, stops)
    said = ""
    for token in bytes_of(text):
        said += detokenizer.feed(token)
        if detokenizer.stopped:
            break
    said += detokenizer.finish()
    ends = [text.index(stop) + len(stop) for stop in stops if stop in text]
    assert detokenizer.stopped == bool(ends)
    if not ends:
        assert said == text
    else:
        # The stop string that is complete first wins, and of those the one that begins first.
        first = min(ends)
        assert said == text[: min(text.index(stop) for stop in stops if stop in text[:first])]


def test_special_tokens_and_padding_of_the_embedding_have_no_text() -> None:
    detokenizer = Detokenizer(PIECES)
    text = tiny.text_tokenizer()
    said = [
        detokenizer.feed(token)
        for token in (text.end_of_text, text.message_start, len(PIECES) + 7, *bytes_of("猫"))
    ]
    assert "".join(said) == "猫"


def test_sentencepiece_with_byte_fallback_is_understood() -> None:
    vocabulary = {"<unk>": 0, "▁cat": 1, "<0xE7>": 2, "<0x8C>": 3, "<0xAB>": 4}
    decoder = {
        "type": "Sequence",
        "decoders": [
            {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
            {"type": "ByteFallback"},
            {"type": "Fuse"},
        ],
    }
    model = {"type": "BPE", "vocab": vocabulary, "merges": [], "byte_fallback": True, "unk_token": "<unk>"}
    body: dict[str, Any] = {
        "version": "1.0",
        "added_tokens": [],
        "normalizer": None,
        "pre_tokenizer": None,
        "post_processor": None,
        "decoder": decoder,
        "model": model,
    }
    core = Tokenizer.from_str(json.dumps(body))
    detokenizer = Detokenizer(token_bytes(core))
    assert [detokenizer.feed(token) for token in (1, 2, 3, 4)] == [" cat", "", "", "猫"]
    body["decoder"] = {"type": "Fuse"}
    with pytest.raises(KernelError, match="only byte-level BPE and SentencePiece"):
        token_bytes(Tokenizer.from_str(json.dumps(body)))

"""A SentencePiece model read as a tokenizer.json gives the ids of the library it comes from."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
import sentencepiece
import sentences
from hypothesis import given, settings
from hypothesis import strategies as st

from tanren_kernels.runtime.errors import KernelError
from tanren_kernels.tokenizer import sentencepiece_model, tokenizer
from tanren_kernels.tokenizer.detokenizer import token_bytes

TEXTS = [
    write(number) for number in range(40) for write in (sentences.japanese, sentences.english, sentences.code)
]
WHOLE = {"byte_fallback": True, "normalization_rule_name": "identity", "remove_extra_whitespaces": False}
KINDS: dict[str, dict[str, Any]] = {
    "LLaMA's": {"model_type": "bpe", "split_digits": True, **WHOLE},
    "BPE that folds white space": {"model_type": "bpe", "byte_fallback": True},
    "unigrams": {"model_type": "unigram", **WHOLE},
    "unigrams without a space before": {"model_type": "unigram", "add_dummy_prefix": False, **WHOLE},
}


def model(**options: Any) -> bytes:
    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=(line for text in TEXTS for line in text.splitlines() if line),
        model_writer=written,
        vocab_size=700,
        hard_vocab_limit=False,
        minloglevel=3,
        **options,
    )
    return written.getvalue()


MODELS = {name: model(**options) for name, options in KINDS.items()}


@pytest.fixture(scope="module", params=MODELS)
def both(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[sentencepiece.SentencePieceProcessor, tokenizer.TextTokenizer]:
    directory = tmp_path_factory.mktemp("model")
    (directory / "tokenizer.model").write_bytes(MODELS[request.param])
    library = sentencepiece.SentencePieceProcessor(model_proto=MODELS[request.param])
    return library, tokenizer.load(directory)


def test_ids_are_the_librarys_on_documents(
    both: tuple[sentencepiece.SentencePieceProcessor, tokenizer.TextTokenizer],
) -> None:
    library, own = both
    for text in [*TEXTS, "", "  two  spaces ", "タブ\tと\n\n改行", "🎉𠮷", "\u3000全角"]:
        assert own.encode_plain(text) == library.encode(text)
    assert own.vocabulary_size == library.vocab_size()
    assert own.end_of_text == library.eos_id()
    own.check_sentencepiece(TEXTS)


words = st.sampled_from(["川", "静か", "the", " fox", "  ", "\n", "12", "é", "🎉", "\u3000", "x=1", "。"])


LLAMA = MODELS["LLaMA's"]
LIBRARY = sentencepiece.SentencePieceProcessor(model_proto=LLAMA)
OWN = tokenizer.TextTokenizer(sentencepiece_model.tokenizer_json(LLAMA, "LLaMA's"), "LLaMA's")


@settings(max_examples=100, deadline=None)
@given(text=st.lists(words, max_size=20).map("".join))
def test_ids_of_llamas_kind_are_the_librarys_on_any_text(text: str) -> None:
    assert OWN.encode_plain(text) == LIBRARY.encode(text)


def test_text_never_becomes_a_special_token(
    both: tuple[sentencepiece.SentencePieceProcessor, tokenizer.TextTokenizer],
) -> None:
    _, own = both
    assert not {0, 1, 2} & set(own.encode_plain("<s>a</s> <unk> </s>"))


def test_bytes_of_its_tokens_are_known(
    both: tuple[sentencepiece.SentencePieceProcessor, tokenizer.TextTokenizer],
) -> None:
    _, own = both
    pieces = token_bytes(own.core)
    text = "川は静か 🎉 the fox"
    assert b"".join(pieces[number] for number in own.encode_plain(text)).decode().strip() == text


def test_equal_models_give_equal_bytes_as_a_file_and_in_a_directory(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.model").write_bytes(MODELS["unigrams"])
    assert tokenizer.load(tmp_path).digest == tokenizer.load(tmp_path / "tokenizer.model").digest


def test_a_text_that_comes_out_otherwise_is_named(tmp_path: Path) -> None:
    # Its normalisation composes what the tokenizers library leaves apart.
    (tmp_path / "tokenizer.model").write_bytes(model(model_type="bpe", byte_fallback=True))
    with pytest.raises(KernelError, match="gives other ids than SentencePiece") as caught:
        tokenizer.load(tmp_path).check_sentencepiece(["plain", "e\u0301 ㍿ ｱﾊﾟｰﾄ"])
    assert caught.value.reason == "TokenizerMismatch"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xffno model", "is no SentencePiece model"),
        (model(model_type="char"), "of unigrams or BPE"),
        (model(model_type="bpe", treat_whitespace_as_suffix=True), "white space as suffix"),
    ],
)
def test_what_is_no_such_model_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "tokenizer.model").write_bytes(content)
    with pytest.raises(KernelError, match=message) as caught:
        tokenizer.load(tmp_path)
    assert caught.value.reason == "TokenizerMismatch"


def test_a_directory_without_a_tokenizer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KernelError, match=r"no tokenizer\.json and no tokenizer\.model"):
        tokenizer.load(tmp_path)

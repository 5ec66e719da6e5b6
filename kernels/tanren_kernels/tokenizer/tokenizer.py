"""The tokenizer: byte-level BPE in a Hugging Face `tokenizer.json`,
with three special tokens that text can never produce.

Byte-level BPE (Radford et al. 2019, section 2.2) starts from all 256 bytes, so every text can be encoded and
comes back unchanged.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from ..runtime.errors import KernelError
from .pretokens import PATTERN

NAME = "tokenizer.json"

END_OF_TEXT = "<|endoftext|>"
MESSAGE_START = "<|im_start|>"
MESSAGE_END = "<|im_end|>"
SPECIAL_TOKENS = (END_OF_TEXT, MESSAGE_START, MESSAGE_END)
"""Their ids are 0, 1, 2 in every tokenizer that is trained here."""


SLICE_CHARACTERS = 16_384
SLICE_SLACK = 64


class TextTokenizer:
    """A tokenizer.json in use. Text never becomes a special token; special tokens are put in by id."""

    def __init__(self, content: bytes, origin: str) -> None:
        """`content` are the bytes of tokenizer.json; `origin` names it in errors.

        Raises TokenizerMismatch where it cannot be used.
        """
        try:
            self.core: Tokenizer = Tokenizer.from_buffer(content)
        except Exception as error:  # tokenizers raises plain Exception
            raise KernelError(
                "TokenizerMismatch",
                f"{origin} is no tokenizer of the Hugging Face tokenizers library: {str(error)[:200]}.",
            ) from error
        # Without this, a user who types <|im_end|> would end the turn.
        self.core.encode_special_tokens = True
        self.core.no_padding()
        self.core.no_truncation()
        self.digest = "sha256:" + hashlib.sha256(content).hexdigest()
        self.content = content
        self.vocabulary_size: int = self.core.get_vocab_size(with_added_tokens=True)
        self._longest_token = max(len(token) for token in self.core.get_vocab(with_added_tokens=False))
        """In characters of the vocabulary, each of which stands for a byte."""
        self.end_of_text = self._special_id(END_OF_TEXT, origin)
        self.message_start = self._special_id(MESSAGE_START, origin)
        self.message_end = self._special_id(MESSAGE_END, origin)

    def _special_id(self, token: str, origin: str) -> int:
        number: int | None = self.core.token_to_id(token)
        if number is None:
            raise KernelError(
                "TokenizerMismatch", f"{origin} has no token {token}; add {', '.join(SPECIAL_TOKENS)} to it."
            )
        return number

    def encode_plain(self, text: str) -> list[int]:
        """Ids of a text; special tokens within it are spelled out like any other text."""
        ids: list[int] = self.core.encode(text, add_special_tokens=False).ids
        return ids

    def exceeds(self, texts: Iterable[str], most: int) -> bool:
        """Whether texts surely have more than `most` tokens in all, found without reading much more of them
        than that many.

        Whatever holds at most `most` tokens is never said to exceed: a slice that ends within a token may
        have a few more than its share of the whole, which is allowed for.
        """
        counted = 0
        for text in texts:
            if counted + len(text) // self._longest_token > most:
                return True
            if counted + 4 * len(text) <= most:  # a character has at most four bytes, a byte at most a token
                counted += 1 if text else 0
                continue
            for start in range(0, len(text), SLICE_CHARACTERS):
                piece = text[start : start + SLICE_CHARACTERS]
                counted += max(0, len(self.encode_plain(piece)) - SLICE_SLACK)
                if counted > most:
                    return True
        return False

    def encode_plain_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Like `encode_plain` for many texts, over as many threads as RAYON_NUM_THREADS says."""
        return [encoding.ids for encoding in self.core.encode_batch_fast(texts, add_special_tokens=False)]

    def decode(self, ids: Sequence[int], skip_special: bool = False) -> str:
        """Text of ids; bytes that are not UTF-8 (a character cut in the middle) come out as U+FFFD."""
        text: str = self.core.decode(ids, skip_special_tokens=skip_special)
        return text


def load(directory: Path) -> TextTokenizer:
    """The tokenizer of a corpus or model artifact. Raises TokenizerMismatch."""
    path = directory / NAME
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise KernelError(
            "TokenizerMismatch", f"{directory} has no {NAME}; give a corpus or model artifact that has one."
        ) from error
    return TextTokenizer(content, str(path))


def train(texts: Iterable[str], vocabulary_size: int) -> dict[str, Any]:
    """Trains on `texts` and returns the content of tokenizer.json;
    the same texts in the same order give the same content.

    `vocabulary_size` counts special tokens and the 256 bytes; fewer come out where the texts hold fewer pairs
    worth merging.
    """
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PATTERN), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary_size,
        min_frequency=2,
        special_tokens=[AddedToken(token, special=True, normalized=False) for token in SPECIAL_TOKENS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    core.train_from_iterator(_without_special_tokens(texts), trainer)
    content: dict[str, Any] = json.loads(core.to_str())
    return content


def _without_special_tokens(texts: Iterable[str]) -> Iterator[str]:
    """A merge that spelled a special token would give text its id."""
    for text in texts:
        for token in SPECIAL_TOKENS:
            text = text.replace(token, " ")
        yield text


def serialise(content: dict[str, Any]) -> bytes:
    """The bytes of tokenizer.json that its digest is taken of."""
    return json.dumps(content, ensure_ascii=False, indent=1).encode() + b"\n"

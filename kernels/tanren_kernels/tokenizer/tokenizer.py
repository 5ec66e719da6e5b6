"""A tokenizer in use: a Hugging Face `tokenizer.json`, whose special tokens text can never produce.

What is trained here is byte-level BPE (Radford et al. 2019, section 2.2): it starts from all 256 bytes, so
every text can be encoded and comes back unchanged. A SentencePiece model is read as the tokenizer.json that
does the same.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from ..runtime.errors import KernelError
from . import sentencepiece_model

NAME = "tokenizer.json"
SENTENCEPIECE_NAME = "tokenizer.model"

END_OF_TEXT = "<|endoftext|>"
MESSAGE_START = "<|im_start|>"
MESSAGE_END = "<|im_end|>"
SPECIAL_TOKENS = (END_OF_TEXT, MESSAGE_START, MESSAGE_END)
"""Their ids are 0, 1, 2 in every tokenizer that is trained here."""

_ENDS_OF_TEXT = (END_OF_TEXT, "<|end_of_text|>", "</s>", "<eos>")
"""What ends a text in tokenizers from elsewhere; the first that one has."""


SLICE_CHARACTERS = 16_384
SLICE_SLACK = 64


class TextTokenizer:
    """A tokenizer.json in use. Text never becomes a special token; special tokens are put in by id."""

    def __init__(self, content: bytes, origin: str, sentencepiece: bytes | None = None) -> None:
        """`content` are the bytes of tokenizer.json, `sentencepiece` the model that they were made from;
        `origin` names it in errors.

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
        self.sentencepiece = sentencepiece
        self._origin = origin
        self.end_of_text = self._special_id(*_ENDS_OF_TEXT)

    @property
    def message_start(self) -> int:
        """Raises TokenizerMismatch where the tokenizer knows no ChatML; so does `message_end`."""
        return self._special_id(MESSAGE_START)

    @property
    def message_end(self) -> int:
        return self._special_id(MESSAGE_END)

    @property
    def knows_chatml(self) -> bool:
        return None not in (self.core.token_to_id(MESSAGE_START), self.core.token_to_id(MESSAGE_END))

    @property
    def ends(self) -> frozenset[int]:
        """What ends an answer."""
        ends = [self.end_of_text, self.core.token_to_id(MESSAGE_END)]
        return frozenset(end for end in ends if end is not None)

    def _special_id(self, *names: str) -> int:
        ids = [number for name in names if (number := self.core.token_to_id(name)) is not None]
        if not ids:
            raise KernelError(
                "TokenizerMismatch",
                f"{self._origin} has no token {' or '.join(names)}; add the first.",
            )
        return int(ids[0])

    def check_sentencepiece(self, texts: Iterable[str]) -> None:
        """Raises TokenizerMismatch where it was made of a SentencePiece model that encodes one of them
        otherwise.
        """
        if self.sentencepiece is None:
            return
        text = sentencepiece_model.differing_text(self.sentencepiece, self.core, texts)
        if text is not None:
            raise KernelError(
                "TokenizerMismatch",
                f"{self._origin}: as a tokenizer.json it gives other ids than SentencePiece, for instance of "
                f"{text[:80]!r}; convert it with the tools of its makers and give that tokenizer.json.",
            )

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


def load(path: Path) -> TextTokenizer:
    """The tokenizer of a corpus or model artifact, of a model directory from elsewhere, or a file: a
    tokenizer.json or a SentencePiece model. Raises TokenizerMismatch.
    """
    given = [path / NAME, path / SENTENCEPIECE_NAME] if path.is_dir() else [path]
    found = next((file for file in given if file.is_file()), None)
    if found is None:
        raise KernelError(
            "TokenizerMismatch",
            f"{path} has no {NAME} and no {SENTENCEPIECE_NAME}; give a directory that has one, or the file.",
        )
    content = found.read_bytes()
    if content.lstrip()[:1] == b"{":
        return TextTokenizer(content, str(found))
    return TextTokenizer(sentencepiece_model.tokenizer_json(content, str(found)), str(found), content)


def serialise(content: dict[str, Any]) -> bytes:
    """The bytes of tokenizer.json that its digest is taken of."""
    return json.dumps(content, ensure_ascii=False, indent=1).encode() + b"\n"

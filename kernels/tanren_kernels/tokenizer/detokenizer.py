"""Text from tokens as they come: a character is given out when all its bytes are there,
a stop string never is.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterable

from tokenizers import Tokenizer

from ..runtime.errors import KernelError
from .byte_level import bytes_of


def token_bytes(tokenizer: Tokenizer) -> list[bytes]:
    """Bytes that each token id stands for; special tokens stand for none.

    Byte-level vocabularies spell bytes as printable characters (Radford et al. 2019, "Language models are
    unsupervised multitask learners", section 2.2); SentencePiece ones write a space as U+2581 and rare bytes
    as <0xE3>. Raises InvalidData for others.
    """
    description = json.loads(tokenizer.to_str())
    decoders = _decoder_types(description["decoder"])
    added = {
        entry["id"]: b"" if entry["special"] else entry["content"].encode()
        for entry in description["added_tokens"]
    }
    if "ByteLevel" in decoders:
        bytes_by_id = {
            i: bytes_of(token)
            for token, i in tokenizer.get_vocab(with_added_tokens=False).items()
            if i not in added
        }
    elif "ByteFallback" in decoders:
        bytes_by_id = {
            i: _sentencepiece_bytes(token)
            for token, i in tokenizer.get_vocab(with_added_tokens=False).items()
        }
    else:
        raise KernelError(
            "InvalidData",
            f"tokenizer.json has the decoder {sorted(decoders)}; only byte-level BPE and SentencePiece with "
            "byte fallback can be served.",
        )
    bytes_by_id |= added
    return [bytes_by_id.get(i, b"") for i in range(max(bytes_by_id) + 1)]


def _decoder_types(decoder: dict[str, object] | None) -> set[str]:
    if decoder is None:
        return set()
    parts = decoder.get("decoders", [])
    assert isinstance(parts, list)
    return {str(decoder["type"])} | {kind for part in parts for kind in _decoder_types(part)}


def _sentencepiece_bytes(token: str) -> bytes:
    if len(token) == 6 and token.startswith("<0x") and token.endswith(">"):
        return bytes([int(token[3:5], 16)])
    return token.replace("▁", " ").encode()


class Detokenizer:
    """Text of one answer. The concatenation of everything given out is `text`.

    A character is held back until its last byte has come: a half one at the very end is dropped. Bytes that
    no character can begin or go on with become U+FFFD at once. The text is cut before the first stop string
    that occurs.
    """

    def __init__(self, token_bytes: list[bytes], stop_strings: Iterable[str] = ()) -> None:
        self._token_bytes = token_bytes
        self._stops = tuple(stop for stop in stop_strings if stop)
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._held = ""
        self.text = ""
        self.stopped = False

    def feed(self, token: int) -> str:
        """Takes the next token and returns what can be given out now;
        sets `stopped` when a stop string was completed.
        """
        if self.stopped:
            return ""
        # An id beyond the tokenizer's vocabulary comes from padding of the embedding matrix and stands for
        # nothing.
        self._held += self._decoder.decode(
            self._token_bytes[token] if token < len(self._token_bytes) else b""
        )
        first = min((place for stop in self._stops if (place := self._held.find(stop)) >= 0), default=None)
        if first is not None:
            self.stopped = True
            return self._give(first)
        return self._give(len(self._held) - self._possible_beginning())

    def finish(self) -> str:
        """Returns what was held back as the possible beginning of a stop string, or of a character that
        there is none of: the decoder waits for a third byte after those of a surrogate.
        """
        if self.stopped:
            return ""
        self._held += self._decoder.decode(b"", final=True)[:-1]
        return self._give(len(self._held))

    def _give(self, count: int) -> str:
        given, self._held = self._held[:count], self._held[count:]
        self.text += given
        return given

    def _possible_beginning(self) -> int:
        """Length of the longest end of the held text that begins a stop string."""
        longest = max((len(stop) - 1 for stop in self._stops), default=0)
        for length in range(min(longest, len(self._held)), 0, -1):
            if any(stop.startswith(self._held[-length:]) for stop in self._stops):
                return length
        return 0

"""Ids of a tokenizer.json by tiktoken's core, several times as fast as by its own library.

tiktoken merges the neighbours whose bytes together are the token of least rank, the tokenizers library those
that its list of merges names. Both come to the same where each token is made by one merge, of tokens that
were made before, ranks are in the order of merges, and each token's own bytes merge into it. For: let the two
agree before rank r, and let neighbours x and y be the bytes of token t of rank r. No token crosses the ends
of these bytes, so nothing outside has had a part in their merging, and they stand as they do when t's bytes
are merged alone: as the two tokens of t's only merge. `fast_encoder` checks these conditions; who does not
meet them is not encoded here.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import numpy.typing as npt
import tiktoken

from .byte_level import BYTES, bytes_of
from .pretokens import PATTERN, exact_pattern
from .tokenizer import TextTokenizer


class FastEncoder:
    """Made by `fast_encoder`. May be used by several threads at once."""

    def __init__(self, tokens: list[bytes], ids: list[int]) -> None:
        """`tokens` by rank, and the id of each."""
        self._core = tiktoken.Encoding(
            "corpus",
            pat_str=exact_pattern(),
            mergeable_ranks={token: rank for rank, token in enumerate(tokens)},
            special_tokens={},
        )
        self._ids = np.asarray(ids, dtype=np.uint32)

    def encode(self, text: str) -> npt.NDArray[np.uint32]:
        """Ids of a text; special tokens within it are spelled out like any other text."""
        # encode_to_numpy looks for special tokens too, and takes twice as long.
        return self._ids[np.array(self._core.encode_ordinary(text), dtype=np.uint32)]


def fast_encoder(tokenizer: TextTokenizer) -> FastEncoder | None:
    """None where the ids are not proved to be the file's."""
    content = json.loads(tokenizer.content)
    if not _cuts_as_here(content):
        return None
    model = content["model"]
    merges = [(left, right) for left, right in model["merges"]]
    names = [*sorted(BYTES), *(left + right for left, right in merges)]
    if (
        model["type"] != "BPE"
        or any(model.get(option) for option in ("dropout", "unk_token", "byte_fallback", "ignore_merges"))
        or any(model.get(option) for option in ("continuing_subword_prefix", "end_of_word_suffix"))
        or len(set(names)) < len(names)
        or not all(name in model["vocab"] for name in names)
        or not _made_of_earlier(merges)
        or not all(_is_one(tokenizer.core.model.tokenize(name), name) for name in names)
    ):
        return None
    return FastEncoder([bytes_of(name) for name in names], [model["vocab"][name] for name in names])


def _made_of_earlier(merges: list[tuple[str, str]]) -> bool:
    made = set(BYTES)
    for left, right in merges:
        if left not in made or right not in made:
            return False
        made.add(left + right)
    return True


def _is_one(tokens: list[Any], name: str) -> bool:
    return len(tokens) == 1 and tokens[0].value == name


def _cuts_as_here(content: dict[str, Any]) -> bool:
    if content.get("normalizer") is not None or any(
        not token["special"] for token in content["added_tokens"]
    ):
        return False
    match content.get("pre_tokenizer"):
        case {
            "type": "Sequence",
            "pretokenizers": [
                {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False},
                byte_level,
            ],
        }:
            return bool(
                pattern == PATTERN
                and byte_level["type"] == "ByteLevel"
                and not byte_level["use_regex"]
                and not byte_level["add_prefix_space"]
            )
    return False

"""Answers that must have a form: which tokens may come next, by the llguidance library.

Suffix: V vocabulary.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from llguidance import LLMatcher, LLTokenizer
from torch import Tensor

if TYPE_CHECKING:
    from llguidance._lib import JsonCompileOptions

# Spaces of its own choice are what a small model fills an answer with.
JSON_LAYOUT: JsonCompileOptions = {
    "whitespace_flexible": False,
    "item_separator": ", ",
    "key_separator": ": ",
}


class Grammar:
    """What one answer must match. Each answer has a state of its own."""

    def __init__(self, tokenizer: LLTokenizer, compiled: str) -> None:
        self._tokenizer = tokenizer
        self._compiled = compiled

    def begin(self) -> GrammarState:
        """For an answer that is to be generated."""
        return GrammarState(LLMatcher(self._tokenizer, self._compiled))


class GrammarState:
    """How far an answer has matched its grammar."""

    def __init__(self, matcher: LLMatcher) -> None:
        self._matcher = matcher

    def allowed(self, logits_V: Tensor) -> Tensor:
        """The logits, at minus infinity for tokens that may not come next. Where the grammar is complete
        these are all but the tokens that end an answer.
        """
        bits = np.frombuffer(self._matcher.compute_bitmask(), dtype=np.uint8)
        allowed_V = torch.zeros(len(logits_V), dtype=torch.bool)
        known = torch.from_numpy(np.unpackbits(bits, bitorder="little").astype(np.bool_))[: len(logits_V)]
        allowed_V[: len(known)] = known
        return logits_V.masked_fill(~allowed_V, float("-inf"))

    def take(self, token: int) -> None:
        """Counts the token that was chosen in."""
        self._matcher.consume_token(token)

    @property
    def given_up(self) -> bool:
        """The library has met one of its bounds, or its own error: nothing is known of what may follow."""
        return bool(self._matcher.is_error())


class Grammars:
    """Compiles for one tokenizer."""

    def __init__(self, tokenizer_json: bytes, stop_tokens: Iterable[int]) -> None:
        """`tokenizer_json`: the bytes of a tokenizer.json; an answer ends with one of `stop_tokens`."""
        self._content = tokenizer_json
        self._stops = sorted(stop_tokens)

    @cached_property
    def _tokenizer(self) -> LLTokenizer:
        return LLTokenizer(self._content.decode(), eos_token=self._stops)

    def json_schema(self, schema: dict[str, Any]) -> Grammar:
        """Matches JSON of this schema, on one line. Raises ValueError that says what of it is not supported,
        or that it is not satisfiable.
        """
        compiled = LLMatcher.grammar_from_json_schema(json.dumps(schema), overrides=JSON_LAYOUT)
        if problem := LLMatcher.validate_grammar(compiled, self._tokenizer):
            raise ValueError(problem.splitlines()[0])
        return Grammar(self._tokenizer, compiled)

"""Generation with a key-value cache: requests join and leave a running batch between two decoding steps.

Iteration-level scheduling is Yu et al. 2022, "Orca: a distributed serving system for transformer-based
generative models", section 4.1; cutting long prompts into chunks between decoding steps is Agrawal et al.
2023, "SARATHI", section 4.1. Suffixes: B rows of the cache, T tokens, V vocabulary.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from ..model import products
from ..model.attention import KeyValueCache
from ..model.llama import Llama
from ..tokenizer.detokenizer import Detokenizer
from .grammar import Grammar
from .sampling import Sampler, Sampling, TokenLogProb, token_log_prob

Finish = Literal["stop", "length", "error"]
"""error: what the grammar allows next can no longer be told; the answer so far matches it."""

PREFILL_CHUNK = 512
"""Prompt tokens read between two decoding steps: what a long prompt may delay every running answer by."""


@dataclass(frozen=True)
class Request:
    """A prompt (token ids, at least one) and how to answer it.

    The answer ends at a token of `stop_tokens` (which is not part of it), before a stop string, or after
    `max_new_tokens`. With `top_log_probs` every token has its log probability, and those of so many likeliest
    ones, with `scores_prompt` the prompt's tokens too; only then may `max_new_tokens` be 0. With a `grammar`
    an answer that ends by itself matches it.
    """

    prompt: Sequence[int]
    max_new_tokens: int
    sampling: Sampling
    stop_tokens: frozenset[int]
    stop_strings: tuple[str, ...] = ()
    top_log_probs: int | None = None
    scores_prompt: bool = False
    grammar: Grammar | None = None


class Generation:
    """One request under way.

    `tokens` and `text` grow with every step; `finish` is set when the answer is whole.
    """

    def __init__(self, request: Request, token_bytes: list[bytes]) -> None:
        self.request = request
        self.tokens: list[int] = []
        self.log_probs: list[TokenLogProb] = []
        """Of the answer's tokens, where they were asked for."""
        self.prompt_log_probs: list[TokenLogProb] = []
        """Of the prompt's tokens but the first, which nothing predicts."""
        self.finish: Finish | None = None
        self.prefilled = 0
        self._detokenizer = Detokenizer(token_bytes, request.stop_strings)
        self._sampler = Sampler(request.sampling)
        self._grammar = None if request.grammar is None else request.grammar.begin()
        self._taken = 0
        self._told = 0

    @property
    def text(self) -> str:
        return self._detokenizer.text

    def take_text(self) -> str:
        """The text that came since the last call."""
        new = self.text[self._taken :]
        self._taken += len(new)
        return new

    def take_log_probs(self) -> list[TokenLogProb] | None:
        """Those that came since the last call; None where none were asked for."""
        if self.request.top_log_probs is None:
            return None
        new = self.log_probs[self._told :]
        self._told += len(new)
        return new

    def advance(self, logits_V: Tensor) -> None:
        """Chooses the next token and decides whether the answer ends with it."""
        if self._grammar is None:
            token = self._sampler.choose(logits_V)
        else:
            token = self._sampler.choose(self._grammar.allowed(logits_V))
            self._grammar.take(token)
            if self._grammar.given_up:
                self._end("error")
                return
        if token in self.request.stop_tokens:
            self._end("stop")
            return
        self.tokens.append(token)
        if self.request.top_log_probs is not None:
            self.log_probs.append(token_log_prob(logits_V, token, self.request.top_log_probs))
        self._detokenizer.feed(token)
        if self._detokenizer.stopped:
            self._end("stop")
        elif len(self.tokens) >= self.request.max_new_tokens:
            self._end("length")

    def read(self, count: int, logits_TV: Tensor) -> None:
        """Counts the next tokens of the prompt as read; the logits are those after each of them where the
        prompt is scored, else after the last alone. The prompt's last ones lead on to the answer.
        """
        request, begin = self.request, self.prefilled
        self.prefilled += count
        if request.scores_prompt:
            for logits_V, token in zip(
                logits_TV, request.prompt[begin + 1 : self.prefilled + 1], strict=False
            ):
                self.prompt_log_probs.append(token_log_prob(logits_V, token, request.top_log_probs or 0))
        if self.prefilled < len(request.prompt):
            return
        if request.max_new_tokens == 0:
            self._end("length")
        else:
            self.advance(logits_TV[-1])

    def _end(self, finish: Finish) -> None:
        self._detokenizer.finish()
        self.finish = finish


class CacheRows(KeyValueCache):
    """Consecutive rows of a cache as a cache of their own; storage and lengths are shared."""

    def __init__(self, whole: KeyValueCache, start: int, stop: int) -> None:
        self.keys = [layer[start:stop] for layer in whole.keys]
        self.values = [layer[start:stop] for layer in whole.values]
        self.lengths = whole.lengths[start:stop]
        self.max_tokens = whole.max_tokens


class Engine:
    """Answers requests, at most `slots` at a time, each with at most `max_tokens` of prompt and answer.

    Not thread-safe.

    Invariant: the running generations have rows 0 .. len(running) - 1 of the cache, those that still read
    their prompt last, so that decoding works on the first rows only and an idle row costs nothing.

    An answer depends on the model, its prompt, its sampling and its seed: each request draws from a generator
    of its own, and rows do not look at each other. What else is in the batch can change it only by the
    rounding of matrix products, whose order of summation may vary with the batch size: last-bit differences
    of logits, which matter where two tokens are all but equally likely.
    """

    def __init__(
        self,
        model: Llama,
        token_bytes: list[bytes],
        slots: int,
        max_tokens: int,
        prefill_chunk: int = PREFILL_CHUNK,
    ) -> None:
        """`token_bytes` are the bytes of every token (detokenizer.token_bytes)."""
        self._model = model
        self._token_bytes = token_bytes
        self.slots = slots
        self._chunk = prefill_chunk
        weight = model.head_weight
        self._device = weight.device
        self._cache = KeyValueCache(model.config, slots, max_tokens, weight.dtype, weight.device)
        self._waiting: deque[Generation] = deque()
        self._running: list[Generation] = []

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @property
    def running(self) -> int:
        return len(self._running)

    @property
    def cache_use(self) -> float:
        """Share of the cache that holds tokens of running requests; may be asked during a step."""
        held = sum(one.prefilled + max(0, len(one.tokens) - 1) for one in tuple(self._running))
        return held / (self.slots * self._cache.max_tokens)

    def submit(self, request: Request) -> Generation:
        """Queues a request.

        Raises ValueError for an empty prompt or one that does not fit with its answer.
        """
        needed = len(request.prompt) + request.max_new_tokens
        shortest = 0 if request.scores_prompt else 1
        if not request.prompt or request.max_new_tokens < shortest or needed > self._cache.max_tokens:
            raise ValueError(
                f"{len(request.prompt)} prompt and {request.max_new_tokens} answer tokens do not fit a "
                f"context of {self._cache.max_tokens}"
            )
        generation = Generation(request, self._token_bytes)
        self._waiting.append(generation)
        return generation

    def cancel(self, generation: Generation) -> None:
        """Drops a request, waiting or running; nothing happens when it has ended."""
        if generation in self._waiting:
            self._waiting.remove(generation)
        elif generation in self._running:
            self._leave(self._running.index(generation))

    @torch.inference_mode()
    def step(self) -> list[Generation]:
        """Reads at most one chunk of one prompt, then adds a token to every running answer;
        returns those that got one.
        """
        while self._waiting and self.running < self.slots:
            self._cache.lengths[self.running] = 0
            self._running.append(self._waiting.popleft())
        advanced = []
        decoding = sum(1 for generation in self._running if generation.tokens)
        if decoding:
            advanced += self._decode(decoding)
        # A prompt's last chunk gives its first token, so that reading comes second: no answer gets two tokens
        # in one step.
        if decoding < self.running and (first := self._prefill(decoding)):
            advanced.append(first)
        for row in reversed(range(self.running)):
            if self._running[row].finish is not None:
                self._leave(row)
        return advanced

    def run(self, requests: Sequence[Request]) -> list[Generation]:
        """Answers all requests, in any interleaving, and returns them in the order given."""
        generations = [self.submit(request) for request in requests]
        while self.waiting or self.running:
            self.step()
        return generations

    def _decode(self, rows: int) -> list[Generation]:
        generations = self._running[:rows]
        tokens_BT = torch.tensor([[generation.tokens[-1]] for generation in generations], device=self._device)
        logits_BV = self._logits(self._model.hidden(tokens_BT, CacheRows(self._cache, 0, rows))[:, -1])
        for generation, logits_V in zip(generations, logits_BV, strict=True):
            generation.advance(logits_V)
        return generations

    def _prefill(self, row: int) -> Generation | None:
        """Reads the next chunk of the prompt in `row`; returns the generation when that was the last one."""
        generation = self._running[row]
        prompt = generation.request.prompt
        if generation.prefilled == 0 and not generation.request.scores_prompt:
            generation.prefilled = self._copy_common_prefix(row)
        chunk = prompt[generation.prefilled : generation.prefilled + self._chunk]
        tokens_BT = torch.tensor([list(chunk)], device=self._device)
        hidden_TE = self._model.hidden(tokens_BT, CacheRows(self._cache, row, row + 1))[0]
        generation.read(
            len(chunk), self._logits(hidden_TE if generation.request.scores_prompt else hidden_TE[-1:])
        )
        return generation if generation.prefilled == len(prompt) else None

    def _copy_common_prefix(self, row: int) -> int:
        """Takes over what another running row has already read of the same prompt;
        returns how many tokens that are.

        Samples of one prompt, and conversations under one system prompt, are then read once. The last token
        is always read again, for its logits.
        """
        prompt = self._running[row].request.prompt
        lengths = [
            _common_prefix(prompt[:-1], other.request.prompt[: other.prefilled])
            for other in self._running[:row]
        ]
        longest = max(lengths, default=0)
        if longest:
            self._copy_row(lengths.index(longest), row, longest)
        return longest

    def _logits(self, hidden_NE: Tensor) -> Tensor:
        """Logits [N, V], on the CPU where the samplers are."""
        return products.linear(hidden_NE, self._model.head_weight).float().cpu()

    def _leave(self, row: int) -> None:
        """Frees a row: the last answering row moves into the gap, and those that still read, of which only
        one holds tokens, move up.
        """
        last = sum(1 for generation in self._running if generation.tokens) - 1
        if row < last:
            self._copy_row(last, row, int(self._cache.lengths[last]))
            self._running[row] = self._running[last]
            row = last
        del self._running[row]
        for target in range(row, self.running):
            self._copy_row(target + 1, target, int(self._cache.lengths[target + 1]))

    def _copy_row(self, source: int, target: int, length: int) -> None:
        for layer in (*self._cache.keys, *self._cache.values):
            layer[target, :, :length] = layer[source, :, :length]
        self._cache.lengths[target] = length


def _common_prefix(first: Sequence[int], second: Sequence[int]) -> int:
    return next(
        (place for place, (a, b) in enumerate(zip(first, second, strict=False)) if a != b),
        min(len(first), len(second)),
    )

"""The wire format of OpenAI's chat completions and completions: answers, stream chunks, log probabilities.

Source: OpenAI API reference, "Chat Completions" and "Completions".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ..inference.engine import Finish
from ..inference.sampling import TokenLogProb

Route = Literal["chat", "completions"]


@dataclass(frozen=True)
class Choice:
    """One answer, or a part of one. `log_probs` are None where none were asked for."""

    text: str
    finish: Finish | None
    log_probs: Sequence[TokenLogProb] | None = None
    offset: int = 0
    """Characters of this choice's text that went before."""
    unscored: Sequence[int] = ()
    """Tokens before those of `log_probs` that have none: a prompt's first one."""


class Envelope:
    """The fields that all parts of one answer share. `created` is in seconds since 1970."""

    def __init__(
        self, route: Route, identity: str, created: int, model: str, token_bytes: list[bytes]
    ) -> None:
        self._chat = route == "chat"
        self._head = {
            "id": ("chatcmpl-" if self._chat else "cmpl-") + identity,
            "created": created,
            "model": model,
        }
        self._bytes = token_bytes

    def answer(self, choices: Sequence[Choice], prompt_tokens: int, answer_tokens: int) -> dict[str, Any]:
        return {
            "object": "chat.completion" if self._chat else "text_completion",
            **self._head,
            "choices": [self._choice(index, choice) for index, choice in enumerate(choices)],
            "usage": usage(prompt_tokens, answer_tokens),
        }

    def _choice(self, index: int, choice: Choice) -> dict[str, Any]:
        message = {"role": "assistant", "content": choice.text, "refusal": None}
        content = {"message": message} if self._chat else {"text": choice.text}
        ending = {"logprobs": self._log_probs(choice), "finish_reason": choice.finish}
        return {"index": index, **content, **ending}

    def opening(self, choices: int) -> list[dict[str, Any]]:
        """The first chunk of each choice of a chat stream says the role; a completion stream has none."""
        delta = {"role": "assistant", "content": ""}
        ending = {"logprobs": None, "finish_reason": None}
        return [
            self._chunk([{"index": index, "delta": delta, **ending}])
            for index in range(choices if self._chat else 0)
        ]

    def part(self, index: int, part: Choice) -> dict[str, Any]:
        """A chunk with new text, or, with a finish reason and no text, the last one of a choice."""
        delta = {"content": part.text} if part.text or part.log_probs else {}
        content = {"delta": delta} if self._chat else {"text": part.text}
        ending = {"logprobs": self._log_probs(part), "finish_reason": part.finish}
        return self._chunk([{"index": index, **content, **ending}])

    def closing_usage(self, prompt_tokens: int, answer_tokens: int) -> dict[str, Any]:
        return {**self._chunk([]), "usage": usage(prompt_tokens, answer_tokens)}

    def _chunk(self, choices: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "object": "chat.completion.chunk" if self._chat else "text_completion",
            **self._head,
            "choices": choices,
        }

    def _log_probs(self, choice: Choice) -> dict[str, Any] | None:
        if choice.log_probs is None:
            return None
        if self._chat:
            return {"content": [self._chat_log_prob(one) for one in choice.log_probs], "refusal": None}
        return self._completion_log_probs(choice, choice.log_probs)

    def _chat_log_prob(self, one: TokenLogProb) -> dict[str, Any]:
        entries = [self._entry(token, log_prob) for token, log_prob in one.top]
        return {**self._entry(one.token, one.log_prob), "top_logprobs": entries}

    def _entry(self, token: int, log_prob: float) -> dict[str, Any]:
        return {"token": self._spelled(token), "logprob": log_prob, "bytes": list(self._bytes_of(token))}

    def _completion_log_probs(self, choice: Choice, log_probs: Sequence[TokenLogProb]) -> dict[str, Any]:
        tokens = [self._spelled(token) for token in (*choice.unscored, *(one.token for one in log_probs))]
        offsets = [choice.offset]
        for token in tokens[:-1]:
            offsets.append(offsets[-1] + len(token))
        unscored = [None] * len(choice.unscored)
        return {
            "tokens": tokens,
            "token_logprobs": [*unscored, *(one.log_prob for one in log_probs)],
            "top_logprobs": [
                *unscored,
                *({self._spelled(token): value for token, value in one.top} for one in log_probs),
            ],
            "text_offset": offsets[: len(tokens)],
        }

    def _spelled(self, token: int) -> str:
        return self._bytes_of(token).decode("utf-8", "replace")

    def _bytes_of(self, token: int) -> bytes:
        """Ids beyond the vocabulary come from padding of the embedding matrix."""
        return self._bytes[token] if token < len(self._bytes) else b""


def usage(prompt_tokens: int, answer_tokens: int) -> dict[str, int]:
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": answer_tokens,
        "total_tokens": prompt_tokens + answer_tokens,
    }

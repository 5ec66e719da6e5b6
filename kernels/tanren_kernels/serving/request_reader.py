"""From the body of an HTTP request to what the engine is asked. It takes time: never on the event loop."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence

from ..inference.engine import Request
from ..inference.grammar import Grammar, Grammars
from ..inference.sampling import Sampling
from ..model.pretrained import Pretrained
from ..tokenizer import chatml
from .api_error import ApiError, context_length_exceeded, prompt_too_long
from .openai_answers import Route
from .openai_requests import ChatRequest, CompletionRequest, Message, TextFormat, TokenizeRequest, parse

Asked = ChatRequest | CompletionRequest


class RequestReader:
    """Reads requests to one model. Its methods raise ApiError."""

    def __init__(self, ready: Pretrained, context_length: int, check_name: Callable[[str], None]) -> None:
        """`check_name` raises ApiError for the name of a model that is not served."""
        self._ready = ready
        self._context_length = context_length
        self._check_name = check_name
        self._grammars = Grammars(ready.tokenizer.content, ready.stop_tokens)

    def tokens(self, body: bytes) -> list[int]:
        asked = parse(body, TokenizeRequest)
        if asked.model is not None:
            self._check_name(asked.model)
        if (asked.prompt is None) == (asked.messages is None):
            raise ApiError(400, "Parameter prompt or messages must be given, and not both.", param="prompt")
        if asked.prompt is not None:
            return self._of_prompt(asked.prompt)
        return self._of_messages(asked.messages or [])

    def requests(self, body: bytes, route: Route) -> tuple[Asked, list[Request]]:
        asked: Asked = parse(body, ChatRequest) if route == "chat" else parse(body, CompletionRequest)
        self._check_name(asked.model)
        if isinstance(asked, ChatRequest):
            prompts = [self._of_messages(asked.messages)]
        else:
            if asked.best_of not in (None, asked.choices):
                raise ApiError(
                    400, "Parameter best_of must be equal to n.", param="best_of", code="unsupported_value"
                )
            prompts = [self._of_prompt(prompt) for prompt in asked.prompts]
        grammar = self._grammar(asked)
        numbers = range(asked.choices)
        return asked, [
            self._request(asked, prompt, number, grammar) for prompt in prompts for number in numbers
        ]

    def _grammar(self, asked: Asked) -> Grammar | None:
        form = asked.response_format if isinstance(asked, ChatRequest) else None
        if form is None or isinstance(form, TextFormat):
            return None
        try:
            return self._grammars.json_schema(form.schema_of_answer)
        except ValueError as problem:
            raise ApiError(
                400,
                f"Parameter response_format: the schema cannot be held to: {problem}.",
                param="response_format",
                code="invalid_value",
            ) from None

    def _request(self, asked: Asked, prompt: list[int], number: int, grammar: Grammar | None) -> Request:
        """The `number`th answer to a prompt; a seed that is given is that of the first one."""
        room = self._context_length - len(prompt)
        limit = room if asked.token_limit is None else asked.token_limit
        echoed = isinstance(asked, CompletionRequest) and bool(asked.echo)
        needed = 0 if echoed and asked.token_limit == 0 else max(limit, 1)
        if needed > room:
            raise context_length_exceeded(self._context_length, len(prompt), needed, asked.texts_param)
        if limit == 0 and not echoed:
            raise ApiError(
                400,
                "Parameter max_tokens must be at least 1; 0 goes with echo alone.",
                param="max_tokens",
                code="invalid_value",
            )
        return Request(
            prompt,
            limit,
            self._sampling(asked, number),
            self._ready.stop_tokens,
            asked.stop_strings,
            asked.top_log_probs,
            scores_prompt=echoed and (limit == 0 or asked.top_log_probs is not None),
            grammar=grammar,
        )

    def _sampling(self, asked: Asked, number: int) -> Sampling:
        bias = []
        for token, value in (asked.logit_bias or {}).items():
            if not token.isdecimal() or int(token) >= self._ready.tokenizer.vocabulary_size:
                raise ApiError(
                    400,
                    f"Parameter logit_bias: {token!r:.40} is no token id of this model.",
                    param="logit_bias",
                    code="invalid_value",
                )
            bias.append((int(token), value))
        return Sampling(
            temperature=1.0 if asked.temperature is None else asked.temperature,
            top_p=1.0 if asked.top_p is None else asked.top_p,
            seed=secrets.randbits(63) if asked.seed is None else asked.seed + number,
            presence_penalty=asked.presence_penalty or 0.0,
            frequency_penalty=asked.frequency_penalty or 0.0,
            logit_bias=tuple(bias),
        )

    def _of_messages(self, messages: Sequence[Message]) -> list[int]:
        self._refuse_too_long([message.text for message in messages], "messages")
        rendered: list[chatml.Message] = [
            {"role": "system" if m.role == "developer" else m.role, "content": m.text} for m in messages
        ]
        return chatml.render_prompt(rendered, self._ready.tokenizer)

    def _of_prompt(self, prompt: str | list[int]) -> list[int]:
        text = self._ready.tokenizer
        if isinstance(prompt, str):
            self._refuse_too_long([prompt], "prompt")
            return [text.end_of_text, *text.encode_plain(prompt)]
        if any(not 0 <= token < text.vocabulary_size for token in prompt):
            raise ApiError(
                400,
                f"Parameter prompt: token ids must be from 0 to {text.vocabulary_size - 1}.",
                param="prompt",
                code="invalid_value",
            )
        return prompt

    def _refuse_too_long(self, texts: Sequence[str], param: str) -> None:
        """Before one prompt's texts are encoded."""
        if self._ready.tokenizer.exceeds(texts, self._context_length):
            raise prompt_too_long(self._context_length, param)

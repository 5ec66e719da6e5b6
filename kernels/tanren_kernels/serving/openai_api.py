"""The wire format of OpenAI's chat completions and completions: requests, answers, stream chunks, errors.

Source: OpenAI API reference, "Chat Completions" and "Completions". A parameter that is not carried out is
refused by name; none is silently ignored.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..inference.engine import Finish

MAX_STOP_STRINGS = 4
MAX_MESSAGES = 16_384


class ApiError(Exception):
    """An error as the client sees it: HTTP status and the `error` object."""

    def __init__(
        self,
        status: int,
        message: str,
        kind: str = "invalid_request_error",
        param: str | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers: dict[str, str] = {}
        self.body = {"error": {"message": message, "type": kind, "param": param, "code": code}}


class TextPart(BaseModel):
    model_config = ConfigDict(extra="forbid")
    type: Literal["text"]
    text: str


class Message(BaseModel):
    model_config = ConfigDict(extra="forbid")
    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[TextPart]
    name: None = None

    @property
    def text(self) -> str:
        return self.content if isinstance(self.content, str) else "".join(part.text for part in self.content)


class StreamOptions(BaseModel):
    model_config = ConfigDict(extra="forbid")
    include_usage: bool = False


class _Request(BaseModel):
    """What both routes share.

    The fields of literal type exist to accept the values that change nothing, and to refuse all others.
    """

    model_config = ConfigDict(extra="forbid")
    model: str
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] | None = None
    stop: str | Annotated[list[str], Field(max_length=MAX_STOP_STRINGS)] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    user: str | None = None
    n: Literal[1] | None = None
    presence_penalty: Literal[0] | None = None
    frequency_penalty: Literal[0] | None = None
    logit_bias: Annotated[dict[str, float], Field(max_length=0)] | None = None

    @property
    def stop_strings(self) -> tuple[str, ...]:
        return () if self.stop is None else (self.stop,) if isinstance(self.stop, str) else tuple(self.stop)

    @property
    def streams(self) -> bool:
        return bool(self.stream)

    @property
    def streams_usage(self) -> bool:
        return self.stream_options is not None and self.stream_options.include_usage


class TextFormat(BaseModel):
    model_config = ConfigDict(extra="forbid")
    type: Literal["text"]


class ChatRequest(_Request):
    messages: Annotated[list[Message], Field(min_length=1, max_length=MAX_MESSAGES)]
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    logprobs: Literal[False] | None = None
    response_format: TextFormat | None = None

    @property
    def texts(self) -> list[str]:
        """What must be encoded."""
        return [message.text for message in self.messages]

    @property
    def texts_param(self) -> str:
        return "messages"

    @property
    def token_limit(self) -> int | None:
        """Most tokens to answer with; None: as many as the context holds."""
        return self.max_completion_tokens if self.max_completion_tokens is not None else self.max_tokens


class CompletionRequest(_Request):
    prompt: (
        str
        | Annotated[list[str], Field(min_length=1, max_length=1)]
        | Annotated[list[int], Field(min_length=1)]
    )
    echo: Literal[False] | None = None
    logprobs: None = None
    suffix: None = None
    best_of: Literal[1] | None = None

    @property
    def texts(self) -> list[str]:
        """What must be encoded."""
        parts = [self.prompt] if isinstance(self.prompt, str) else self.prompt
        return [part for part in parts if isinstance(part, str)]

    @property
    def texts_param(self) -> str:
        return "prompt"

    @property
    def token_limit(self) -> int | None:
        return 16 if self.max_tokens is None else self.max_tokens


def parse(body: bytes, shape: type[ChatRequest] | type[CompletionRequest]) -> ChatRequest | CompletionRequest:
    """Raises ApiError 400 that names the first field that is wrong."""
    try:
        return shape.model_validate_json(body, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
    if first["type"] == "json_invalid":
        raise ApiError(400, f"The body is not JSON: {first['msg']}.")
    # The location also names branches of unions and list places; OpenAI names the parameter alone.
    param = str(first["loc"][0]) if first["loc"] else None
    path = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        raise ApiError(
            400,
            f"Parameter {path} is not supported here; leave it out.",
            param=param,
            code="unsupported_parameter",
        )
    code = "unsupported_value" if first["type"] == "literal_error" else "invalid_value"
    raise ApiError(400, f"Parameter {path}: {first['msg']}.", param=param, code=code)


def context_length_exceeded(
    context_length: int, prompt_tokens: int, answer_tokens: int, param: str
) -> ApiError:
    return ApiError(
        400,
        f"This model's context holds {context_length} tokens, but {prompt_tokens} of the prompt and "
        f"{answer_tokens} of the answer were asked for; "
        "shorten the prompt or ask for fewer tokens.",
        param=param,
        code="context_length_exceeded",
    )


def prompt_too_long(context_length: int, param: str) -> ApiError:
    return ApiError(
        400,
        f"This model's context holds {context_length} tokens, and the prompt alone has more; shorten it.",
        param=param,
        code="context_length_exceeded",
    )


class Envelope:
    """The fields that all parts of one answer share. `created` is in seconds since 1970."""

    def __init__(
        self, route: Literal["chat", "completions"], identity: str, created: int, model: str
    ) -> None:
        self._chat = route == "chat"
        self._head = {
            "id": ("chatcmpl-" if self._chat else "cmpl-") + identity,
            "created": created,
            "model": model,
        }

    def answer(self, text: str, finish: Finish, prompt_tokens: int, answer_tokens: int) -> dict[str, Any]:
        if self._chat:
            choice: dict[str, Any] = {
                "index": 0,
                "message": {"role": "assistant", "content": text, "refusal": None},
            }
        else:
            choice = {"index": 0, "text": text}
        choice |= {"logprobs": None, "finish_reason": finish}
        name = "chat.completion" if self._chat else "text_completion"
        return {
            "object": name,
            **self._head,
            "choices": [choice],
            "usage": usage(prompt_tokens, answer_tokens),
        }

    def opening(self) -> dict[str, Any] | None:
        """The first chunk of a chat stream says the role; a completion stream has none such."""
        return (
            self._chunk(
                [
                    {
                        "index": 0,
                        "delta": {"role": "assistant", "content": ""},
                        "logprobs": None,
                        "finish_reason": None,
                    }
                ]
            )
            if self._chat
            else None
        )

    def part(self, text: str, finish: Finish | None) -> dict[str, Any]:
        """A chunk with new text, or, with a finish reason and no text, the last one that has a choice."""
        content: dict[str, Any] = (
            {"delta": {"content": text} if text else {}} if self._chat else {"text": text}
        )
        return self._chunk([{"index": 0, **content, "logprobs": None, "finish_reason": finish}])

    def closing_usage(self, prompt_tokens: int, answer_tokens: int) -> dict[str, Any]:
        return {**self._chunk([]), "usage": usage(prompt_tokens, answer_tokens)}

    def _chunk(self, choices: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "object": "chat.completion.chunk" if self._chat else "text_completion",
            **self._head,
            "choices": choices,
        }


def usage(prompt_tokens: int, answer_tokens: int) -> dict[str, int]:
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": answer_tokens,
        "total_tokens": prompt_tokens + answer_tokens,
    }

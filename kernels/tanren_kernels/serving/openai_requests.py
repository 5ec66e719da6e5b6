"""The wire format of OpenAI's chat completions and completions: what may be asked.

Source: OpenAI API reference, "Chat Completions" and "Completions"; of /tokenize vLLM's documentation,
"OpenAI-compatible server". A parameter that is not carried out is refused by name; those that clients send by
habit and whose value changes nothing are accepted with that value.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from .api_error import ApiError

MAX_STOP_STRINGS = 4
MAX_MESSAGES = 16_384
MAX_CHOICES = 64
MAX_PROMPTS = 256
MAX_TOP_LOG_PROBS = 20

Penalty = Annotated[float, Field(ge=-2, le=2)]
Empty = Annotated[list[Any], Field(max_length=0)]


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class TextPart(Part):
    type: Literal["text"]
    text: str


class Message(Part):
    """A message as clients send it, and as they echo it back when it was an answer.

    `name` has no effect: no template that is rendered here has a place for it.
    """

    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[TextPart] | None = Field(description="a text, or a list of parts of type text")
    name: str | None = None
    refusal: None = None
    tool_calls: Empty | None = None
    function_call: None = None
    audio: None = None
    annotations: Empty | None = None

    @property
    def text(self) -> str:
        if self.content is None:
            return ""
        return self.content if isinstance(self.content, str) else "".join(part.text for part in self.content)


class StreamOptions(Part):
    include_usage: bool = False
    include_obfuscation: Literal[False] | None = None


class TextFormat(Part):
    type: Literal["text"]


class JsonObjectFormat(Part):
    type: Literal["json_object"]

    @property
    def schema_of_answer(self) -> dict[str, Any]:
        return {"type": "object"}


class JsonSchema(BaseModel):
    """`name`, `description` and `strict` have no effect: every answer keeps to its schema."""

    model_config = ConfigDict(extra="forbid", serialize_by_alias=True)
    name: str
    description: str | None = None
    strict: bool | None = None
    schema_: dict[str, Any] = Field(alias="schema")


class JsonSchemaFormat(Part):
    type: Literal["json_schema"]
    json_schema: JsonSchema

    @property
    def schema_of_answer(self) -> dict[str, Any]:
        return self.json_schema.schema_


ResponseFormat = Annotated[TextFormat | JsonObjectFormat | JsonSchemaFormat, Field(discriminator="type")]


class CompletionParameters(Part):
    """What both routes share. Fields of literal type are accepted where their value changes nothing."""

    model: str
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] | None = None
    stop: str | Annotated[list[str], Field(max_length=MAX_STOP_STRINGS)] | None = Field(
        default=None, description=f"a text, or a list of at most {MAX_STOP_STRINGS} texts"
    )
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    user: str | None = None
    n: Annotated[int, Field(ge=1, le=MAX_CHOICES)] | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    logit_bias: dict[str, Annotated[float, Field(ge=-100, le=100)]] | None = None

    @property
    def choices(self) -> int:
        return self.n or 1

    @property
    def stop_strings(self) -> tuple[str, ...]:
        return () if self.stop is None else (self.stop,) if isinstance(self.stop, str) else tuple(self.stop)

    @property
    def streams_usage(self) -> bool:
        return self.stream_options is not None and self.stream_options.include_usage


class ChatRequest(CompletionParameters):
    messages: Annotated[list[Message], Field(min_length=1, max_length=MAX_MESSAGES)]
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=MAX_TOP_LOG_PROBS)] | None = None
    response_format: ResponseFormat | None = None
    tools: Empty | None = None
    tool_choice: Literal["none", "auto"] | None = None
    parallel_tool_calls: bool | None = None
    functions: Empty | None = None
    modalities: Annotated[list[Literal["text"]], Field(max_length=1)] | None = None
    metadata: dict[str, str] | None = None
    store: Literal[False] | None = None
    service_tier: Literal["auto", "default"] | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    reasoning_effort: None = None
    verbosity: None = None
    prediction: None = None
    audio: None = None
    web_search_options: None = None

    @property
    def texts_param(self) -> str:
        return "messages"

    @property
    def token_limit(self) -> int | None:
        """Most tokens to answer with; None: as many as the context holds."""
        return self.max_completion_tokens if self.max_completion_tokens is not None else self.max_tokens

    @property
    def top_log_probs(self) -> int | None:
        return (self.top_logprobs or 0) if self.logprobs else None


TokenIds = Annotated[list[int], Field(min_length=1)]


class CompletionRequest(CompletionParameters):
    prompt: (
        str
        | TokenIds
        | Annotated[list[str], Field(min_length=1, max_length=MAX_PROMPTS)]
        | Annotated[list[TokenIds], Field(min_length=1, max_length=MAX_PROMPTS)]
    ) = Field(description=f"a text, a list of token ids, or a list of at most {MAX_PROMPTS} of either")
    max_tokens: Annotated[int, Field(ge=0)] | None = None
    echo: bool | None = None
    logprobs: Annotated[int, Field(ge=0, le=MAX_TOP_LOG_PROBS)] | None = None
    suffix: Literal[""] | None = None
    best_of: int | None = None

    @property
    def prompts(self) -> list[str | list[int]]:
        """One or several."""
        if isinstance(self.prompt, str):
            return [self.prompt]
        ids = [part for part in self.prompt if isinstance(part, int)]
        return [ids] if ids else [part for part in self.prompt if not isinstance(part, int)]

    @property
    def texts_param(self) -> str:
        return "prompt"

    @property
    def token_limit(self) -> int | None:
        return 16 if self.max_tokens is None else self.max_tokens

    @property
    def top_log_probs(self) -> int | None:
        return self.logprobs


class TokenizeRequest(Part):
    """A prompt of either kind, of which the tokens are told."""

    model: str | None = None
    prompt: str | None = None
    messages: Annotated[list[Message], Field(min_length=1, max_length=MAX_MESSAGES)] | None = None


Shape = TypeVar("Shape", bound=BaseModel)


def parse(body: bytes, shape: type[Shape]) -> Shape:
    """Raises ApiError 400 that names the first field that is wrong."""
    try:
        return shape.model_validate_json(body, strict=True)
    except ValidationError as error:
        found: list[Any] = error.errors(include_url=False, include_input=False)
    first = found[0]
    if first["type"] == "json_invalid":
        raise ApiError(400, f"The body is not JSON: {first['msg']}.")
    if not first["loc"]:
        raise ApiError(400, "The body must be a JSON object.")
    # OpenAI names the parameter alone; the sentence says the place within it.
    param = str(first["loc"][0])
    if first["type"] == "extra_forbidden":
        path = ".".join(str(part) for part in first["loc"])
        raise ApiError(
            400,
            f"Parameter {path} is not supported here; leave it out.",
            param=param,
            code="unsupported_parameter",
        )
    code = "unsupported_value" if first["type"] in ("literal_error", "none_required") else "invalid_value"
    raise ApiError(400, f"Parameter {_where(first)} {_what(shape, param, found)}.", param=param, code=code)


def _where(problem: Any) -> str:
    """The place of a problem, without the names of a union's branches."""
    places = [str(part) for part in problem["loc"] if part not in ("str", "int")]
    return ".".join(place for place in places if re.fullmatch(r"[a-z_]+|[0-9]+", place))


def _what(shape: type[BaseModel], param: str, found: list[Any]) -> str:
    """What a value must be, said once where each branch of a union has its own complaint."""
    field = shape.model_fields.get(param)
    branches = {tuple(problem["loc"]) for problem in found if problem["loc"][0] == param}
    if field is not None and field.description and len(branches) > 1:
        return f"must be {field.description}"
    first = found[0]
    bounds = first.get("ctx", {})
    match first["type"]:
        case "missing":
            return "is missing"
        case "string_type":
            return "must be a text"
        case "bool_type":
            return "must be true or false"
        case "int_type" | "int_from_float":
            return "must be a whole number"
        case "float_type" | "finite_number":
            return "must be a number"
        case "list_type":
            return "must be a list"
        case "dict_type" | "model_type":
            return "must be an object"
        case "none_required":
            return "is not supported here; leave it out"
        case "literal_error":
            return f"must be {bounds['expected']}"
        case "greater_than_equal":
            return f"must be at least {bounds['ge']:g}"
        case "greater_than":
            return f"must be over {bounds['gt']:g}"
        case "less_than_equal":
            return f"must be at most {bounds['le']:g}"
        case "less_than":
            return f"must be below {bounds['lt']:g}"
        case "too_short":
            return f"must have at least {bounds['min_length']} entries"
        case "too_long":
            return f"must have at most {bounds['max_length']} entries"
    return f"is not understood: {first['msg'].lower()}"

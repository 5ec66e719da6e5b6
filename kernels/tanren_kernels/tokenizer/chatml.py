"""ChatML: `<|im_start|>{role}\\n{content}<|im_end|>\\n` per turn; an answer is generated after
`<|im_start|>assistant\\n`.

Special tokens are put in by id and contents are encoded apart from the frame around them, so that no content
can end its own turn and an answer has the same ids in training as when it is generated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..runtime.errors import KernelError
from .tokenizer import TextTokenizer

ROLES = ("system", "user", "assistant")

TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + "
    "'<|im_end|>' + '\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
"""The same rendering in Jinja, for `chat_template` of tokenizer_config.json."""


Message = Mapping[str, str]
"""`role` (one of ROLES) and `content`."""


@dataclass
class Rendering:
    """Token ids, whether each is supervised, and where each assistant turn's `<|im_end|>` stands."""

    tokens: list[int] = field(default_factory=list)
    supervised: list[bool] = field(default_factory=list)
    answer_ends: list[int] = field(default_factory=list)

    def extend(self, tokens: Sequence[int], supervised: bool = False) -> None:
        self.tokens.extend(tokens)
        self.supervised.extend([supervised] * len(tokens))


def parse(body: Any, where: str) -> list[Message]:
    """Messages of a JSON value; `where` (file, line and field) opens the sentence of InvalidData."""
    if not isinstance(body, list) or not body:
        raise KernelError("InvalidData", f"{where} is not a list of messages; give [{{role, content}}, ...].")
    for position, item in enumerate(body):
        if (
            not isinstance(item, dict)
            or item.get("role") not in ROLES
            or not isinstance(item.get("content"), str)
        ):
            raise KernelError(
                "InvalidData",
                f"{where}[{position}] needs role system, user or assistant and a text as content.",
            )
    return [{"role": item["role"], "content": item["content"]} for item in body]


def _turn_start(role: str, tokenizer: TextTokenizer) -> list[int]:
    return [tokenizer.message_start, *tokenizer.encode_plain(f"{role}\n")]


def render(messages: Sequence[Message], tokenizer: TextTokenizer) -> Rendering:
    """A whole conversation; supervised are contents of the assistant and the `<|im_end|>` that ends them."""
    rendering = Rendering()
    for message in messages:
        answer = message["role"] == "assistant"
        rendering.extend(_turn_start(message["role"], tokenizer))
        rendering.extend(
            [*tokenizer.encode_plain(message["content"]), tokenizer.message_end], supervised=answer
        )
        if answer:
            rendering.answer_ends.append(len(rendering.tokens) - 1)
        rendering.extend(tokenizer.encode_plain("\n"))
    return rendering


def render_prompt(messages: Sequence[Message], tokenizer: TextTokenizer) -> list[int]:
    """Ids after which the assistant's answer is generated; it ends with `<|im_end|>`."""
    return render(messages, tokenizer).tokens + _turn_start("assistant", tokenizer)

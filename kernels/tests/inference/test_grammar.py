from __future__ import annotations

import json
from typing import Any

import pytest
import tiny

from tanren_kernels.inference.engine import Engine, Request
from tanren_kernels.inference.grammar import Grammars
from tanren_kernels.inference.sampling import Sampling
from tanren_kernels.tokenizer.detokenizer import token_bytes

TEXT = tiny.text_tokenizer()
STOPS = frozenset({TEXT.end_of_text, TEXT.message_end})
GRAMMARS = Grammars(TEXT.content, STOPS)

PERSON = {
    "type": "object",
    "properties": {
        "name": {"enum": ["猫", "鳥"]},
        "age": {"type": "integer", "minimum": 1, "maximum": 99},
        "tags": {"type": "array", "items": {"type": "boolean"}, "maxItems": 3},
    },
    "required": ["name", "age", "tags"],
    "additionalProperties": False,
}


def answers(schema: dict[str, Any], count: int, most: int = 160) -> list[tuple[str, str | None]]:
    """What an untrained model says, which by itself is noise."""
    engine = Engine(tiny.model(), token_bytes(TEXT.core), slots=4, max_tokens=200)
    grammar = GRAMMARS.json_schema(schema)
    samplings = [Sampling(1.0, 1.0, seed) for seed in range(count)]
    prompt = TEXT.encode_plain("吾輩は")
    requests = [Request(prompt, most, sampling, STOPS, grammar=grammar) for sampling in samplings]
    return [(generation.text, generation.finish) for generation in engine.run(requests)]


def test_every_answer_keeps_to_its_schema() -> None:
    for text, finish in answers(PERSON, 12):
        assert finish == "stop", text
        said = json.loads(text)
        assert list(said) == ["name", "age", "tags"]
        assert said["name"] in ("猫", "鳥") and 1 <= said["age"] <= 99 and len(said["tags"]) <= 3
        assert all(isinstance(tag, bool) for tag in said["tags"])


def test_an_answer_that_is_cut_off_has_kept_to_it_so_far() -> None:
    (text, finish), *_ = answers({"type": "array", "items": {"type": "integer"}, "minItems": 200}, 1, 20)
    assert finish == "length" and text.startswith("[") and set(text) <= set("[]-0123456789, ")


@pytest.mark.parametrize("schema", [{"type": "wish"}, {"enum": []}, {"$ref": "#/nowhere"}])
def test_a_schema_that_cannot_be_held_to_is_refused(schema: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        GRAMMARS.json_schema(schema)

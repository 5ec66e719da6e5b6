"""What the official client sends by habit, and what evaluation harnesses ask."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from types import NoneType
from typing import Any

import pytest
import tiny
import torch
from serve_process import CHAT, Running, running_in

from tanren_kernels import serving
from tanren_kernels.model.llama import Llama
from tanren_kernels.serving.openai_requests import ChatRequest, CompletionRequest


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running_in(tmp_path_factory.mktemp("openai")) as running:
        yield running


TEXT = tiny.text_tokenizer()
PROMPT = {"model": "tiny", "prompt": "吾輩は", "max_tokens": 12, "temperature": 0}


def ask(server: Running, route: str, **asked: Any) -> dict[str, Any]:
    response = server.client.post(f"/v1/{route}", json=asked)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def chunks(server: Running, route: str, **asked: Any) -> list[dict[str, Any]]:
    with server.client.stream("POST", f"/v1/{route}", json={**asked, "stream": True}) as response:
        lines = [line.removeprefix("data: ") for line in response.read().decode().split("\n\n")]
    assert lines[-2:] == ["[DONE]", ""]
    return [json.loads(line) for line in lines[:-2]]


def log_probs(model: Llama, tokens: list[int]) -> torch.Tensor:
    """[T - 1, V]: of each token's followers, by the whole forward pass."""
    with torch.inference_mode():
        return torch.log_softmax(model(torch.tensor([tokens]))[0, :-1].double(), dim=-1)


def test_an_answer_is_echoed_back_as_the_client_got_it(server: Running) -> None:
    first = ask(server, "chat/completions", **CHAT)
    echoed = {**first["choices"][0]["message"], "tool_calls": None, "function_call": None, "audio": None}
    echoed |= {"annotations": []}
    question = [{"role": "user", "content": "猫とは何ですか。"}]
    following = [*question, echoed, {"role": "user", "content": "川", "name": "alice"}]
    second = ask(server, "chat/completions", **{**CHAT, "messages": following})
    plain = [
        *question,
        {"role": "assistant", "content": echoed["content"]},
        {"role": "user", "content": "川"},
    ]
    assert second["choices"] == ask(server, "chat/completions", **{**CHAT, "messages": plain})["choices"]


def test_values_that_change_nothing_are_accepted(server: Running) -> None:
    habits: dict[str, Any] = {
        "n": 1,
        "tools": [],
        "tool_choice": "none",
        "parallel_tool_calls": True,
        "response_format": {"type": "text"},
        "logit_bias": {},
        "presence_penalty": 0,
        "frequency_penalty": 0.0,
        "logprobs": False,
        "top_logprobs": None,
        "stop": None,
        "seed": None,
        "user": "someone",
        "metadata": {"a": "b"},
        "store": False,
        "service_tier": "auto",
        "modalities": ["text"],
        "stream": False,
        "stream_options": None,
    }
    assert (
        ask(server, "chat/completions", **CHAT, **habits)["choices"]
        == (ask(server, "chat/completions", **CHAT)["choices"])
    )


def test_several_answers_are_those_of_seeds_that_follow_each_other(server: Running) -> None:
    drawn = {**CHAT, "temperature": 1.2, "max_tokens": 20}
    alone = [
        ask(server, "chat/completions", **drawn, seed=seed)["choices"][0]["message"]["content"]
        for seed in (5, 6, 7)
    ]
    answer = ask(server, "chat/completions", **drawn, seed=5, n=3)
    assert [choice["index"] for choice in answer["choices"]] == [0, 1, 2]
    assert [choice["message"]["content"] for choice in answer["choices"]] == alone
    one = ask(server, "chat/completions", **drawn, seed=5)["usage"]
    assert answer["usage"]["prompt_tokens"] == one["prompt_tokens"]
    texts = ["", "", ""]
    parts = chunks(server, "chat/completions", **drawn, seed=5, n=3)
    for choice in (part["choices"][0] for part in parts):
        texts[choice["index"]] += choice["delta"].get("content", "")
    assert texts == alone
    endings = [part["choices"][0]["index"] for part in parts if part["choices"][0]["finish_reason"]]
    assert sorted(endings) == [0, 1, 2]


def test_several_prompts_are_answered_in_their_order(server: Running) -> None:
    prompts = ["吾輩は", "The quick"]
    alone = [ask(server, "completions", **{**PROMPT, "prompt": one})["choices"][0]["text"] for one in prompts]
    together = ask(server, "completions", **{**PROMPT, "prompt": prompts})
    assert [choice["text"] for choice in together["choices"]] == alone
    ids = [[TEXT.end_of_text, *TEXT.encode_plain(one)] for one in prompts]
    assert ask(server, "completions", **{**PROMPT, "prompt": ids})["choices"] == together["choices"]


def test_log_probabilities_are_the_models_own(server: Running) -> None:
    prompt = [TEXT.end_of_text, *TEXT.encode_plain("吾輩は")]
    for temperature in (0, 1.3):
        choice = ask(server, "completions", **{**PROMPT, "temperature": temperature, "seed": 3}, logprobs=3)[
            "choices"
        ][0]
        told = choice["logprobs"]
        answer = ask(server, "completions", **{**PROMPT, "temperature": temperature, "seed": 3}, logprobs=0)[
            "choices"
        ][0]["logprobs"]
        assert answer["token_logprobs"] == told["token_logprobs"]
        assert len(told["tokens"]) == len(told["top_logprobs"]) == len(told["text_offset"]) > 0
        first = log_probs(tiny.model(), [*prompt, 0])[-1]
        values, ids = first.topk(3)
        spelled = {
            TEXT.decode([token]): value for token, value in zip(ids.tolist(), values.tolist(), strict=True)
        }
        assert told["top_logprobs"][0] == pytest.approx(spelled, abs=1e-5)


def test_a_chats_log_probabilities_come_with_its_tokens_whole_or_streamed(server: Running) -> None:
    asked = {**CHAT, "logprobs": True, "top_logprobs": 2}
    whole = ask(server, "chat/completions", **asked)["choices"][0]["logprobs"]["content"]
    streamed = [
        entry
        for part in chunks(server, "chat/completions", **asked)
        for entry in (part["choices"][0]["logprobs"] or {"content": []})["content"]
    ]
    assert streamed == whole and len(whole) > 0
    for entry in whole:
        assert bytes(entry["bytes"]).decode("utf-8", "replace") == entry["token"]
        assert entry["logprob"] == entry["top_logprobs"][0]["logprob"] <= 0  # greedy: the likeliest
        assert sum(math.exp(top["logprob"]) for top in entry["top_logprobs"]) <= 1 + 1e-9


def test_a_harness_scores_a_text_by_echoing_it(server: Running) -> None:
    tokens = TEXT.encode_plain("川は静かに流れ、鳥は木の上で鳴いている。")
    for most in (0, 1):
        choice = ask(
            server,
            "completions",
            model="tiny",
            prompt=tokens,
            max_tokens=most,
            echo=True,
            logprobs=1,
            temperature=0,
        )["choices"][0]
        told = choice["logprobs"]
        assert len(told["token_logprobs"]) == len(tokens) + most
        assert told["token_logprobs"][0] is None and told["top_logprobs"][0] is None
        expected = log_probs(tiny.model(), tokens)
        wanted = [float(row[token]) for row, token in zip(expected, tokens[1:], strict=True)]
        assert told["token_logprobs"][1 : len(tokens)] == pytest.approx(wanted, abs=1e-5)
        assert choice["text"].startswith(TEXT.decode(tokens))


def test_bias_and_penalties_change_the_choice(server: Running) -> None:
    forced = next(token for token in range(300, 500) if TEXT.decode([token]).isalpha())
    answer = ask(server, "completions", **{**PROMPT, "logit_bias": {str(forced): 100}})
    assert answer["choices"][0]["text"] == TEXT.decode([forced] * 12)
    # A token that has been said often enough is worth less than the other one.
    other = next(token for token in range(forced + 1, 600) if TEXT.decode([token]).isalpha())
    bias = {str(forced): 100, str(other): 90}
    asked = {**PROMPT, "logit_bias": bias, "frequency_penalty": 2}
    said = ask(server, "completions", **asked, logprobs=0)["choices"][0]["logprobs"]["tokens"]
    assert set(said) == {TEXT.decode([forced]), TEXT.decode([other])}
    asked = {**PROMPT, "logit_bias": bias, "presence_penalty": 2}
    assert ask(server, "completions", **asked)["choices"][0]["text"] == TEXT.decode([forced] * 12)


def test_tokens_of_a_prompt_are_told(server: Running) -> None:
    tokens = TEXT.encode_plain("吾輩は猫である")
    told = server.client.post("/tokenize", json={"model": "tiny", "prompt": "吾輩は猫である"}).json()
    assert told == {"count": len(tokens) + 1, "max_model_len": 200, "tokens": [TEXT.end_of_text, *tokens]}
    chat = server.client.post("/tokenize", json={"messages": CHAT["messages"]}).json()
    assert chat["count"] == ask(server, "chat/completions", **CHAT)["usage"]["prompt_tokens"]
    assert server.client.post("/tokenize", json={"model": "tiny"}).status_code == 400


def test_requests_bear_an_id_and_health_is_told_by_either_name(server: Running) -> None:
    given = server.client.get("/v1/models", headers={"x-request-id": "mine-1"})
    assert given.headers["x-request-id"] == "mine-1"
    strange = server.client.get("/v1/models", headers={"x-request-id": "two words"})
    assert strange.headers["x-request-id"] not in ("", "two words")
    assert server.client.get("/health").status_code == 200


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"temperature": "hot"}, "Parameter temperature must be a number."),
        ({"temperature": 3}, "Parameter temperature must be at most 2."),
        ({"n": 1.5}, "Parameter n must be a whole number."),
        ({"stream": 1}, "Parameter stream must be true or false."),
        ({"messages": [{"content": "x"}]}, "Parameter messages.0.role is missing."),
        ({"messages": [{"role": "user", "content": 5}]}, "Parameter messages.0.content must be"),
        ({"messages": []}, "Parameter messages must have at least 1 entries."),
        ({"stop": 5}, "Parameter stop must be a text, or a list of at most 4 texts."),
        ({"prediction": {}}, "Parameter prediction is not supported here; leave it out."),
        ({"top_k": 5}, "Parameter top_k is not supported here; leave it out."),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(server: Running, changes: dict[str, Any], sentence: str) -> None:
    response = server.client.post("/v1/chat/completions", json={**CHAT, **changes})
    assert response.status_code == 400
    assert response.json()["error"]["message"].startswith(sentence)


def test_an_unread_parameter_does_not_exist() -> None:
    """Every field that a request may have is read, accepts only what changes nothing, or says of the client
    and its keeping alone.
    """
    source = "".join(path.read_text() for path in Path(serving.__file__).parent.glob("*.py"))
    told_apart = {"user", "metadata", "safety_identifier", "prompt_cache_key", "parallel_tool_calls"}
    for shape in (ChatRequest, CompletionRequest):
        for name, field in shape.model_fields.items():
            read = f"asked.{name}" in source or f"self.{name}" in source
            inert = field.annotation is NoneType or "Literal" in str(field.annotation)
            empty = "max_length=0" in str(field)
            assert read or inert or empty or name in told_apart, name


def test_an_answer_has_the_form_that_was_asked_for(server: Running) -> None:
    schema = {
        "type": "object",
        "properties": {"answer": {"enum": ["yes", "no"]}},
        "required": ["answer"],
        "additionalProperties": False,
    }
    form = {"type": "json_schema", "json_schema": {"name": "vote", "strict": True, "schema": schema}}
    asked = {**CHAT, "max_tokens": 60, "temperature": 1.0, "response_format": form}
    for seed in range(4):
        (choice,) = ask(server, "chat/completions", **asked, seed=seed)["choices"]
        assert choice["finish_reason"] == "stop"
        assert json.loads(choice["message"]["content"])["answer"] in ("yes", "no")
    start = ask(server, "chat/completions", **{**asked, "response_format": {"type": "json_object"}})
    assert start["choices"][0]["message"]["content"].startswith("{")
    broken = {**form, "json_schema": {"name": "vote", "schema": {"type": "wish"}}}
    refused = server.client.post("/v1/chat/completions", json={**asked, "response_format": broken})
    assert refused.status_code == 400 and refused.json()["error"]["param"] == "response_format"

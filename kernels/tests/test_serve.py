from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
import tiny
from serve_process import (
    CHAT,
    CONTEXT,
    KEY,
    Running,
    body,
    free_port,
    prepare,
    running_in,
    wait_for,
    wait_until_ready,
)

from tanren_kernels import serve
from tanren_kernels.contract import ServeConfig
from tanren_kernels.inference.engine import Engine, Request
from tanren_kernels.inference.sampling import Sampling
from tanren_kernels.runtime.errors import KernelError
from tanren_kernels.serving import http_server
from tanren_kernels.tokenizer.detokenizer import token_bytes


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running_in(tmp_path_factory.mktemp("serve")) as running:
        yield running


def events(response: httpx.Response) -> list[dict[str, Any]]:
    """The JSON bodies of a stream whose framing is checked:
    each event one data line and one empty line, [DONE] the last.
    """
    frames = response.read().decode().split("\n\n")
    assert frames[-2:] == ["data: [DONE]", ""]
    assert all(frame.startswith("data: ") and "\n" not in frame for frame in frames[:-1])
    return [json.loads(frame.removeprefix("data: ")) for frame in frames[:-2]]


def test_a_chat_completion_has_openais_shape_and_the_engines_answer(server: Running) -> None:
    response = server.client.post("/v1/chat/completions", json=CHAT)
    assert response.status_code == 200
    answer = response.json()
    assert (
        answer["object"] == "chat.completion"
        and answer["id"].startswith("chatcmpl-")
        and answer["model"] == "tiny"
    )
    assert abs(answer["created"] - time.time()) < 60
    (choice,) = answer["choices"]
    text = tiny.text_tokenizer()
    prompt = [
        text.message_start,
        *text.encode_plain("user\n"),
        *text.encode_plain("猫とは何ですか。"),
        text.message_end,
        *text.encode_plain("\n"),
    ]
    prompt += [text.message_start, *text.encode_plain("assistant\n")]
    stops = frozenset({text.end_of_text, text.message_end})
    (expected,) = Engine(tiny.model(), token_bytes(text.core), 1, 128).run(
        [Request(prompt, 12, Sampling(0, 1, 0), stops)]
    )
    assert choice["message"]["role"] == "assistant" and choice["message"]["content"] == expected.text
    assert choice["finish_reason"] == expected.finish
    assert answer["usage"] == {
        "prompt_tokens": len(prompt),
        "completion_tokens": len(expected.tokens),
        "total_tokens": len(prompt) + len(expected.tokens),
    }


@pytest.mark.parametrize("sampler", [{"temperature": 0}, {"temperature": 1.2, "top_p": 0.9, "seed": 7}])
def test_a_stream_says_what_the_whole_answer_says(server: Running, sampler: dict[str, Any]) -> None:
    request = {**CHAT, **sampler, "max_tokens": 40}
    whole = server.client.post("/v1/chat/completions", json=request).json()
    with server.client.stream(
        "POST",
        "/v1/chat/completions",
        json={**request, "stream": True, "stream_options": {"include_usage": True}},
    ) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        chunks = events(response)
    assert {(chunk["id"], chunk["object"]) for chunk in chunks} == {
        (chunks[0]["id"], "chat.completion.chunk")
    }
    assert chunks[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert chunks[-1]["choices"] == [] and chunks[-1]["usage"] == whole["usage"]
    assert all(chunk["usage"] is None for chunk in chunks[:-1])
    said = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks[:-1])
    assert said == whole["choices"][0]["message"]["content"] != ""
    assert chunks[-2]["choices"][0] == {
        "index": 0,
        "delta": {},
        "logprobs": None,
        "finish_reason": whole["choices"][0]["finish_reason"],
    }


def test_completions_have_their_own_shape_and_sixteen_tokens_unless_asked(server: Running) -> None:
    request = {"model": "tiny", "prompt": "吾輩は", "temperature": 0}
    whole = server.client.post("/v1/completions", json=request).json()
    assert whole["object"] == "text_completion" and whole["id"].startswith("cmpl-")
    assert whole["usage"]["completion_tokens"] <= 16
    with server.client.stream("POST", "/v1/completions", json={**request, "stream": True}) as response:
        chunks = events(response)
    assert all(chunk["object"] == "text_completion" and "usage" not in chunk for chunk in chunks)
    assert "".join(chunk["choices"][0]["text"] for chunk in chunks) == whole["choices"][0]["text"]
    text = tiny.text_tokenizer()
    by_ids = server.client.post(
        "/v1/completions", json={**request, "prompt": [text.end_of_text, *text.encode_plain("吾輩は")]}
    ).json()
    in_a_list = server.client.post("/v1/completions", json={**request, "prompt": ["吾輩は"]}).json()
    assert by_ids["choices"] == in_a_list["choices"] == whole["choices"]


def test_a_stop_string_ends_the_answer_with_stop(server: Running) -> None:
    request = {"model": "tiny", "prompt": "吾輩は", "temperature": 0, "max_tokens": 40}
    whole = server.client.post("/v1/completions", json=request).json()["choices"][0]["text"]
    word = whole[3:5]
    for stop in (word, ["never said", word]):
        choice = server.client.post("/v1/completions", json={**request, "stop": stop}).json()["choices"][0]
        assert (choice["text"], choice["finish_reason"]) == (whole[: whole.index(word)], "stop")


@pytest.mark.parametrize(
    ("changes", "param", "code"),
    [
        ({"n": 0}, "n", "invalid_value"),
        ({"n": 9}, "n", "invalid_value"),
        ({"temperature": 3}, "temperature", "invalid_value"),
        ({"top_p": 0}, "top_p", "invalid_value"),
        ({"max_tokens": 0}, "max_tokens", "invalid_value"),
        ({"messages": []}, "messages", "invalid_value"),
        ({"messages": [{"role": "wizard", "content": "x"}]}, "messages", "unsupported_value"),
        ({"stop": ["a", "b", "c", "d", "e"]}, "stop", "invalid_value"),
        ({"tools": [{"type": "function"}]}, "tools", "invalid_value"),
        ({"tool_choice": "required"}, "tool_choice", "unsupported_value"),
        ({"thinking": True}, "thinking", "unsupported_parameter"),
        ({"top_logprobs": 21}, "top_logprobs", "invalid_value"),
        ({"logit_bias": {"x": 1}}, "logit_bias", "invalid_value"),
        ({"presence_penalty": -2.5}, "presence_penalty", "invalid_value"),
        ({"max_tokens": CONTEXT}, "messages", "context_length_exceeded"),
        ({"messages": [{"role": "user", "content": "猫" * CONTEXT}]}, "messages", "context_length_exceeded"),
    ],
)
def test_what_is_not_carried_out_is_refused_by_name(
    server: Running, changes: dict[str, Any], param: str, code: str
) -> None:
    response = server.client.post("/v1/chat/completions", json={**CHAT, **changes})
    error = response.json()["error"]
    assert response.status_code == 400
    assert (error["type"], error["param"], error["code"]) == ("invalid_request_error", param, code)
    assert param in error["message"] or code == "context_length_exceeded"


def test_other_errors_have_openais_shape_too(server: Running) -> None:
    def error(response: httpx.Response) -> tuple[int, Any]:
        return response.status_code, response.json()["error"]["code"]

    assert error(server.client.post("/v1/chat/completions", json={**CHAT, "model": "other"})) == (
        404,
        "model_not_found",
    )
    assert error(server.client.post("/v1/chat/completions", content=b"{")) == (400, None)
    assert error(server.client.post("/v1/chat/completions", content=b" " * (8 * 2**20 + 1))) == (
        413,
        "request_too_large",
    )
    assert error(server.client.get("/v1/nothing")) == (404, None)
    assert error(server.client.get("/v1/chat/completions")) == (405, None)
    assert error(server.client.post("/v1/completions", json={"model": "tiny", "prompt": [10**6]})) == (
        400,
        "invalid_value",
    )


def test_special_tokens_in_a_message_are_plain_text(server: Running) -> None:
    plain = server.client.post("/v1/chat/completions", json=CHAT).json()["usage"]["prompt_tokens"]
    content = CHAT["messages"][0]["content"] + "<|im_end|>"  # type: ignore[index]
    spelled = server.client.post(
        "/v1/chat/completions", json={**CHAT, "messages": [{"role": "user", "content": content}]}
    ).json()
    assert spelled["usage"]["prompt_tokens"] == plain + len(
        tiny.text_tokenizer().encode_plain(content)
    ) - len(tiny.text_tokenizer().encode_plain("猫とは何ですか。"))
    assert len(tiny.text_tokenizer().encode_plain("<|im_end|>")) > 1


def test_models_are_listed(server: Running) -> None:
    listed = server.client.get("/v1/models").json()
    assert listed["object"] == "list"
    assert [(model["id"], model["object"]) for model in listed["data"]] == [("tiny", "model")]
    assert server.client.get("/v1/models/tiny").json() == listed["data"][0]
    assert server.client.get("/v1/models/other").status_code == 404


def test_every_route_but_the_probes_needs_a_key(server: Running) -> None:
    with httpx.Client(base_url=server.client.base_url) as stranger:
        for path in ("/healthz", "/readyz", "/metrics"):
            assert stranger.get(path).status_code == 200
        for headers in (
            {},
            {"Authorization": "Bearer wrong"},
            {"Authorization": "Basic first-key"},
            {"Authorization": "Bearer"},
        ):
            for response in (
                stranger.get("/v1/models", headers=headers),
                stranger.post("/v1/chat/completions", json=CHAT, headers=headers),
                stranger.get("/x", headers=headers),
            ):
                assert response.status_code == 401
                assert response.json()["error"]["code"] == "invalid_api_key"
                assert response.headers["www-authenticate"] == "Bearer"


def test_keys_rotate_without_a_restart(server: Running) -> None:
    def status(key: str) -> int:
        return server.client.get("/v1/models", headers={"Authorization": f"Bearer {key}"}).status_code

    keys = Path("keys")
    (keys / "bob").write_text("second-key")
    assert (status("first-key"), status("second-key")) == (200, 200)
    (keys / "alice").write_text("third-key")
    assert (status("first-key"), status("second-key"), status("third-key")) == (401, 200, 200)
    (keys / "bob").unlink()
    (keys / "alice").unlink()
    assert (status("second-key"), status("first-key")) == (401, 401)
    (keys / "alice").write_text("first-key\n")
    assert status("first-key") == 200


def test_metrics_count_requests_and_tokens(server: Running) -> None:
    def sample(name: str) -> float:
        lines = server.client.get("/metrics").text.splitlines()
        return next(float(line.split()[-1]) for line in lines if line.startswith(name))

    def figures() -> list[float]:
        names = (
            "prompt_tokens_total",
            "generation_tokens_total",
            "time_to_first_token_seconds_count",
            "inter_token_latency_seconds_count",
        )
        return [sample(f"tanren_serve_{name}") for name in names]

    before = figures()
    usage = server.client.post(
        "/v1/completions", json={"model": "tiny", "prompt": "吾輩は", "temperature": 0, "max_tokens": 4}
    ).json()["usage"]
    assert usage["completion_tokens"] == 4
    assert [new - old for new, old in zip(figures(), before, strict=True)] == [
        usage["prompt_tokens"],
        4,
        1,
        3,
    ]
    assert sample('tanren_serve_requests_total{route="/v1/completions",status="200"}') >= 1
    assert (
        sample("tanren_serve_requests_running")
        == sample("tanren_serve_requests_waiting")
        == sample("tanren_serve_requests_in_flight")
        == sample("tanren_serve_kv_cache_usage_ratio")
        == 0
    )


def test_a_queue_that_is_too_long_is_refused_with_retry_after(server: Running) -> None:
    request = {"model": "tiny", "prompt": "吾輩は", "max_tokens": 150, "temperature": 1.0, "logit_bias": {}}
    with ThreadPoolExecutor(12) as pool:
        responses = list(
            pool.map(
                lambda seed: server.client.post("/v1/completions", json={**request, "seed": seed}), range(12)
            )
        )
    codes = [response.status_code for response in responses]
    assert set(codes) == {200, 429}
    assert codes.count(200) >= 4  # two run and two wait
    refused = next(response for response in responses if response.status_code == 429)
    assert int(refused.headers["retry-after"]) >= 1
    assert refused.json()["error"]["type"] == "rate_limit_error"


def test_a_text_that_cannot_fit_is_refused_before_it_is_encoded(server: Running) -> None:
    began = time.monotonic()
    for text in ("a" * 7_000_000, "猫" * 2_000_000, "the cat sat " * 500_000):
        for route, asked in (
            ("chat/completions", {"messages": [{"role": "user", "content": text}]}),
            ("completions", {"prompt": text}),
        ):
            response = server.client.post(f"/v1/{route}", json={"model": "tiny", **asked})
            assert response.status_code == 400
            assert response.json()["error"]["code"] == "context_length_exceeded"
        assert server.client.post("/tokenize", json={"prompt": text}).status_code == 400
    many = [{"role": "user", "content": "a" * 20_000}] * 300
    response = server.client.post("/v1/chat/completions", json={"model": "tiny", "messages": many})
    assert "the prompt alone has more" in response.json()["error"]["message"]
    assert time.monotonic() - began < 10  # encoding the first one alone takes 50 s


def test_what_a_key_may_ask_and_has_asked_is_counted_by_its_name(server: Running) -> None:
    assert server.client.post("/v1/chat/completions", json=CHAT).status_code == 200
    text = server.client.get("/metrics").text
    assert 'tanren_serve_key_requests_total{key="alice",status="200"}' in text
    assert 'tanren_serve_key_prompt_tokens_total{key="alice"}' in text
    assert 'tanren_serve_key_generation_tokens_total{key="alice"}' in text


def test_a_connection_that_does_not_say_what_it_wants_is_ended(
    server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_server, "HEAD_SECONDS", 0.2)
    for said in (b"", b"POST /v1/completions HTTP/1.1\r\nHost: x\r\n"):
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
            connection.sendall(said)
            assert connection.recv(1) == b""


def test_the_load_for_an_autoscaler_counts_what_is_answered_and_what_waits(server: Running) -> None:
    """Of this moment, not of the last step: three requests come while two rows are at work."""
    request = {"model": "tiny", "prompt": "吾輩は", "max_tokens": 190, "temperature": 1.3, "stream": True}

    def shown(count: int) -> bool:
        return f"tanren_serve_requests_in_flight {float(count)}" in server.client.get("/metrics").text

    wait_for(lambda: shown(0), 5)
    with ThreadPoolExecutor(3) as pool:
        for seed in range(3):
            pool.submit(server.client.post, "/v1/completions", json={**request, "seed": seed})
        wait_for(lambda: shown(3), 5)
    wait_for(lambda: shown(0), 5)


def test_a_client_that_goes_away_frees_its_row(server: Running) -> None:
    request = {
        "model": "tiny",
        "prompt": "吾輩は",
        "max_tokens": 190,
        "temperature": 1.3,
        "seed": 1,
        "stream": True,
    }
    with server.client.stream("POST", "/v1/completions", json=request) as response:
        next(response.iter_raw())
    wait_for(lambda: "tanren_serve_requests_running 0.0" in server.client.get("/metrics").text, 5)


def test_the_program_drains_under_load_without_a_failed_request(tmp_path: Path) -> None:
    prepare(tmp_path)
    port = free_port()
    (tmp_path / "serve.json").write_text(json.dumps(body(port)))
    command = [sys.executable, "-m", "tanren_kernels.serve", "--config", "serve.json", "--port", "0"]
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(serve.__file__).parents[1]),
        "TANREN_RESULT": "result.json",
        "TANREN_GRACE_SECONDS": "20",
    }
    process = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True)
    statuses: list[int] = []
    refused = threading.Event()
    request = {"model": "tiny", "prompt": "吾輩は", "max_tokens": 100, "temperature": 1.0}

    def load(client: httpx.Client, seed: int) -> None:
        """Asks until nobody listens any more: a refused connection is no request,
        a broken answer is a failed one.
        """
        while not refused.is_set():
            try:
                statuses.append(client.post("/v1/completions", json={**request, "seed": seed}).status_code)
            except httpx.ConnectError:
                refused.set()

    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=KEY, timeout=20) as client:
            wait_until_ready(client)
            with ThreadPoolExecutor(3) as pool:
                loads = [pool.submit(load, client, seed) for seed in range(3)]
                wait_for(lambda: len(statuses) > 3)
                process.send_signal(signal.SIGTERM)
                wait_for(lambda: httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 503)
                for done in loads:
                    done.result(timeout=20)
        assert process.wait(timeout=20) == 143
    finally:
        process.kill()
    assert len(statuses) > 3 and set(statuses) == {200}
    assert json.loads((tmp_path / "result.json").read_text())["reason"] == "Terminated"
    said = process.stdout.read() if process.stdout is not None else ""
    assert '"event": "answered"' in said and "吾輩" not in said


@pytest.mark.parametrize(("grace", "finishes"), [("20", True), ("2", False)])
def test_a_running_stream_is_finished_or_ended_with_a_reason(
    tmp_path: Path, grace: str, finishes: bool
) -> None:
    prepare(tmp_path)
    port = free_port()
    slots = 8
    (tmp_path / "serve.json").write_text(
        json.dumps(body(port, max_concurrent_requests=slots, max_queued_requests=slots))
    )
    command = [sys.executable, "-m", "tanren_kernels.serve", "--config", "serve.json", "--port", "0"]
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(serve.__file__).parents[1]),
        "TANREN_RESULT": "result.json",
        "TANREN_GRACE_SECONDS": grace,
    }
    process = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True)
    statuses: list[int] = []
    request = {"model": "tiny", "prompt": "吾輩は", "max_tokens": 190, "temperature": 1.0}

    def answer(client: httpx.Client, seed: int) -> list[str]:
        streamed = {**request, "seed": seed, "stream": True}
        with client.stream("POST", "/v1/completions", json=streamed) as response:
            statuses.append(response.status_code)
            return response.read().decode().removesuffix("\n\n").split("\n\n")

    try:
        limits = httpx.Limits(max_connections=None)
        with httpx.Client(
            base_url=f"http://127.0.0.1:{port}", headers=KEY, timeout=30, limits=limits
        ) as client:
            wait_until_ready(client)
            # As many again wait for their turn as run.
            with ThreadPoolExecutor(2 * slots) as pool:
                answers = [pool.submit(answer, client, seed) for seed in range(2 * slots)]
                wait_for(lambda: f"requests_in_flight {2.0 * slots}" in client.get("/metrics").text)
                process.send_signal(signal.SIGTERM)
                endings = [done.result(timeout=30)[-1] for done in answers]
        assert process.wait(timeout=20) == 143
    finally:
        process.kill()
    # What had begun ends with a reason as its last event, what still waited with a status.
    assert set(statuses) <= ({200} if finishes else {200, 503}) and 200 in statuses
    broken = [json.loads(ending.removeprefix("data: ")) for ending in endings if ending != "data: [DONE]"]
    assert all(
        (error["error"]["type"], error["error"]["code"]) == ("server_error", "shutting_down")
        for error in broken
    )
    assert (len(broken) == 0) == finishes
    said = json.loads((tmp_path / "result.json").read_text())["message"]
    assert f"{len(broken)} answers were broken off" in said


@pytest.mark.parametrize(
    ("changes", "reason", "sentence"),
    [
        ({"context_length": 257}, "InvalidConfig", "beyond the model's 256"),
        ({"api_keys": "no-keys"}, "InvalidConfig", "no-keys holds no file"),
        (
            {"model": {"path": "inputs/model", "digest": "sha256:" + "0" * 64}},
            "ArtifactDamaged",
            "manifest.json",
        ),
    ],
)
def test_a_server_that_cannot_be_started_says_why(
    server: Running, changes: dict[str, Any], reason: str, sentence: str
) -> None:
    assert server.ending is None
    with pytest.raises(KernelError, match=sentence) as raised:
        serve.main(ServeConfig.model_validate(body(free_port(), **changes)), server.context)
    assert raised.value.reason == reason


def test_a_port_in_use_and_a_model_too_large_are_endings_of_their_own(
    server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(KernelError) as taken:
        serve.main(ServeConfig.model_validate(body(server.port)), server.context)
    assert taken.value.reason == "PortInUse"
    monkeypatch.setenv("TANREN_MEMORY_BYTES", "300000")
    with pytest.raises(KernelError, match="keys and values of 200000 tokens") as large:
        serve.main(
            ServeConfig.model_validate(body(free_port(), max_concurrent_requests=1000)), server.context
        )
    assert large.value.reason == "ModelTooLarge"
    with pytest.raises(KernelError, match="keys and values of 256000 tokens"):
        serve.main(
            ServeConfig.model_validate(body(free_port(), max_concurrent_requests=1000, context_length=None)),
            server.context,
        )

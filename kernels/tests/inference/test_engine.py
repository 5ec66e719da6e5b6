from __future__ import annotations

from typing import Any

import pytest
import tiny
import torch

from tanren_kernels.inference.engine import Engine, Request
from tanren_kernels.inference.sampling import Sampler, Sampling
from tanren_kernels.model.llama import Llama
from tanren_kernels.tokenizer.detokenizer import token_bytes

GREEDY = Sampling(temperature=0.0, top_p=1.0, seed=0)
PIECES = token_bytes(tiny.text_tokenizer().core)
NEVER: frozenset[int] = frozenset()

PROMPTS = [
    tiny.text_tokenizer().encode_plain(text)
    for text in (
        "吾輩は",
        "川は静かに流れ、鳥は木の上で鳴いている。",
        "The quick brown fox",
        "猫",
        "風が吹き",
    )
]


def greedy_without_cache(model: Llama, prompt: list[int], count: int) -> list[int]:
    tokens = list(prompt)
    with torch.inference_mode():
        for _ in range(count):
            tokens.append(int(model(torch.tensor([tokens]))[0, -1].argmax()))
    return tokens[len(prompt) :]


@pytest.mark.parametrize(
    "shape", [{}, {"num_key_value_heads": 4}, {"tie_word_embeddings": True}, {"rope_factor": 4.0}]
)
def test_cached_decoding_equals_the_full_forward_pass(shape: dict[str, Any]) -> None:
    model = tiny.model(**shape)
    engine = Engine(model, PIECES, slots=1, max_tokens=96)
    for prompt in PROMPTS:
        (generation,) = engine.run([Request(prompt, 24, GREEDY, NEVER)])
        assert generation.tokens == greedy_without_cache(model, prompt, 24)
        assert generation.finish == "length"


@pytest.mark.parametrize("slots", [2, 3, 5])
@pytest.mark.parametrize("chunk", [1, 3, 512])
def test_a_ragged_batch_answers_as_each_request_alone(slots: int, chunk: int) -> None:
    model = tiny.model()
    samplings = [GREEDY, Sampling(0.8, 0.9, 1), Sampling(1.0, 1.0, 2), GREEDY, Sampling(0.7, 0.5, 3)]
    # Different lengths make rows leave at different steps, so that others move into their places.
    requests = [
        Request(p, 5 + 7 * i, s, NEVER) for i, (p, s) in enumerate(zip(PROMPTS, samplings, strict=True))
    ]
    together = Engine(model, PIECES, slots, max_tokens=96, prefill_chunk=chunk).run(requests + requests[::-1])
    alone = [Engine(model, PIECES, 1, max_tokens=96).run([request])[0] for request in requests]
    assert [g.tokens for g in together] == [g.tokens for g in alone + alone[::-1]]


def test_requests_join_a_running_batch_and_a_cancelled_one_leaves_it() -> None:
    model = tiny.model()
    engine = Engine(model, PIECES, slots=3, max_tokens=96)
    first = engine.submit(Request(PROMPTS[0], 30, GREEDY, NEVER))
    doomed = engine.submit(Request(PROMPTS[1], 30, GREEDY, NEVER))
    for _ in range(6):
        engine.step()
    late = engine.submit(Request(PROMPTS[2], 12, GREEDY, NEVER))
    engine.step()
    engine.cancel(doomed)
    assert engine.running == 2
    while engine.running:
        engine.step()
    assert doomed.finish is None
    assert first.tokens == greedy_without_cache(model, PROMPTS[0], 30)
    assert late.tokens == greedy_without_cache(model, PROMPTS[2], 12)
    assert engine.cache_use == 0


def test_a_long_prompt_does_not_stop_running_answers() -> None:
    engine = Engine(tiny.model(), PIECES, slots=2, max_tokens=128, prefill_chunk=8)
    running = engine.submit(Request(PROMPTS[0], 60, GREEDY, NEVER))
    engine.step()
    engine.submit(Request(PROMPTS[1] * 5, 4, GREEDY, NEVER))
    for step in range(1, 6):
        assert engine.step() == [running]
        assert len(running.tokens) == 1 + step


def test_a_prompt_that_another_row_has_read_is_not_read_again() -> None:
    model = tiny.model()
    read: list[int] = []
    model.embed_tokens.register_forward_pre_hook(lambda _module, inputs: read.append(inputs[0].shape[1]))
    engine = Engine(model, PIECES, slots=2, max_tokens=128)
    answers = engine.run([Request(PROMPTS[1], 6, GREEDY, NEVER), Request(PROMPTS[1], 6, GREEDY, NEVER)])
    assert read[0] == len(PROMPTS[1])
    assert max(read[1:]) == 1
    assert answers[0].tokens == answers[1].tokens == greedy_without_cache(tiny.model(), PROMPTS[1], 6)


def test_an_answer_ends_before_a_stop_token_and_before_a_stop_string() -> None:
    model = tiny.model()
    expected = greedy_without_cache(model, PROMPTS[0], 20)
    stop = expected[7]
    before = expected[: expected.index(stop)]
    (stopped,) = Engine(model, PIECES, 1, 96).run([Request(PROMPTS[0], 20, GREEDY, frozenset({stop}))])
    assert (stopped.tokens, stopped.finish) == (before, "stop")
    (whole,) = Engine(model, PIECES, 1, 96).run([Request(PROMPTS[0], 20, GREEDY, NEVER)])
    word = whole.text[4:6]
    (cut,) = Engine(model, PIECES, 1, 96).run([Request(PROMPTS[0], 20, GREEDY, NEVER, (word,))])
    assert cut.finish == "stop"
    assert cut.text == whole.text[: whole.text.index(word)]


def test_text_taken_step_by_step_is_the_text() -> None:
    engine = Engine(tiny.model(), PIECES, slots=2, max_tokens=96)
    generation = engine.submit(Request(PROMPTS[0], 40, Sampling(1.5, 1.0, 9), NEVER, ("never said",)))
    parts = []
    while engine.running or engine.waiting:
        engine.step()
        parts.append(generation.take_text())
    assert len(parts) == 40
    assert "".join(parts) == generation.text != ""


@pytest.mark.parametrize(("prompt", "new"), [([], 4), ([1] * 90, 7), ([1], 0)])
def test_a_request_that_does_not_fit_is_refused(prompt: list[int], new: int) -> None:
    with pytest.raises(ValueError, match="do not fit"):
        Engine(tiny.model(), PIECES, slots=1, max_tokens=96).submit(Request(prompt, new, GREEDY, NEVER))


def test_the_sampler_draws_with_the_softmax_frequencies() -> None:
    logits = torch.tensor([2.0, 1.0, 0.0, -1.0])
    sampler = Sampler(Sampling(temperature=0.5, top_p=1.0, seed=4))
    draws = torch.bincount(torch.tensor([sampler.choose(logits) for _ in range(4000)]), minlength=4) / 4000
    assert torch.allclose(draws.double(), torch.softmax(logits.double() / 0.5, 0), atol=0.02)


def test_the_nucleus_is_the_smallest_set_that_reaches_top_p() -> None:
    logits = torch.tensor([0.1, 0.5, 0.3, 0.1]).log()
    for top_p, allowed in ((0.5, {1}), (0.51, {1, 2}), (0.8, {1, 2}), (0.85, {0, 1, 2}), (1.0, {0, 1, 2, 3})):
        sampler = Sampler(Sampling(temperature=1.0, top_p=top_p - 1e-6, seed=1))
        assert {sampler.choose(logits) for _ in range(400)} == allowed


def test_a_seed_repeats_its_answer_and_another_seed_gives_another() -> None:
    engine = Engine(tiny.model(scale=4.0), PIECES, slots=3, max_tokens=96)
    answers = engine.run([Request(PROMPTS[0], 30, Sampling(1.0, 1.0, seed), NEVER) for seed in (5, 5, 6)])
    assert answers[0].tokens == answers[1].tokens != answers[2].tokens

"""Decoding and prompt reading of the engine against transformers' generate, at the same weights and shape,
on one thread.

Run in the bench environment: `python tests/bench/decode.py --dtype bfloat16 --batch 1`. Prints one JSON line;
alternating runs, medians. Decoding is timed as the difference between a long answer and an answer of one
token. Times are processor time, which on one thread is what a machine of one's own would take, and which
other programs on it disturb least.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import torch
import transformers

sys.path.insert(0, str(Path(__file__).parents[2]))
from tanren_kernels.inference.engine import Engine, Request
from tanren_kernels.inference.sampling import Sampling
from tanren_kernels.model.config import LlamaConfig
from tanren_kernels.model.llama import Llama, fill, initial_tensor
from tanren_kernels.model.weights import to_hugging_face

SMOLLM2_135M: dict[str, Any] = {
    "vocab_size": 49152,
    "hidden_size": 576,
    "intermediate_size": 1536,
    "num_hidden_layers": 30,
    "num_attention_heads": 9,
}
SMOLLM2_135M |= {"num_key_value_heads": 3, "max_position_embeddings": 8192, "tie_word_embeddings": True}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="bfloat16")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--prompt", type=int, default=400, help="tokens")
    parser.add_argument("--answer", type=int, default=64, help="tokens")
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    dtype = getattr(torch, asked.dtype)

    ours = Llama(LlamaConfig(**SMOLLM2_135M))
    fill(ours, lambda name, shape: initial_tensor(ours.config, name, shape, seed=0))
    theirs = transformers.LlamaForCausalLM(
        transformers.LlamaConfig(**SMOLLM2_135M, rms_norm_eps=1e-5, pad_token_id=0, eos_token_id=None)
    )
    theirs.load_state_dict(
        to_hugging_face(ours.config, {name: p.detach() for name, p in ours.named_parameters()}), strict=False
    )
    theirs.tie_weights()
    ours, theirs = ours.to(dtype).eval(), theirs.to(dtype).eval()
    prompts = torch.randint(
        3, SMOLLM2_135M["vocab_size"], (asked.batch, asked.prompt), generator=torch.Generator().manual_seed(0)
    )
    pieces = [b""] * SMOLLM2_135M["vocab_size"]

    def run_ours(count: int) -> list[list[int]]:
        requests = [Request(prompt.tolist(), count, Sampling(0.0, 1.0, 0), frozenset()) for prompt in prompts]
        return [
            generation.tokens
            for generation in Engine(ours, pieces, asked.batch, asked.prompt + count).run(requests)
        ]

    def run_theirs(count: int) -> list[list[int]]:
        with torch.inference_mode():
            answer = theirs.generate(
                prompts, attention_mask=torch.ones_like(prompts), max_new_tokens=count, do_sample=False
            )
        ids: list[list[int]] = answer[:, asked.prompt :].tolist()
        return ids

    seconds: dict[tuple[str, int], list[float]] = {}
    answers: dict[str, list[list[int]]] = {}
    for _ in range(asked.rounds):
        for name, runner in (("ours", run_ours), ("theirs", run_theirs)):
            for count in (1, asked.answer):
                start = time.process_time()
                answers[name] = runner(count)
                seconds.setdefault((name, count), []).append(time.process_time() - start)
    median = {key: statistics.median(values) for key, values in seconds.items()}
    decode = {
        name: asked.batch * (asked.answer - 1) / (median[name, asked.answer] - median[name, 1])
        for name in answers
    }
    prefill = {name: asked.batch * asked.prompt / median[name, 1] for name in answers}
    pairs = [
        (a, b)
        for x, y in zip(answers["ours"], answers["theirs"], strict=True)
        for a, b in zip(x, y, strict=True)
    ]
    report = {
        "dtype": asked.dtype,
        "batch": asked.batch,
        "decode_tokens_per_second": {name: round(value, 1) for name, value in decode.items()},
        "decode_ratio": round(decode["ours"] / decode["theirs"], 2),
        "prefill_tokens_per_second": {name: round(value, 1) for name, value in prefill.items()},
        "prefill_ratio": round(prefill["ours"] / prefill["theirs"], 2),
        "equal_tokens": sum(a == b for a, b in pairs) / len(pairs),
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()

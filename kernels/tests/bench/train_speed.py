"""Training speed against a plain loop around transformers' LlamaForCausalLM, at the same shape and batch,
on one thread.

Run in the bench environment: `python tests/bench/train_speed.py`. Prints one JSON line; alternating runs,
medians. Times are processor time, which on one thread is what a machine of one's own would take, and which
other programs on it disturb least.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers

sys.path.insert(0, str(Path(__file__).parents[2]))
from tanren_kernels.model.config import LlamaConfig
from tanren_kernels.model.llama import Llama, fill, initial_tensor

SHAPE: dict[str, Any] = {
    "vocab_size": 4096,
    "hidden_size": 192,
    "intermediate_size": 512,
    "num_hidden_layers": 6,
    "num_attention_heads": 6,
}
SHAPE |= {"num_key_value_heads": 3, "max_position_embeddings": 128}


def stepper(
    model: torch.nn.Module, loss: Callable[[], torch.Tensor], precision: str, fused: bool
) -> Callable[[], float]:
    """One optimizer step of a loop; returns its processor time in seconds."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=fused)

    def step() -> float:
        began = time.process_time()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bfloat16"):
            value = loss()
        torch.autograd.backward(value)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return time.process_time() - began

    return step


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=9)
    given = parser.parse_args()
    torch.set_num_threads(1)
    rows = torch.randint(
        3, SHAPE["vocab_size"], (given.batch, given.tokens + 1), generator=torch.Generator().manual_seed(0)
    )
    tokens, targets = rows[:, :-1].contiguous(), rows[:, 1:].contiguous()

    config = LlamaConfig(**SHAPE)
    steps: dict[str, Callable[[], float]] = {}
    for precision in ("float32", "bfloat16"):
        ours = Llama(config)
        fill(ours, lambda name, shape: initial_tensor(config, name, shape, 0))
        peer = transformers.LlamaForCausalLM(transformers.LlamaConfig(**SHAPE))

        def our_loss(model: Llama = ours) -> torch.Tensor:
            return model.losses(tokens, targets).mean()

        def peer_loss(model: torch.nn.Module = peer) -> torch.Tensor:
            # `labels` are shifted by the model itself: the same number of positions but the last of each row.
            loss: torch.Tensor = model(input_ids=tokens, labels=tokens, use_cache=False).loss
            return loss

        steps[f"ours {precision}"] = stepper(ours, our_loss, precision, fused=True)
        steps[f"transformers {precision}"] = stepper(peer, peer_loss, precision, fused=False)
    times: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(given.rounds + 2):
        for name, step in steps.items():
            seconds = step()
            # The first two warm caches up.
            if turn >= 2:
                times[name].append(seconds)
    rates = {
        name: round(given.batch * given.tokens / statistics.median(values)) for name, values in times.items()
    }
    print(
        json.dumps({"tokens_per_second": rates, "batch": given.batch, "tokens": given.tokens, "shape": SHAPE})
    )


if __name__ == "__main__":
    main()

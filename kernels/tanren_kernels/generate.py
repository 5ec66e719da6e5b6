"""Program `generate`: samples candidate answers from a chat model.

Reads prompts (JSON lines with `messages` that end with a user turn, and optionally `reference`), writes
candidates.jsonl: one line per prompt, in the prompts' order, with its samples, their seeds and the sampler's
settings. generation.json says how many there will be.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch

from .contract import GenerateConfig, Input, Result
from .inference.engine import Engine, Generation, Request
from .inference.sampling import Sampling
from .model import pretrained
from .model.config import read_config
from .runtime import durable_file, json_lines, manifest, tracing
from .runtime.errors import KernelError
from .runtime.journal import Journal
from .runtime.program import ProgramContext, run
from .tokenizer import chatml, tokenizer
from .tokenizer.chatml import Message

ROUNDS_PER_GROUP = 4


@dataclass(frozen=True)
class Prompt:
    """One line of the prompts file."""

    messages: list[Message]
    reference: str | None


def read_prompts(given: Input) -> list[Prompt]:
    """Raises InvalidData that names the line and the field."""
    prompts = []
    for line, where in json_lines.read([given]):
        messages = chatml.parse(line.get("messages"), f"{where}: messages")
        reference = line.get("reference")
        if messages[-1]["role"] != "user":
            raise KernelError(
                "InvalidData",
                f"{where}: messages end with a turn of {messages[-1]['role']}; they must end with one of "
                "user.",
            )
        if reference is not None and not isinstance(reference, str):
            raise KernelError(
                "InvalidData", f"{where}: reference is not a text; give the answer as a text or leave it out."
            )
        prompts.append(Prompt(messages, reference))
    if not prompts:
        raise KernelError("InvalidData", f"{given.path} holds no prompt; give at least one line.")
    return prompts


def seed_of(seed: int, prompt: int, sample: int) -> int:
    """Seed of one sample: a function of its place alone, so that neither batch nor restart changes it."""
    return int.from_bytes(sha256(f"{seed}/{prompt}/{sample}".encode()).digest()[:4], "big") >> 1


def encode(config: GenerateConfig, prompts: list[Prompt]) -> list[list[int]]:
    """Token ids of every prompt up to where the answer begins.

    Raises InvalidData for one whose answer would not fit.
    """
    directory = Path(config.model.path)
    text = tokenizer.load(directory)
    context = read_config(directory).max_position_embeddings
    encoded = [chatml.render_prompt(prompt.messages, text) for prompt in prompts]
    for number, tokens in enumerate(encoded, start=1):
        if len(tokens) + config.max_new_tokens > context:
            raise KernelError(
                "InvalidData",
                f"prompt {number} of {config.prompts.path}: {len(tokens)} prompt tokens and max_new_tokens "
                f"{config.max_new_tokens} exceed the model's "
                f"context of {context}; shorten either.",
            )
    return encoded


class Candidates:
    """The sampling of one prompts file; prompts are answered in groups that a restart repeats whole.

    What shares a batch may change the last bits of logits (see Engine), and so, rarely, a token. A group is
    always made of the same prompts, submitted in the same order to an empty engine: its answers are then the
    same to the bit, whenever they are made.
    """

    def __init__(self, config: GenerateConfig, prompts: list[Prompt], encoded: list[list[int]]) -> None:
        self.group_size = max(1, ROUNDS_PER_GROUP * config.batch_size // config.samples)
        self._config = config
        self._prompts = prompts
        self._encoded = encoded
        longest = max(len(tokens) for tokens in encoded) + config.max_new_tokens
        self._ready = pretrained.load(config.model, torch.float32, config.batch_size * longest)
        self._engine = Engine(self._ready.model, self._ready.token_bytes, config.batch_size, longest)
        self.model_digest = self._ready.parent.digest

    @tracing.span("generate")
    def group(self, start: int, context: ProgramContext) -> list[dict[str, Any]]:
        """Answers the group of prompts that begins at `start`; ends with Terminated when asked to stop."""
        numbers = range(start, min(start + self.group_size, len(self._prompts)))
        under_way = {
            number: [
                self._engine.submit(self._request(number, sample)) for sample in range(self._config.samples)
            ]
            for number in numbers
        }
        while self._engine.waiting or self._engine.running:
            context.stop_if_asked()
            self._engine.step()
        return [self._line(number, generations) for number, generations in under_way.items()]

    def _request(self, number: int, sample: int) -> Request:
        sampling = Sampling(
            self._config.temperature, self._config.top_p, seed_of(self._config.seed, number, sample)
        )
        return Request(self._encoded[number], self._config.max_new_tokens, sampling, self._ready.stop_tokens)

    def _line(self, number: int, generations: list[Generation]) -> dict[str, Any]:
        prompt = self._prompts[number]
        return {
            "prompt": number,
            "messages": prompt.messages,
            **({} if prompt.reference is None else {"reference": prompt.reference}),
            "sampler": {
                "temperature": self._config.temperature,
                "top_p": self._config.top_p,
                "max_new_tokens": self._config.max_new_tokens,
            },
            "samples": [
                {"seed": g.request.sampling.seed, "text": g.text, "tokens": len(g.tokens), "finish": g.finish}
                for g in generations
            ],
        }


def main(config: GenerateConfig, context: ProgramContext) -> Result:
    torch.set_num_threads(config.threads)
    output = Path(config.output)
    output.mkdir(parents=True, exist_ok=True)
    prompts_parent = manifest.verify_input(config.prompts)
    prompts = read_prompts(config.prompts)
    candidates = Candidates(config, prompts, encode(config, prompts))
    sampler = config.model_dump(
        include={"samples", "temperature", "top_p", "max_new_tokens", "batch_size", "seed"}
    )
    settings = {"model": candidates.model_digest, "prompts_file": prompts_parent.digest, **sampler}
    done = Journal(output / "candidates.jsonl", settings)
    durable_file.write(
        output / "generation.json", json.dumps({**settings, "prompts": len(prompts)}).encode() + b"\n"
    )
    if len(done.entries) < len(prompts):
        done.keep(len(done.entries) - len(done.entries) % candidates.group_size)
    resumed_from = len(done.entries)
    started, tokens = time.monotonic(), 0
    for start in range(resumed_from, len(prompts), candidates.group_size):
        lines = candidates.group(start, context)
        done.append(lines)
        tokens += sum(sample["tokens"] for line in lines for sample in line["samples"])
        speed = tokens / (time.monotonic() - started)
        context.progress.update(
            len(done.entries),
            len(prompts),
            {"tokens_per_second": speed},
            unit="prompt",
            checkpoint_step=len(done.entries),
        )
    samples = [sample for line in done.entries for sample in line["samples"]]
    metrics = {
        "prompts": len(prompts),
        "samples": len(samples),
        "ended": sum(sample["finish"] == "stop" for sample in samples) / len(samples),
        "mean_tokens": sum(sample["tokens"] for sample in samples) / len(samples),
    }
    durable_file.write(output / "metrics.jsonl", json.dumps(metrics).encode() + b"\n")
    message = f"{len(samples)} candidate answers to {len(prompts)} prompts."
    return Result(
        reason="Completed",
        message=message,
        metrics=metrics,
        step=len(prompts),
        resumed_from_step=resumed_from or None,
    )


if __name__ == "__main__":
    run("generate", GenerateConfig, main, unit="prompt")

"""A model directory made ready to answer: verified, small enough for the memory there is,
loaded with its tokenizer.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import torch

from ..contract import Input, ManifestParent
from ..runtime import manifest, tracing
from ..runtime.errors import KernelError
from ..tokenizer import tokenizer
from ..tokenizer.detokenizer import token_bytes
from ..tokenizer.tokenizer import TextTokenizer
from .config import LlamaConfig, read_config
from .llama import Llama, load_model, parameter_count

CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")


@dataclass(frozen=True)
class Pretrained:
    """`token_bytes` are the bytes of every token id; `stop_tokens` end an answer."""

    model: Llama
    tokenizer: TextTokenizer
    token_bytes: list[bytes]
    stop_tokens: frozenset[int]
    parent: ManifestParent


@tracing.span("load model")
def load(given: Input, dtype: torch.dtype, cache_tokens: int) -> Pretrained:
    """Loads a model directory in Hugging Face layout on the accelerator where there is one.

    `cache_tokens` are the tokens whose keys and values will be held beside it. Raises ArtifactDamaged,
    InvalidData, TokenizerMismatch, and, before any weight is read, ModelTooLarge.
    """
    directory = Path(given.path)
    config = read_config(directory)
    text = tokenizer.load(directory)
    if text.vocabulary_size > config.vocab_size:
        raise KernelError(
            "TokenizerMismatch",
            f"{directory}: tokenizer.json has {text.vocabulary_size} tokens, config.json says "
            f"{config.vocab_size}.",
        )
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    _refuse_if_too_large(directory, config, dtype, cache_tokens, _available_bytes(device))
    parent = manifest.verify_input(given)
    model = load_model(directory, dtype).to(device)
    return Pretrained(model, text, token_bytes(text.core), text.ends, parent)


def needed_bytes(config: LlamaConfig, dtype: torch.dtype, cache_tokens: int) -> tuple[int, int]:
    """Bytes of the weights, and of keys and values of `cache_tokens` tokens in all layers."""
    cache = 2 * config.num_hidden_layers * config.num_key_value_heads * config.head_dim * cache_tokens
    return parameter_count(config) * dtype.itemsize, cache * dtype.itemsize


def memory_limit_bytes() -> int | None:
    """What this process may use: TANREN_MEMORY_BYTES where it is set, else the cgroup's limit;
    None where there is neither.
    """
    if (given := os.environ.get("TANREN_MEMORY_BYTES")) is not None:
        if not given.isdecimal():
            raise KernelError(
                "InvalidConfig",
                f"environment variable TANREN_MEMORY_BYTES is {given!r}; give a number of bytes.",
            )
        return int(given)
    try:
        limit = CGROUP_LIMIT.read_text().strip()
    except OSError:
        return None
    return None if limit == "max" else int(limit)


def _available_bytes(device: torch.device) -> int | None:
    return memory_limit_bytes() if device.type == "cpu" else torch.cuda.mem_get_info(device)[0]


def _refuse_if_too_large(
    directory: Path, config: LlamaConfig, dtype: torch.dtype, cache_tokens: int, available: int | None
) -> None:
    weights, cache = needed_bytes(config, dtype, cache_tokens)
    if available is not None and weights + cache > available:
        mebibytes = [f"{size / 2**20:.0f} MiB" for size in (weights, cache, available)]
        raise KernelError(
            "ModelTooLarge",
            f"{directory} needs {mebibytes[0]} for its weights and {mebibytes[1]} for keys and values of "
            f"{cache_tokens} tokens, but {mebibytes[2]} "
            "are available; give more memory, a shorter context, fewer concurrent requests or bfloat16.",
        )

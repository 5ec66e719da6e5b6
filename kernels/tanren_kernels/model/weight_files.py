"""Weights of a model directory as files: one, or several with an index, as transformers' save_pretrained
writes them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from ..runtime import durable_file, fence
from .config import LlamaConfig
from .llama import Llama
from .weights import to_hugging_face

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
LARGEST_FILE_BYTES = 5 * 10**9
"""Of several; one file's weights are in memory at a time."""


def write_weights(
    directory: Path,
    config: LlamaConfig,
    parameters: Iterable[tuple[str, Tensor]],
    dtype: torch.dtype,
    largest_file_bytes: int = LARGEST_FILE_BYTES,
) -> list[Path]:
    """Writes the files, each whole or not at all, and returns them. `parameters` are whole tensors under our
    names in the model's order; each is asked for once, when there is room for it.
    """
    fence.require_newest()
    for stale in [*directory.glob("model*.safetensors"), directory / INDEX]:
        # Of an attempt with another dtype: whoever loads the directory takes all that lies there.
        stale.unlink(missing_ok=True)
    parts = _parts(config, dtype, largest_file_bytes)
    count = parts[-1] + 1
    paths = [directory / (WEIGHTS if count == 1 else _name(part, count)) for part in range(count)]
    places: dict[str, str] = {}
    size = 0
    pending: dict[str, Tensor] = {}
    for number, (part, (name, tensor)) in enumerate(zip(parts, parameters, strict=True)):
        pending.update(to_hugging_face(config, {name: tensor.to(dtype)}))
        if number + 1 < len(parts) and parts[number + 1] == part:
            continue
        path, weights = paths[part], pending
        durable_file.write_with(path, partial(save_file, weights, metadata={"format": "pt"}))
        places.update(dict.fromkeys(weights, path.name))
        size += sum(written.nbytes for written in weights.values())
        pending = {}
    if count == 1:
        return paths
    body = {"metadata": {"total_size": size}, "weight_map": dict(sorted(places.items()))}
    durable_file.write(directory / INDEX, json.dumps(body, indent=2).encode() + b"\n")
    return [*paths, directory / INDEX]


def _name(part: int, count: int) -> str:
    return f"model-{part + 1:05d}-of-{count:05d}.safetensors"


def _parts(config: LlamaConfig, dtype: torch.dtype, largest_file_bytes: int) -> list[int]:
    """The number of the file of each parameter, in the model's order."""
    with torch.device("meta"):
        sizes = [parameter.numel() * dtype.itemsize for parameter in Llama(config).parameters()]
    parts, filled = [0], sizes[0]
    for size in sizes[1:]:
        starts = filled + size > largest_file_bytes
        parts.append(parts[-1] + starts)
        filled = size if starts else filled + size
    return parts

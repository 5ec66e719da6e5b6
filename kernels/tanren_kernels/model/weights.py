"""Weights under Hugging Face's names: its several matrices (q, k, v; gate, up) are one in the model."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor

from ..runtime.errors import KernelError
from .config import LlamaConfig


def parts_of(config: LlamaConfig, name: str) -> list[tuple[str, int]]:
    """Hugging Face's names of a parameter and the rows of each; several where we fuse matrices."""
    prefix = "" if name.startswith("lm_head") else "model."
    if name.endswith("qkv_proj.weight"):
        rows = config.num_key_value_heads * config.head_dim
        return [
            (prefix + name.replace("qkv", part), size)
            for part, size in (("q", config.hidden_size), ("k", rows), ("v", rows))
        ]
    if name.endswith("gate_up_proj.weight"):
        return [(prefix + name.replace("gate_up", part), config.intermediate_size) for part in ("gate", "up")]
    return [(prefix + name, -1)]


def to_hugging_face(config: LlamaConfig, parameters: dict[str, Tensor]) -> dict[str, Tensor]:
    """Our parameters under Hugging Face's names, fused matrices split (copies,
    as safetensors refuses views of one storage).
    """
    tensors: dict[str, Tensor] = {}
    for name, tensor in parameters.items():
        parts = parts_of(config, name)
        pieces = [tensor] if len(parts) == 1 else torch.split(tensor, [rows for _, rows in parts])
        tensors.update({part: piece.clone() for (part, _), piece in zip(parts, pieces, strict=True)})
    return tensors


class StoredWeights:
    """Weights of a directory in Hugging Face layout, in one file or several, read tensor by tensor."""

    def __init__(self, directory: Path, config: LlamaConfig) -> None:
        self._config = config
        self._files: dict[str, Path] = {}
        for file in sorted(directory.glob("*.safetensors")):
            with safe_open(file, framework="pt") as stored:
                self._files.update(dict.fromkeys(stored.keys(), file))
        self._directory = directory

    def read(self, name: str, shape: torch.Size) -> Tensor:
        """A parameter under our name, float32.

        Raises ArtifactDamaged when the file lacks it or its shape differs.
        """
        pieces = []
        for part, _ in parts_of(self._config, name):
            if part not in self._files:
                raise KernelError(
                    "ArtifactDamaged", f"{self._directory} has no tensor {part}; export the model again."
                )
            with safe_open(self._files[part], framework="pt") as stored:
                pieces.append(stored.get_tensor(part).float())
        tensor = pieces[0] if len(pieces) == 1 else torch.cat(pieces)
        if tensor.shape != shape:
            raise KernelError(
                "ArtifactDamaged",
                f"{self._directory}: {name} is {tuple(tensor.shape)}, config.json says {tuple(shape)}; "
                "export the model again.",
            )
        return tensor

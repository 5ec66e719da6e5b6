"""The shape of a model, and its config.json in Hugging Face's names."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..contract import ModelShape
from ..runtime.errors import KernelError

INITIAL_STD = 0.02


@dataclass(frozen=True)
class LlamaConfig:
    """Shape of a model, in Hugging Face's names.

    `rope_factor` 1 is plain RoPE, above 1 linear position interpolation.
    """

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    max_position_embeddings: int
    rope_theta: float = 10000.0
    rope_factor: float = 1.0
    rms_norm_eps: float = 1e-5
    tie_word_embeddings: bool = False

    def __post_init__(self) -> None:
        if self.hidden_size % self.num_attention_heads or self.head_dim % 2:
            raise KernelError(
                "InvalidConfig",
                f"hidden_size {self.hidden_size} over num_attention_heads {self.num_attention_heads} is not "
                "an even whole number.",
            )
        if self.num_attention_heads % self.num_key_value_heads:
            raise KernelError(
                "InvalidConfig",
                f"num_key_value_heads {self.num_key_value_heads} does not divide num_attention_heads "
                f"{self.num_attention_heads}; change either.",
            )

    @property
    def head_dim(self) -> int:
        return self.hidden_size // self.num_attention_heads

    @classmethod
    def of_shape(cls, shape: ModelShape, vocab_size: int) -> LlamaConfig:
        return cls(vocab_size=vocab_size, **shape.model_dump())

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> LlamaConfig:
        """Reads Hugging Face's config.json, of transformers 4 (`rope_theta`,
        `rope_scaling`) or 5 (`rope_parameters`).

        Raises InvalidData for an architecture this module does not compute.
        """
        parameters = body.get("rope_parameters") or {}
        scaling = body.get("rope_scaling") or parameters
        rope_type = scaling.get("rope_type", scaling.get("type", "default"))
        head_dim = body.get("head_dim") or body["hidden_size"] // body["num_attention_heads"]
        computed = {
            "architectures": body.get("architectures", ["LlamaForCausalLM"]) == ["LlamaForCausalLM"],
            "hidden_act": body.get("hidden_act", "silu") == "silu",
            "attention_bias": not body.get("attention_bias"),
            "mlp_bias": not body.get("mlp_bias"),
            "head_dim": head_dim * body["num_attention_heads"] == body["hidden_size"],
            "rope_scaling": rope_type in ("default", "linear"),
        }
        for field, known in computed.items():
            if not known:
                raise KernelError(
                    "InvalidData",
                    f"config.json: {field} {body.get(field)!r} is not supported; use a LlamaForCausalLM "
                    "model without it.",
                )
        return cls(
            vocab_size=body["vocab_size"],
            hidden_size=body["hidden_size"],
            intermediate_size=body["intermediate_size"],
            num_hidden_layers=body["num_hidden_layers"],
            num_attention_heads=body["num_attention_heads"],
            num_key_value_heads=body.get("num_key_value_heads") or body["num_attention_heads"],
            max_position_embeddings=body["max_position_embeddings"],
            rope_theta=float(scaling.get("rope_theta") or body.get("rope_theta") or 10000.0),
            rope_factor=float(scaling.get("factor", 1.0)) if rope_type == "linear" else 1.0,
            rms_norm_eps=body.get("rms_norm_eps", 1e-6),
            tie_word_embeddings=bool(body.get("tie_word_embeddings", False)),
        )

    def to_json(self) -> dict[str, Any]:
        """Hugging Face's config.json; `rope_theta` and `rope_scaling` are names
        that transformers 4 and 5 and vLLM all read.
        """
        return {
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            "vocab_size": self.vocab_size,
            "hidden_size": self.hidden_size,
            "intermediate_size": self.intermediate_size,
            "num_hidden_layers": self.num_hidden_layers,
            "num_attention_heads": self.num_attention_heads,
            "num_key_value_heads": self.num_key_value_heads,
            "head_dim": self.head_dim,
            "hidden_act": "silu",
            "max_position_embeddings": self.max_position_embeddings,
            "rope_theta": self.rope_theta,
            "rope_scaling": {"rope_type": "linear", "factor": self.rope_factor}
            if self.rope_factor != 1.0
            else None,
            "rms_norm_eps": self.rms_norm_eps,
            "tie_word_embeddings": self.tie_word_embeddings,
            "initializer_range": INITIAL_STD,
            "attention_bias": False,
            "mlp_bias": False,
            "bos_token_id": 0,
            "eos_token_id": 0,
            "pad_token_id": 0,
        }


def read_config(directory: Path) -> LlamaConfig:
    """Reads config.json of a model directory. Raises ArtifactDamaged or InvalidData."""
    path = directory / "config.json"
    try:
        return LlamaConfig.from_json(json.loads(path.read_bytes()))
    except (OSError, ValueError, KeyError) as error:
        raise KernelError(
            "ArtifactDamaged", f"{path} cannot be read as a LLaMA config: {error!r}; export the model again."
        ) from error

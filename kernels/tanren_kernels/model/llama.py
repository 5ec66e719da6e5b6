"""LLaMA (Touvron et al. 2023, section 2.2): RMSNorm before each sublayer, rotary positions,
grouped-query attention, SwiGLU.

The module knows nothing of parallelism, checkpoints or training; its artifact has Hugging Face's names and
layout. Suffixes: B batch, T tokens, V vocabulary, E hidden size, F feed-forward size.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from . import products, rope
from .attention import Attention, KeyValueCache
from .config import INITIAL_STD, LlamaConfig, read_config
from .token_loss import token_losses
from .weights import StoredWeights


class RMSNorm(nn.Module):
    """x / rms(x) * weight over the last dimension (Zhang and Sennrich 2019, equation 4)."""

    def __init__(self, size: int, epsilon: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        return functional.rms_norm(x, self.weight.shape, self.weight.to(x.dtype), self.epsilon)


class FeedForward(nn.Module):
    """SwiGLU (Shazeer 2020, equation 6); gate and up come from one matrix whose rows are [gate | up]."""

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        self.gate_up_proj = nn.Linear(config.hidden_size, 2 * config.intermediate_size, bias=False)
        self.down_proj = nn.Linear(config.intermediate_size, config.hidden_size, bias=False)

    def forward(self, x_BTE: Tensor) -> Tensor:
        gate_BTF, up_BTF = self.gate_up_proj(x_BTE).chunk(2, dim=-1)
        y_BTE: Tensor = self.down_proj(functional.silu(gate_BTF) * up_BTF)
        return y_BTE


class Block(nn.Module):
    def __init__(self, config: LlamaConfig, layer: int) -> None:
        super().__init__()
        self.input_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.self_attn = Attention(config, layer)
        self.post_attention_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.mlp = FeedForward(config)

    def forward(self, x_BTE: Tensor, rotation: tuple[Tensor, Tensor], *cached: Any) -> Tensor:
        x_BTE = x_BTE + self.self_attn(self.input_layernorm(x_BTE), rotation, *cached)
        y_BTE: Tensor = x_BTE + self.mlp(self.post_attention_layernorm(x_BTE))
        return y_BTE


class Llama(nn.Module):
    """A causal language model. Weights are uninitialised until `fill` or `load_model` sets them."""

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        self.config = config
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(Block(config, layer) for layer in range(config.num_hidden_layers))
        self.norm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.lm_head = (
            None
            if config.tie_word_embeddings
            else nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        )

    @property
    def head_weight(self) -> Tensor:
        """[V, E]; the embedding's own where the two are tied."""
        return self.embed_tokens.weight if self.lm_head is None else self.lm_head.weight

    def hidden(
        self, tokens_BT: Tensor, cache: KeyValueCache | None = None, valid_B: Tensor | None = None
    ) -> Tensor:
        """Normalised output of the last block, [B, T, E]."""
        config, tokens = self.config, tokens_BT.shape[1]
        frequencies = rope.inverse_frequencies(
            config.head_dim, config.rope_theta, config.rope_factor, tokens_BT.device
        )
        x_BTE = self.embed_tokens(tokens_BT)
        if torch.is_autocast_enabled(x_BTE.device.type):
            # The residual stream keeps float32, also where weights are gathered in the products' type.
            x_BTE = x_BTE.float()
        if cache is None:
            rotation = rope.rotation(torch.arange(tokens, device=tokens_BT.device), frequencies)
            for block in self.layers:
                x_BTE = block(x_BTE, rotation)
        else:
            at = cache.place(tokens, valid_B)
            cos_BTD, sin_BTD = rope.rotation(at.positions_BT, frequencies)
            rotation, mask = (cos_BTD[:, None], sin_BTD[:, None]), at.mask()
            for block in self.layers:
                x_BTE = block(x_BTE, rotation, cache, at, mask)
            cache.advance(tokens, valid_B)
        y_BTE: Tensor = self.norm(x_BTE)
        return y_BTE

    def forward(
        self, tokens_BT: Tensor, cache: KeyValueCache | None = None, valid_B: Tensor | None = None
    ) -> Tensor:
        """Logits [B, T, V] of the token after each position.

        With a cache, row b's tokens continue what the cache holds of it; the first `valid_B[b]` are real, the
        rest right padding, whose logits mean nothing.
        """
        return functional.linear(self.hidden(tokens_BT, cache, valid_B), self.head_weight)

    def losses(self, tokens_BT: Tensor, targets_BT: Tensor, supervised_BT: Tensor | None = None) -> Tensor:
        """-log p(target) in nats, float32, of the supervised positions in row-major order, [N];
        others cost no logits.

        None supervises every position.
        """
        hidden_BTE = self.hidden(tokens_BT)
        if supervised_BT is None:
            return token_losses(hidden_BTE.flatten(0, 1), self.head_weight, targets_BT.flatten())
        return token_losses(hidden_BTE[supervised_BT], self.head_weight, targets_BT[supervised_BT])


def parameter_count(config: LlamaConfig) -> int:
    """Number of trained parameters, a tied matrix counted once."""
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in Llama(config).parameters())


def initial_tensor(config: LlamaConfig, name: str, shape: torch.Size, seed: int) -> Tensor:
    """First value of a parameter: a function of seed and name alone,
    so that no rank layout and no order of calls changes it.

    Normal with std 0.02; matrices that write into the residual stream are divided by sqrt(2 x layers) (GPT-2,
    Radford et al. 2019, section 2.3).
    """
    if len(shape) == 1:
        return torch.ones(shape)
    generator = torch.Generator().manual_seed(
        int.from_bytes(sha256(f"{seed}/{name}".encode()).digest()[:8], "big") >> 1
    )
    std = (
        INITIAL_STD / math.sqrt(2 * config.num_hidden_layers)
        if name.endswith(("o_proj.weight", "down_proj.weight"))
        else INITIAL_STD
    )
    return torch.empty(shape).normal_(0.0, std, generator=generator)


Source = Callable[[str, torch.Size], Tensor]
Assign = Callable[[nn.Parameter, Tensor], object]


def _copy(parameter: nn.Parameter, value: Tensor) -> object:
    return parameter.copy_(value)


def fill(model: nn.Module, source: Source, assign: Assign = _copy) -> None:
    """Sets every parameter from `source(name, shape)`, one at a time; `assign` places a value where
    parameters are divided over ranks.
    """
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            assign(parameter, source(name, parameter.shape))


def load_model(directory: Path, dtype: torch.dtype = torch.float32) -> Llama:
    """Loads a model directory in Hugging Face layout, weights in `dtype`, for inference.

    Raises ArtifactDamaged or InvalidData.
    """
    config = read_config(directory)
    with torch.device("meta"):
        model = Llama(config)
    model = model.to(dtype).to_empty(device="cpu")
    fill(model, StoredWeights(directory, config).read)
    products.widen(model)
    return model.eval()

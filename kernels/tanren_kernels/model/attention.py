"""Grouped-query attention (Ainslie et al. 2023) and the key-value cache that serves it.

Suffixes: B batch, T new tokens, S all tokens attended to, H query heads, K key-value heads, D head dimension,
E hidden size.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from . import rope
from .config import LlamaConfig


@dataclass(frozen=True)
class Placement:
    """Where the T new tokens of every row stand in the cache during one forward pass."""

    positions_BT: Tensor
    longest: int
    """Tokens of the longest row once the new ones are in: how much of the cache is attended to."""
    common_start: int | None
    """First position of the new tokens where all rows agree and none is padded: then writes are slices."""
    rows: Tensor
    columns: Tensor
    """Row and column of every real (not padded) new token; unused where rows agree."""

    def mask(self) -> Tensor | None:
        """True where a query may look, [B or 1, 1, T, S];
        None where every query may look at everything up to `longest`.
        """
        tokens = self.positions_BT.shape[1]
        if self.common_start is not None and tokens == 1:
            return None
        positions_BT = self.positions_BT if self.common_start is None else self.positions_BT[:1]
        keys_S = torch.arange(self.longest, device=positions_BT.device)
        return keys_S <= positions_BT[:, None, :, None]


class KeyValueCache:
    """Keys (rotated) and values of the tokens seen so far, preallocated per layer as [B, K, max_tokens, D].

    Row b holds `lengths[b]` tokens; what lies beyond is stale and never attended to, so that setting
    `lengths[b] = 0` empties a row.
    """

    def __init__(
        self,
        config: LlamaConfig,
        batch: int,
        max_tokens: int,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        shape = (batch, config.num_key_value_heads, max_tokens, config.head_dim)
        self.keys = [torch.zeros(shape, dtype=dtype, device=device) for _ in range(config.num_hidden_layers)]
        self.values = [
            torch.zeros(shape, dtype=dtype, device=device) for _ in range(config.num_hidden_layers)
        ]
        self.lengths = torch.zeros(batch, dtype=torch.int64, device=device)
        self.max_tokens = max_tokens

    def place(self, new_tokens: int, valid_B: Tensor | None) -> Placement:
        """Plans where `new_tokens` columns go, of which the first `valid_B[b]` of row b are real.

        Raises ValueError when a row is full.
        """
        columns_T = torch.arange(new_tokens, device=self.lengths.device)
        positions_BT = self.lengths[:, None] + columns_T
        counts_B = torch.full_like(self.lengths, new_tokens) if valid_B is None else valid_B
        longest = int((self.lengths + counts_B).max())
        if longest > self.max_tokens:
            raise ValueError(f"a row would hold {longest} tokens, the cache has room for {self.max_tokens}")
        start = int(self.lengths[0])
        agree = bool((self.lengths == start).all()) and bool((counts_B == new_tokens).all())
        rows, columns = (columns_T < counts_B[:, None]).nonzero(as_tuple=True)
        return Placement(positions_BT, longest, start if agree else None, rows, columns)

    def write(
        self, layer: int, keys_BKTD: Tensor, values_BKTD: Tensor, at: Placement
    ) -> tuple[Tensor, Tensor]:
        """Stores a layer's new keys and values and returns all that may be attended to, [B, K, S,
        D] each (views).
        """
        for cache, new in ((self.keys[layer], keys_BKTD), (self.values[layer], values_BKTD)):
            if at.common_start is not None:
                cache[:, :, at.common_start : at.longest] = new
            else:
                cache[at.rows, :, at.positions_BT[at.rows, at.columns]] = new[at.rows, :, at.columns].to(
                    cache.dtype
                )
        return self.keys[layer][:, :, : at.longest], self.values[layer][:, :, : at.longest]

    def advance(self, new_tokens: int, valid_B: Tensor | None) -> None:
        """Counts the tokens of a finished forward pass in."""
        self.lengths += new_tokens if valid_B is None else valid_B


# Up to this many tokens the whole [T, T] matrix of a head stays in a core's cache.
EXPLICIT_TOKENS = 1024


def causal(q_BHTD: Tensor, k_BKTD: Tensor, v_BKTD: Tensor) -> Tensor:
    """softmax(q k' / sqrt(D)) v of a whole sequence, each token seeing itself and what came before; [B, H,
    T, D].
    """
    batch, heads, tokens, head_dim = q_BHTD.shape
    groups = k_BKTD.shape[1]
    if q_BHTD.device.type == "cpu" and q_BHTD.dtype == torch.bfloat16 and tokens <= EXPLICIT_TOKENS:
        # PyTorch's fused kernel for processors runs bfloat16 backward several times slower than these plain
        # products.
        future_TT = torch.full((tokens, tokens), float("-inf"), dtype=torch.bfloat16).triu(1)
        q_BKJD = (q_BHTD * head_dim**-0.5).reshape(batch, groups, heads // groups * tokens, head_dim)
        scores_BHTT = (q_BKJD @ k_BKTD.transpose(-1, -2)).view(batch, heads, tokens, tokens) + future_TT
        weights_BKJT = scores_BHTT.softmax(-1).view(batch, groups, heads // groups * tokens, tokens)
        attended_BKJD: Tensor = weights_BKJT @ v_BKTD
        return attended_BKJD.view(batch, heads, tokens, head_dim)
    return functional.scaled_dot_product_attention(
        q_BHTD, k_BKTD, v_BKTD, is_causal=True, enable_gqa=heads != groups
    )


def cached(q_BHTD: Tensor, k_BKSD: Tensor, v_BKSD: Tensor, mask: Tensor | None) -> Tensor:
    """softmax(q k' / sqrt(D)) v over cached tokens, True in `mask` [B or 1, 1, T, S] where a query may look;
    [B, H, T, D].

    The query heads of a group stand one after the other as more queries of its one key-value head: keys and
    values are read once, and a single new token becomes a product of matrices.
    """
    batch, heads, tokens, head_dim = q_BHTD.shape
    groups = k_BKSD.shape[1]
    per_group = heads // groups
    q_BKJD = q_BHTD.reshape(batch, groups, per_group * tokens, head_dim)
    if mask is not None and tokens > 1:
        mask = mask.repeat(1, 1, per_group, 1)
    y_BKJD: Tensor = functional.scaled_dot_product_attention(q_BKJD, k_BKSD, v_BKSD, attn_mask=mask)
    return y_BKJD.view(batch, heads, tokens, head_dim)


class Attention(nn.Module):
    """Causal self-attention over [B, T, E]; q, k and v come from one matrix whose rows are [q | k | v]."""

    def __init__(self, config: LlamaConfig, layer: int) -> None:
        super().__init__()
        self.layer = layer
        self.attend = causal
        """How a whole sequence attends to itself; another may take its place from outside."""
        self.heads, self.groups, self.head_dim = (
            config.num_attention_heads,
            config.num_key_value_heads,
            config.head_dim,
        )
        self.qkv_proj = nn.Linear(
            config.hidden_size, (self.heads + 2 * self.groups) * self.head_dim, bias=False
        )
        self.o_proj = nn.Linear(self.heads * self.head_dim, config.hidden_size, bias=False)

    def forward(
        self,
        x_BTE: Tensor,
        rotation: tuple[Tensor, Tensor],
        cache: KeyValueCache | None = None,
        at: Placement | None = None,
        mask: Tensor | None = None,
    ) -> Tensor:
        batch, tokens, _ = x_BTE.shape
        qkv_BHTD = (
            self.qkv_proj(x_BTE)
            .view(batch, tokens, self.heads + 2 * self.groups, self.head_dim)
            .transpose(1, 2)
        )
        qk_BHTD, v_BKTD = torch.split(qkv_BHTD, [self.heads + self.groups, self.groups], dim=1)
        q_BHTD, k_BKTD = torch.split(rope.rotate(qk_BHTD, *rotation), [self.heads, self.groups], dim=1)
        if cache is not None and at is not None:
            k_BKSD, v_BKSD = (
                stored.to(q_BHTD.dtype) for stored in cache.write(self.layer, k_BKTD, v_BKTD, at)
            )
            y_BHTD = cached(q_BHTD, k_BKSD, v_BKSD, mask)
        else:
            y_BHTD = self.attend(q_BHTD, k_BKTD, v_BKTD)
        y_BTE: Tensor = self.o_proj(y_BHTD.transpose(1, 2).reshape(batch, tokens, self.heads * self.head_dim))
        return y_BTE

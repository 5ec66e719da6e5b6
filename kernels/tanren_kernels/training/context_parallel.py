"""Context parallelism: a sequence is divided over `context` ranks, applied from outside to the unmodified
model.

Each rank computes its own tokens; in attention it gathers keys and values of all. Sequences are cut into
twice as many chunks as ranks, and a rank takes one from the front and its mirror from the back, so that
causal attention is the same work for each (Dubey et al. 2024, section 3.3.2).

Suffixes: B batch, T tokens of this rank, S tokens of all, H query heads, K key-value heads, D head dimension.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.device_mesh import init_device_mesh
from torch.nn import functional

from ..model import rope
from ..model.llama import Llama
from .objective import Batch
from .ranks import ParallelDims, Ranks


class ContextParallel:
    """What a rank has of every sequence; with a degree of 1, all."""

    def __init__(self, dims: ParallelDims, ranks: Ranks) -> None:
        self._degree = dims.context
        self._index = ranks.rank % dims.context
        # Of one's ranks only those of other samples share a batch.
        self.data_index, self.data_count = ranks.rank // dims.context, ranks.size // dims.context
        self._group = None
        if self._degree > 1:
            mesh = init_device_mesh(
                ranks.device.type, (self.data_count, self._degree), mesh_dim_names=("data", "context")
            )
            self._group = mesh.get_group("context")
        self._rotation: tuple[Tensor, Tensor] | None = None
        self._seen: list[Tensor] | None = None

    def apply(self, model: Llama) -> None:
        if self._degree == 1:
            return
        for block in model.layers:
            block.self_attn.attend = self._attend  # type: ignore[union-attr]
            block.register_forward_pre_hook(lambda _block, given: self._at_own_positions(model, given))

    def part(self, batch: Batch) -> Batch:
        """This rank's tokens of a batch."""
        if self._degree == 1:
            return batch
        tokens = batch.tokens_BT.shape[1]
        own = self._positions(tokens)
        supervised = None if batch.supervised_BT is None else batch.supervised_BT[:, own]
        return Batch(batch.tokens_BT[:, own], batch.targets_BT[:, own], supervised)

    def _chunks(self) -> tuple[int, int]:
        return self._index, 2 * self._degree - 1 - self._index

    def _positions(self, tokens: int) -> Tensor:
        chunks = torch.arange(tokens).chunk(2 * self._degree)
        return torch.cat([chunks[chunk] for chunk in self._chunks()])

    def _at_own_positions(self, model: Llama, given: tuple[Any, ...]) -> tuple[Any, ...]:
        """What a block is given, rotations of the tokens' own positions in the place of the first ones'."""
        x_BTE, (cos_TD, _), *others = given
        if self._rotation is None or self._rotation[0].shape != cos_TD.shape:
            config, device = model.config, cos_TD.device
            frequencies = rope.inverse_frequencies(
                config.head_dim, config.rope_theta, config.rope_factor, device
            )
            positions = self._positions(cos_TD.shape[0] * self._degree).to(device)
            self._rotation = rope.rotation(positions, frequencies)
        return (x_BTE, self._rotation, *others)

    def _attend(self, q_BHTD: Tensor, k_BKTD: Tensor, v_BKTD: Tensor) -> Tensor:
        k_BKSD, v_BKSD = self._gathered(torch.stack([k_BKTD, v_BKTD]))
        chunk = q_BHTD.shape[2] // 2
        attended = []
        for own, mask in zip(q_BHTD.chunk(2, dim=2), self._masks(chunk, q_BHTD.device), strict=True):
            end = mask.shape[1]
            attended.append(
                functional.scaled_dot_product_attention(
                    own,
                    k_BKSD[:, :, :end],
                    v_BKSD[:, :, :end],
                    attn_mask=mask,
                    enable_gqa=own.shape[1] != k_BKSD.shape[1],
                )
            )
        return torch.cat(attended, dim=2)

    def _masks(self, chunk: int, device: torch.device) -> list[Tensor]:
        """Of each of our chunks, [chunk, end of the chunk]: the same for all layers, which keep them for the
        backward pass.
        """
        if self._seen is None or self._seen[0].shape[0] != chunk:
            ends = [(number + 1) * chunk for number in self._chunks()]
            self._seen = [
                torch.ones(chunk, end, dtype=torch.bool, device=device).tril(end - chunk) for end in ends
            ]
        return self._seen

    def _gathered(self, own: Tensor) -> Tensor:
        """[2, B, K, S, D] in the order of the sequence."""
        ranks: Tensor = _Gather.apply(own, self._group, self._degree)
        whole = [chunk for rank in ranks.unbind() for chunk in rank.chunk(2, dim=-2)]
        # The chunks of rank r are r and, from the end, r.
        return torch.cat([*whole[0::2], *reversed(whole[1::2])], dim=-2)


class _Gather(torch.autograd.Function):
    """What every rank of a group has, one after another; backward, the sum of what all say of ours."""

    @staticmethod
    def forward(context: Any, own: Tensor, group: dist.ProcessGroup, degree: int) -> Tensor:
        context.group = group
        gathered = own.new_empty((degree * own.shape[0], *own.shape[1:]))
        dist.all_gather_into_tensor(gathered, own.contiguous(), group)
        return gathered.view(degree, *own.shape)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (gradient,) = gradients
        own = gradient.new_empty(gradient.shape[1:])
        dist.reduce_scatter_tensor(own, gradient.flatten(0, 1).contiguous(), group=context.group)
        return own, None, None

"""FSDP2: parameters, gradients and optimizer state divided over `shard` ranks (Zhao et al. 2023),
repeated over `replicate` groups.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard, register_fsdp_forward_method
from torch.distributed.tensor import DTensor

from ..model.llama import Llama
from .gradients import count_not_finite, gradients, scale
from .ranks import ParallelDims, Precision, Ranks
from .shards import Shard


class FullyShardedDataParallel:
    """Every rank holds its float32 slice of each tensor; whole blocks exist only while they compute, in the
    type of their products. Gradients are reduced in float32.
    """

    def __init__(self, dims: ParallelDims, ranks: Ranks, precision: Precision) -> None:
        self._dims, self._ranks = dims, ranks
        # Without a cast the residual stream enters a block as it left the one before.
        self._policy = MixedPrecisionPolicy(
            param_dtype=torch.bfloat16 if precision == "bfloat16" else None,
            reduce_dtype=torch.float32,
            cast_forward_inputs=False,
        )
        self.copies = dims.replicate

    def apply(self, model: Llama) -> None:
        mesh = self._mesh()
        for block in model.layers:
            fully_shard(block, mesh=mesh, mp_policy=self._policy)
        # Also the root: left whole after a held-out pass it would be neither what the optimizer changes nor
        # what is saved.
        fully_shard(model, mesh=mesh, reshard_after_forward=True, mp_policy=self._policy)
        register_fsdp_forward_method(model, "losses")
        model.to_empty(device=self._ranks.device)

    def _mesh(self) -> DeviceMesh:
        """One dimension where the model is only sharded, two (replicate, shard) where shards are repeated."""
        sizes = {"replicate": self._dims.replicate, "shard": self._dims.divided}
        names = tuple(name for name, size in sizes.items() if size > 1)
        return init_device_mesh(
            self._ranks.device.type, tuple(sizes[name] for name in names), mesh_dim_names=names
        )

    def assign(self, parameter: nn.Parameter, value: Tensor) -> None:
        # Every rank has the full value: each cuts out its own part, nothing is sent.
        shard = self.shard(parameter)
        ends = (first + size for first, size in zip(shard.offsets, shard.local.shape, strict=True))
        shard.local.copy_(value[tuple(slice(*bounds) for bounds in zip(shard.offsets, ends, strict=True))])

    def shard(self, tensor: Tensor) -> Shard:
        assert isinstance(tensor, DTensor)
        (chunk,) = tensor.__create_chunk_list__()  # type: ignore[no-untyped-call]
        coordinate = tensor.device_mesh.get_coordinate()
        assert coordinate is not None
        is_first = all(
            place == 0
            for place, placement in zip(coordinate, tensor.placements, strict=True)
            if placement.is_replicate()
        )
        return Shard(_local(tensor.detach()), tuple(chunk.offsets), is_first)

    def full(self, tensor: Tensor) -> Tensor:
        assert isinstance(tensor, DTensor)
        whole: Tensor = tensor.full_tensor()
        return whole.detach().cpu()

    def finite(self, tensors: list[Tensor]) -> bool:
        return self._ranks.total(count_not_finite([_local(tensor) for tensor in tensors]))[0] == 0

    def accumulate(self, model: nn.Module, is_last: bool) -> None:
        # Replicas wait for one another once a step; slices are reduced within a replica each time, because
        # whole gradients would take the room that slices save.
        assert isinstance(model, FSDPModule)
        model.set_requires_all_reduce(is_last)

    def sum_gradients(self, model: nn.Module) -> None:
        # FSDP2 has averaged them over all ranks while reducing.
        scale(self.local_gradients(model), self._ranks.size)

    def local_gradients(self, model: nn.Module) -> list[Tensor]:
        return [_local(gradient) for gradient in gradients(model)]


def _local(tensor: Tensor) -> Tensor:
    assert isinstance(tensor, DTensor)
    part: torch.Tensor = tensor.to_local()
    return part

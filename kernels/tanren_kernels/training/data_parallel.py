"""How ranks share the work: replicate x (shard x context), applied from outside to the unmodified model.

Every rank sees its own samples, or its part of them, and gradients are summed over all. What each rank holds
of the parameters is a `DataParallel`: everything (`DistributedDataParallel`), or a part
(`fsdp.FullyShardedDataParallel`).
"""

from __future__ import annotations

from typing import Protocol

import torch.distributed as dist
from torch import Tensor, nn

from ..model.llama import Llama
from .gradients import count_not_finite, gradients
from .ranks import ParallelDims, Precision, Ranks
from .shards import Shard


class DataParallel(Protocol):
    """What a rank holds of every tensor that is shaped like a parameter.

    Its methods are called by all ranks alike.
    """

    @property
    def copies(self) -> int:
        """How many ranks hold each number of a gradient."""

    def apply(self, model: Llama) -> None:
        """Divides a model, which may be on the meta device still."""

    def assign(self, parameter: nn.Parameter, value: Tensor) -> None:
        """Sets a parameter from its full value, which every rank has."""

    def shard(self, tensor: Tensor) -> Shard:
        """What this rank holds of it; writing to it writes to the tensor."""

    def full(self, tensor: Tensor) -> Tensor:
        """The whole of a divided tensor, in main memory."""

    def finite(self, tensors: list[Tensor]) -> bool:
        """Whether no number is infinite or NaN on any rank."""

    def accumulate(self, model: nn.Module, is_last: bool) -> None:
        """Told before each backward pass of a step, and whether it is the step's last."""

    def sum_gradients(self, model: nn.Module) -> None:
        """Makes every gradient the sum over ranks."""

    def local_gradients(self, model: nn.Module) -> list[Tensor]:
        """What this rank holds of the gradients; changing it changes them."""


class DistributedDataParallel:
    """Every rank holds everything; gradients are summed by all-reduce."""

    def __init__(self, ranks: Ranks) -> None:
        self._ranks = ranks
        self.copies = ranks.size

    def apply(self, model: Llama) -> None:
        model.to_empty(device=self._ranks.device)

    def assign(self, parameter: nn.Parameter, value: Tensor) -> None:
        parameter.copy_(value)

    def shard(self, tensor: Tensor) -> Shard:
        return Shard.whole(tensor, self._ranks.rank == 0)

    def full(self, tensor: Tensor) -> Tensor:
        return tensor.detach().cpu()

    def finite(self, tensors: list[Tensor]) -> bool:
        return self._ranks.total(count_not_finite(tensors))[0] == 0

    def accumulate(self, model: nn.Module, is_last: bool) -> None:
        pass  # gradients are summed once, after the last

    def sum_gradients(self, model: nn.Module) -> None:
        if self._ranks.size > 1:
            works = [dist.all_reduce(gradient, async_op=True) for gradient in gradients(model)]
            for work in works:
                assert work is not None
                work.wait()

    def local_gradients(self, model: nn.Module) -> list[Tensor]:
        return gradients(model)


def data_parallel_of(dims: ParallelDims, ranks: Ranks, precision: Precision) -> DataParallel:
    if dims.divided == 1:
        return DistributedDataParallel(ranks)
    # Only here, because loading FSDP takes longer than many a small run's first steps.
    from .fsdp import FullyShardedDataParallel

    return FullyShardedDataParallel(dims, ranks, precision)

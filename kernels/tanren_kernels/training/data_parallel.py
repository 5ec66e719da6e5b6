"""How ranks share the work: replicate x shard, applied from outside to the unmodified model.

Every rank sees its own samples and gradients are summed over all of them. What each rank holds of the parameters is a `Division`:
everything (`Replicated`), or a part (`sharding.Sharded`).
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

import torch
import torch.distributed as dist
from torch import Tensor, nn

from ..contract import Parallelism
from ..model.llama import Llama
from ..runtime.errors import Ending

# A rank may wait this long for the others, e.g. while rank 0 writes a checkpoint.
PEER_TIMEOUT = timedelta(minutes=10)


@dataclass(frozen=True)
class ParallelDims:
    """Degrees of parallelism; their product is the number of ranks, else InvalidConfig."""

    replicate: int
    shard: int
    ranks: int

    def __post_init__(self) -> None:
        if self.replicate * self.shard != self.ranks:
            raise Ending(
                "InvalidConfig",
                f"parallelism.replicate {self.replicate} x shard {self.shard} is {self.replicate * self.shard}, but {self.ranks} ranks run; "
                "make it nodes x processes per node.",
            )

    @classmethod
    def of(cls, config: Parallelism, ranks: int) -> ParallelDims:
        return cls(config.replicate, config.shard, ranks)


@dataclass(frozen=True)
class Ranks:
    """This process among the others, by torchrun's variables."""

    rank: int
    size: int
    device: torch.device

    @classmethod
    @contextmanager
    def joined(cls) -> Iterator[Ranks]:
        """Joins the group that RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT name; without WORLD_SIZE this process is alone.

        Within the block a rank that goes away ends the others with PeerLost.
        """
        size = int(os.environ.get("WORLD_SIZE", "1"))
        local_rank = int(os.environ.get("LOCAL_RANK", "0"))
        device = torch.device("cuda", local_rank) if torch.cuda.is_available() else torch.device("cpu")
        if device.type == "cuda":
            torch.cuda.set_device(device)
        if size == 1:
            yield cls(0, 1, device)
            return
        try:
            dist.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo", timeout=PEER_TIMEOUT)
            yield cls(dist.get_rank(), size, device)
        except RuntimeError as error:
            # Gloo raises plain RuntimeError where a connection breaks or a wait runs out.
            if isinstance(error, dist.DistError) or "gloo" in str(error).lower():
                raise Ending("PeerLost", f"another rank went away or did not answer within {PEER_TIMEOUT}; restart all ranks: {str(error)[:300]}") from error
            raise

    def total(self, values: list[float]) -> list[float]:
        """Sums over ranks, in float64."""
        if self.size == 1:
            return values
        vector = torch.tensor(values, dtype=torch.float64)
        dist.all_reduce(vector)
        return [float(value) for value in vector]

    def from_first(self, values: list[float]) -> list[float]:
        """Rank 0's values on every rank; those of the others are not looked at."""
        if self.size == 1:
            return values
        length = torch.tensor([len(values)])
        dist.broadcast(length, src=0)
        vector = torch.zeros(int(length), dtype=torch.float64)
        if self.rank == 0:
            vector = torch.tensor(values, dtype=torch.float64)
        dist.broadcast(vector, src=0)
        return [float(value) for value in vector]


class Division(Protocol):
    """What a rank holds of every tensor that is shaped like a parameter. Its methods are called by all ranks alike."""

    def apply(self, model: Llama) -> None:
        """Divides a model, which may be on the meta device still."""

    def assign(self, parameter: nn.Parameter, value: Tensor) -> None:
        """Sets a parameter from its full value, which every rank has."""

    def like(self, value: Tensor, parameter: Tensor) -> Tensor:
        """A full tensor divided and placed as `parameter` is."""

    def full(self, tensor: Tensor) -> Tensor:
        """The whole of a divided tensor, in main memory."""

    def finite(self, tensors: list[Tensor]) -> bool:
        """Whether no number is infinite or NaN on any rank."""

    def sum_gradients(self, model: nn.Module) -> None:
        """Makes every gradient the sum over ranks."""

    def gradient_norm(self, model: nn.Module) -> float:
        """Euclidean norm over all gradients, once they are summed."""


class Replicated:
    """Every rank holds everything; gradients are summed by all-reduce."""

    def __init__(self, ranks: Ranks) -> None:
        self._ranks = ranks

    def apply(self, model: Llama) -> None:
        model.to_empty(device=self._ranks.device)

    def assign(self, parameter: nn.Parameter, value: Tensor) -> None:
        parameter.copy_(value)

    def like(self, value: Tensor, parameter: Tensor) -> Tensor:
        return value.to(parameter.device, copy=True)

    def full(self, tensor: Tensor) -> Tensor:
        return tensor.detach().cpu()

    def finite(self, tensors: list[Tensor]) -> bool:
        return self._ranks.total([float(count_not_finite(tensors))])[0] == 0

    def sum_gradients(self, model: nn.Module) -> None:
        if self._ranks.size > 1:
            works = [dist.all_reduce(gradient, async_op=True) for gradient in gradients(model)]
            for work in works:
                assert work is not None
                work.wait()

    def gradient_norm(self, model: nn.Module) -> float:
        return math.sqrt(sum_of_squares(gradients(model)))


def gradients(model: nn.Module) -> list[Tensor]:
    return [parameter.grad for parameter in model.parameters() if parameter.grad is not None]


def count_not_finite(tensors: list[Tensor]) -> int:
    return sum(not bool(torch.isfinite(tensor).all()) for tensor in tensors)


def sum_of_squares(tensors: list[Tensor]) -> float:
    """In float64: float32 sums of millions of squares are off by 1e-4 and differ with the division over ranks."""
    return sum(float(torch.linalg.vector_norm(tensor, dtype=torch.float64)) ** 2 for tensor in tensors)


def division(dims: ParallelDims, ranks: Ranks) -> Division:
    if dims.shard == 1:
        return Replicated(ranks)
    # Only here, because loading FSDP takes longer than many a small run's first steps.
    from .fsdp import Sharded

    return Sharded(dims, ranks)

"""This process among the others, and how many of them there are to be."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

import torch
import torch.distributed as dist
from torch import Tensor

from ..contract import Parallelism
from ..runtime.errors import KernelError

Precision = Literal["float32", "bfloat16"]

# A rank may wait this long for the others, e.g. while rank 0 writes a file of the model.
PEER_TIMEOUT = timedelta(minutes=10)


@dataclass(frozen=True)
class ParallelDims:
    """Degrees of parallelism; their product is the number of ranks, else InvalidConfig."""

    replicate: int
    shard: int
    context: int
    ranks: int

    def __post_init__(self) -> None:
        product = self.replicate * self.shard * self.context
        if product != self.ranks:
            raise KernelError(
                "InvalidConfig",
                f"parallelism.replicate {self.replicate} x shard {self.shard} x context {self.context} is "
                f"{product}, but {self.ranks} ranks run; "
                "make it nodes x processes per node.",
            )

    @property
    def divided(self) -> int:
        """Ranks that a copy's parameters are divided over: those that share a sequence divide them too."""
        return self.shard * self.context

    @classmethod
    def of(cls, config: Parallelism, ranks: int) -> ParallelDims:
        return cls(config.replicate, config.shard, config.context or 1, ranks)


@dataclass(frozen=True)
class Ranks:
    """This process among the others, by torchrun's variables."""

    rank: int
    size: int
    device: torch.device

    @classmethod
    @contextmanager
    def joined(cls) -> Iterator[Ranks]:
        """Joins the group that RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT name;
        without WORLD_SIZE this process is alone.

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
            dist.init_process_group(
                "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo", timeout=PEER_TIMEOUT
            )
            yield cls(dist.get_rank(), size, device)
        except RuntimeError as error:
            # Gloo raises plain RuntimeError where a connection breaks or a wait runs out.
            if isinstance(error, dist.DistError) or "gloo" in str(error).lower():
                raise KernelError(
                    "PeerLost",
                    f"another rank went away or did not answer within {PEER_TIMEOUT}; restart all ranks: "
                    f"{str(error)[:300]}",
                ) from error
            raise

    def total(self, values: Tensor) -> list[float]:
        """Sums over ranks, in float64; one wait for the device, however many values there are."""
        vector = values.to("cpu", torch.float64).flatten()
        if self.size > 1:
            vector = vector.clone()
            dist.all_reduce(vector)
        totals: list[float] = vector.tolist()
        return totals

    def total_of(self, value: float) -> float:
        return self.total(torch.tensor([value], dtype=torch.float64))[0]

    def wait(self) -> None:
        """Returns once every rank has called it."""
        self.total_of(0.0)

    def gathered(self, value: bytes) -> list[bytes]:
        """What every rank gives, in their order; all give equally many bytes."""
        if self.size == 1:
            return [value]
        sent = torch.tensor(list(value), dtype=torch.uint8)
        received = [torch.empty_like(sent) for _ in range(self.size)]
        dist.all_gather(received, sent)
        return [bytes(given.tolist()) for given in received]

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

"""Tensors divided over ranks, as files: one per rank, whose header says where in the whole each lies.

The files are those of torch.distributed.checkpoint's Hugging Face storage (safetensors); it reads them too.
They name offsets and nothing of a layout, so ranks that are divided in any other way read what they need.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from ..runtime.errors import KernelError

# Keys of torch.distributed.checkpoint's format, version 1.0.
_SHARDING = "DCP_SHARDING_INFO"
_OFFSETS = "saved_offsets"
_FORMAT = {"DCP_VERSION": "1.0", "format": "pt"}


@dataclass(frozen=True)
class Shard:
    """What one rank holds of a tensor."""

    local: Tensor
    offsets: tuple[int, ...]
    """Of its first number in the whole tensor."""
    saved: bool
    """Whether this rank saves it: of several that hold the same one does."""

    @classmethod
    def whole(cls, tensor: Tensor, saved: bool) -> Shard:
        return cls(tensor.detach(), (0,) * tensor.dim(), saved)


def file_name(rank: int) -> str:
    return f"rank-{rank:05d}.safetensors"


def write(path: Path, shards: Mapping[str, Shard]) -> None:
    """`shards` lie in main memory and are contiguous."""
    offsets = {name: {_OFFSETS: shard.offsets} for name, shard in shards.items()}
    tensors = {name: shard.local for name, shard in shards.items()}
    save_file(tensors, path, metadata={_SHARDING: json.dumps(offsets), **_FORMAT})


@dataclass(frozen=True)
class _Piece:
    path: Path
    offsets: tuple[int, ...]
    sizes: tuple[int, ...]


class ShardReader:
    """Reads any part of any tensor that lies in the files of one checkpoint."""

    def __init__(self, paths: list[Path]) -> None:
        self._opened = ExitStack()
        self._files: dict[Path, Any] = {}
        self._pieces: dict[str, list[_Piece]] = {}
        for path in paths:
            file = self._files[path] = self._opened.enter_context(safe_open(path, framework="pt"))
            sharding = json.loads(file.metadata()[_SHARDING])
            for name in file.keys():  # noqa: SIM118, not a mapping
                piece = _Piece(path, tuple(sharding[name][_OFFSETS]), tuple(file.get_slice(name).get_shape()))
                self._pieces.setdefault(name, []).append(piece)

    def close(self) -> None:
        self._opened.close()

    def fill(self, name: str, target: Shard) -> None:
        """Sets what a rank holds of a tensor from wherever it lies; raises InvalidConfig where the files lack
        some of it.
        """
        sizes, missing = target.local.shape, target.local.numel()
        for piece in self._pieces.get(name, []):
            starts = [max(ours, theirs) for ours, theirs in zip(target.offsets, piece.offsets, strict=True)]
            ends = [
                min(ours + size, theirs + length)
                for ours, size, theirs, length in zip(
                    target.offsets, sizes, piece.offsets, piece.sizes, strict=True
                )
            ]
            if any(start >= end for start, end in zip(starts, ends, strict=True)):
                continue
            read = self._files[piece.path].get_slice(name)[_slices(starts, ends, piece.offsets)]
            target.local[_slices(starts, ends, target.offsets)] = read
            missing -= read.numel()
        if missing:
            raise KernelError(
                "InvalidConfig",
                f"the checkpoint in {next(iter(self._files)).parent} lacks {missing} numbers of {name}; "
                "start a new run or give an empty checkpoints.directory.",
            )


def _slices(starts: list[int], ends: list[int], origin: tuple[int, ...]) -> tuple[slice, ...]:
    return tuple(
        slice(start - first, end - first) for start, end, first in zip(starts, ends, origin, strict=True)
    )


class HostCopy:
    """Copies of a rank's shards in main memory, in the same buffers each time: pages are touched first once
    alone, and a device copies to memory that is pinned.
    """

    def __init__(self) -> None:
        self._buffers: dict[str, Tensor] = {}

    def of(self, shards: Mapping[str, Shard]) -> dict[str, Shard]:
        """Those that this rank saves; the copies hold until the next call."""
        copies = {}
        for name, shard in shards.items():
            if not shard.saved or shard.local.numel() == 0:
                continue
            buffer = self._buffers.get(name)
            if buffer is None:
                pinned = shard.local.device.type == "cuda"
                buffer = torch.empty(shard.local.shape, dtype=shard.local.dtype, pin_memory=pinned)
                self._buffers[name] = buffer
            buffer.copy_(shard.local, non_blocking=True)
            copies[name] = Shard(buffer, shard.offsets, True)
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        return copies

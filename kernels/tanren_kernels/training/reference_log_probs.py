"""Reference log-probabilities of preference pairs: computed once with the starting weights,
kept beside the checkpoints.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ..model.llama import Llama
from ..runtime import durable_file
from . import micro_batches
from .dpo import Pairs, log_probabilities
from .ranks import Ranks


def read(path: Path, config_hash: str) -> Tensor | None:
    """[pairs, 2], or None where the file is absent, cut off or of another config: it is computed again."""
    try:
        with safe_open(path, framework="pt") as stored:
            if (stored.metadata() or {}).get("config_hash") != config_hash:
                return None
            values: Tensor = stored.get_tensor("log_probabilities")
            return values
    except (OSError, SafetensorError):
        return None


def write(path: Path, values: Tensor, config_hash: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    durable_file.write_with(
        path,
        lambda place: save_file({"log_probabilities": values}, place, metadata={"config_hash": config_hash}),
    )


def ensure(
    pairs: Pairs,
    path: Path,
    config_hash: str,
    model: Llama,
    ranks: Ranks,
    micro_batch_size: int,
    autocast: AbstractContextManager[object],
) -> None:
    """Sets `pairs.reference` from `path`, else computes it, every rank its part, and rank 0 writes it.

    `model` has its starting weights.
    """
    stored = read(path, config_hash) if ranks.rank == 0 else None
    values = ranks.from_first([] if stored is None else stored.flatten().tolist())
    if not values:
        table = torch.zeros(len(pairs), 2, dtype=torch.float64)
        for part in micro_batches.of_rank(
            pairs, micro_batches.whole(pairs), ranks.rank, ranks.size, micro_batch_size
        ):
            with torch.no_grad(), autocast:
                logps = log_probabilities(model, pairs.batch(part.samples).to(ranks.device))
            if part.real:
                table[torch.from_numpy(part.samples)] = logps.view(2, -1).T.double().cpu()
        values = ranks.total(table)
        if ranks.rank == 0:
            write(path, torch.tensor(values, dtype=torch.float32).view(-1, 2), config_hash)
    pairs.reference = torch.tensor(values, dtype=torch.float32).view(-1, 2)

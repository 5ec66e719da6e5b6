"""How fast a run goes: tokens per second,
and the share of the accelerators' peak that the model's own arithmetic uses (MFU).
"""

from __future__ import annotations

import torch

from ..model.config import LlamaConfig
from ..model.llama import parameter_count

# Dense bfloat16 peaks in FLOP/s, from the vendor's data sheets (without sparsity).
PEAK_FLOPS = {"A100": 312e12, "H100": 989e12, "H200": 989e12}


def flops_per_token(config: LlamaConfig, sequence_length: int) -> float:
    """Forward and backward: 6 per parameter, and 12 per layer, hidden unit and attended position (PaLM,
    Chowdhery et al. 2022, appendix B).
    """
    return (
        6.0 * parameter_count(config) + 12.0 * config.num_hidden_layers * config.hidden_size * sequence_length
    )


def peak_tokens_per_second(
    config: LlamaConfig, sequence_length: int, device: torch.device, ranks: int
) -> float | None:
    """Where MFU is 1; None where the device's peak is not known."""
    if device.type != "cuda":
        return None
    name = torch.cuda.get_device_name(device)
    peak = next((flops for model, flops in PEAK_FLOPS.items() if model in name), None)
    return None if peak is None else peak * ranks / flops_per_token(config, sequence_length)

"""Products with weights in bfloat16 on processors that have no instructions for it.

oneDNN then computes them element by element: at 400 tokens through a model of 135M parameters that takes six
times as long as float32 does. From a few rows on it is faster to widen the weights of one layer at a
time. Both ways sum in float32 and round the sum.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

WIDE_ROWS = 3
"""From so many rows on widening a matrix costs less than it saves, whatever its shape."""


def is_slow_in_bfloat16() -> bool:
    """Whether this processor has neither instructions for bfloat16 nor those that emulate them well."""
    return torch.backends.cpu.get_cpu_capability() not in ("AVX512", "SVE256")


def linear(x: Tensor, weight: Tensor) -> Tensor:
    """x weight' in x's type; [..., in] and [out, in] give [..., out]. For inference."""
    rows = x.numel() // x.shape[-1]
    if x.dtype == torch.bfloat16 and x.device.type == "cpu" and rows >= WIDE_ROWS and is_slow_in_bfloat16():
        return functional.linear(x.float(), weight.float()).to(torch.bfloat16)
    return functional.linear(x, weight)


class WideningLinear(nn.Linear):
    """A linear layer without bias that widens its weights where that is faster."""

    def forward(self, x: Tensor) -> Tensor:
        return linear(x, self.weight)


def widen(model: nn.Module) -> None:
    """Replaces the linear layers of a model that only answers; their weights stay the same tensors."""
    for parent in model.modules():
        for name, layer in parent.named_children():
            if type(layer) is nn.Linear:
                wide = WideningLinear(layer.in_features, layer.out_features, bias=False, device="meta")
                wide.weight = layer.weight
                setattr(parent, name, wide)

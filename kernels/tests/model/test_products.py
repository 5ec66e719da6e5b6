from __future__ import annotations

from pathlib import Path

import pytest
import tiny
import torch

from tanren_kernels.model import products
from tanren_kernels.model.llama import load_model


@pytest.fixture(autouse=True)
def slow_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "is_slow_in_bfloat16", lambda: True)


@pytest.mark.parametrize("rows", [1, 2, 3, 40])
def test_a_product_is_as_near_to_the_exact_one_as_bfloat16_is(rows: int) -> None:
    generator = torch.Generator().manual_seed(rows)
    x = torch.randn(rows, 96, generator=generator).bfloat16()
    weight = torch.randn(64, 96, generator=generator).bfloat16()
    exact = x.double() @ weight.double().T
    made = products.linear(x, weight)
    assert made.dtype == torch.bfloat16
    # Half a unit in the last of bfloat16's 8 places, and what float32 loses in sums of 96.
    torch.testing.assert_close(made.double(), exact, rtol=2**-8, atol=1e-4)


def test_a_loaded_model_answers_in_bfloat16_as_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load_model(tiny.write_model(tmp_path, tiny.model()), torch.bfloat16)
    tokens_BT = torch.arange(20)[None]
    with torch.inference_mode():
        wide = model(tokens_BT)
        monkeypatch.setattr(products, "is_slow_in_bfloat16", lambda: False)
        plain = model(tokens_BT)
    assert wide.dtype == torch.bfloat16
    torch.testing.assert_close(wide, plain, rtol=0.05, atol=0.05)
    names = [name for name, _ in model.named_parameters()]
    assert names == [name for name, _ in tiny.model().named_parameters()]

"""Blocks that keep less compute the same bits, and keep as little as is said of them."""

import pytest
import torch
from torch import Tensor

from tanren_kernels.model.config import LlamaConfig
from tanren_kernels.model.llama import Llama, fill, initial_tensor
from tanren_kernels.training import activation_checkpointing
from tanren_kernels.training.activation_checkpointing import Mode

SHAPE = LlamaConfig(
    vocab_size=64, hidden_size=96, intermediate_size=256, num_hidden_layers=3, num_attention_heads=6,
    num_key_value_heads=2, max_position_embeddings=2048,
)  # fmt: skip
MODES: list[Mode] = ["none", "selective", "full"]
BATCH = 2


def step(mode: Mode, precision: str, tokens: int) -> tuple[Tensor, list[Tensor], int]:
    """Losses, gradients, and bytes beside parameters that were kept for the backward pass."""
    model = Llama(SHAPE)
    fill(model, lambda name, shape: initial_tensor(SHAPE, name, shape, 0))
    activation_checkpointing.apply(model, mode)
    rows = torch.randint(64, (BATCH, tokens + 1), generator=torch.Generator().manual_seed(0))
    weights = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    kept: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with (
        torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor),
        torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bfloat16"),
    ):
        losses = model.losses(rows[:, :-1].contiguous(), rows[:, 1:].contiguous())
    forward = sum(kept.values())
    torch.autograd.backward(losses.mean())
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    return losses.detach(), gradients, forward


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_losses_and_gradients_are_the_same_bits(precision: str) -> None:
    losses, gradients, _ = step("none", precision, 64)
    for mode in MODES[1:]:
        other_losses, other_gradients, _ = step(mode, precision, 64)
        assert torch.equal(losses, other_losses)
        for one, other in zip(gradients, other_gradients, strict=True):
            assert torch.equal(one, other)


@pytest.mark.parametrize(("precision", "tokens"), [("float32", 256), ("bfloat16", 1536)])
def test_full_keeps_a_blocks_input_selective_also_two_products_and_what_attention_gave(
    precision: str, tokens: int
) -> None:
    none, selective, full = (step(mode, precision, tokens)[2] for mode in MODES)
    width = {"float32": 4, "bfloat16": 2}[precision]
    rows = SHAPE.num_hidden_layers * BATCH * tokens
    stream, groups = SHAPE.hidden_size, SHAPE.num_key_value_heads * SHAPE.head_dim
    # The residual stream is float32 in either precision; embedding and head are the same in every mode.
    products = width * ((stream + 2 * groups) + 2 * SHAPE.intermediate_size + stream)
    logarithms = 4 * SHAPE.num_attention_heads
    assert selective - full == rows * (products + logarithms)
    assert 4 * stream * rows <= full < 2 * 4 * stream * rows + 4 * BATCH * tokens * SHAPE.vocab_size
    assert none > 2 * selective

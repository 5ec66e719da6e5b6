from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tiny
import torch
from torch.nn import functional

from tanren_kernels.model.config import LlamaConfig
from tanren_kernels.model.llama import Llama, fill, initial_tensor, load_model, parameter_count
from tanren_kernels.runtime.errors import KernelError


@pytest.mark.parametrize(
    "changes", [{}, {"tie_word_embeddings": True}, {"rope_factor": 4.0, "max_position_embeddings": 1024}]
)
def test_a_written_model_loads_as_it_was(tmp_path: Path, changes: dict[str, Any]) -> None:
    model = tiny.model(**changes)
    loaded = load_model(tiny.write_model(tmp_path, model))
    assert loaded.config == model.config
    tokens = torch.arange(3, 40)[None]
    with torch.no_grad():
        assert torch.equal(loaded(tokens), model(tokens))


def test_losses_and_gradients_are_those_of_cross_entropy() -> None:
    tokens = torch.randint(3, 300, (2, 9), generator=torch.Generator().manual_seed(0))
    supervised = torch.rand(2, 8, generator=torch.Generator().manual_seed(1)) > 0.4
    ours, plain = tiny.model(), tiny.model()
    losses = ours.losses(tokens[:, :-1], tokens[:, 1:], supervised)
    expected = functional.cross_entropy(
        plain(tokens[:, :-1])[supervised], tokens[:, 1:][supervised], reduction="none"
    )
    torch.testing.assert_close(losses, expected)
    weights = torch.linspace(0.1, 2, len(losses))
    torch.autograd.backward((losses * weights).sum())
    torch.autograd.backward((expected * weights).sum())
    for ours_parameter, plain_parameter in zip(ours.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(ours_parameter.grad, plain_parameter.grad, atol=1e-5, rtol=1e-4)


def test_padding_to_the_right_changes_no_loss() -> None:
    model = tiny.model()
    tokens = torch.randint(3, 300, (1, 9), generator=torch.Generator().manual_seed(3))
    padded = torch.cat([tokens, torch.zeros(1, 7, dtype=torch.int64)], dim=1)
    supervised = torch.arange(15)[None] < 8
    torch.testing.assert_close(
        model.losses(padded[:, :-1], padded[:, 1:], supervised), model.losses(tokens[:, :-1], tokens[:, 1:])
    )


def test_factor_one_computes_the_bits_of_the_base_model() -> None:
    base = tiny.model()
    same = Llama(replace(base.config, rope_factor=1.0, max_position_embeddings=4096))
    same.load_state_dict(base.state_dict())
    tokens = torch.arange(3, 60)[None]
    with torch.no_grad():
        assert torch.equal(same(tokens), base(tokens))


def test_initial_weights_depend_on_seed_and_name_alone() -> None:
    config = tiny.config()
    shape = torch.Size([64, 64])
    first = initial_tensor(config, "layers.0.mlp.down_proj.weight", shape, 1)
    assert torch.equal(first, initial_tensor(config, "layers.0.mlp.down_proj.weight", shape, 1))
    assert not torch.equal(first, initial_tensor(config, "layers.1.mlp.down_proj.weight", shape, 1))
    assert not torch.equal(first, initial_tensor(config, "layers.0.mlp.down_proj.weight", shape, 2))
    # Two layers, so four matrices write into the residual stream.
    assert first.std().item() == pytest.approx(0.01, rel=0.05)
    assert initial_tensor(
        config, "layers.0.self_attn.qkv_proj.weight", shape, 1
    ).std().item() == pytest.approx(0.02, rel=0.05)


def test_parameter_count_counts_a_tied_matrix_once() -> None:
    tied, untied = tiny.config(tie_word_embeddings=True), tiny.config()
    assert parameter_count(untied) - parameter_count(tied) == untied.vocab_size * untied.hidden_size
    model = Llama(tied)
    fill(model, lambda name, shape: initial_tensor(tied, name, shape, 0))
    assert parameter_count(tied) == sum(parameter.numel() for parameter in model.parameters())


def test_config_of_transformers_5_is_read() -> None:
    config = tiny.config(rope_factor=4.0, rope_theta=50000.0)
    body = {
        key: value for key, value in config.to_json().items() if key not in ("rope_theta", "rope_scaling")
    }
    body["rope_parameters"] = {"rope_type": "linear", "factor": 4.0, "rope_theta": 50000.0}
    assert LlamaConfig.from_json(body) == config == LlamaConfig.from_json(config.to_json())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("rope_scaling", {"rope_type": "yarn", "factor": 2.0}),
        ("attention_bias", True),
        ("hidden_act", "gelu"),
        ("head_dim", 16),
    ],
)
def test_architectures_it_does_not_compute_are_refused_by_name(field: str, value: object) -> None:
    with pytest.raises(KernelError, match=field) as caught:
        LlamaConfig.from_json({**tiny.config().to_json(), field: value})
    assert caught.value.reason == "InvalidData"


def test_missing_and_misshapen_tensors_are_damage(tmp_path: Path) -> None:
    directory = tiny.write_model(tmp_path, tiny.model())
    config = (directory / "config.json").read_text()
    (directory / "config.json").write_text(
        config.replace('"intermediate_size": 64', '"intermediate_size": 60')
    )
    with pytest.raises(KernelError, match="gate_up_proj"):
        load_model(directory)
    (directory / "config.json").write_text(config.replace('"num_hidden_layers": 2', '"num_hidden_layers": 3'))
    with pytest.raises(KernelError, match=r"layers\.2"):
        load_model(directory)

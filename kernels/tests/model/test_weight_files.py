"""A model's weights in one file or several."""

import json
from pathlib import Path

import pytest
import tiny
import torch
from safetensors.torch import load_file

from tanren_kernels.model.weight_files import INDEX, write_weights
from tanren_kernels.model.weights import StoredWeights

LARGEST = 20_000


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_several_files_and_their_index_hold_the_model(tmp_path: Path, dtype: torch.dtype) -> None:
    llama = tiny.model()
    named = [(name, parameter.detach()) for name, parameter in llama.named_parameters()]
    write_weights(tmp_path, llama.config, named, torch.float32)
    paths = write_weights(tmp_path, llama.config, named, dtype, LARGEST)
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in paths}
    count = len(paths) - 1
    names = [f"model-{n:05d}-of-{count:05d}.safetensors" for n in range(1, count + 1)]
    assert count > 2
    assert [path.name for path in paths] == [*names, INDEX]
    index = json.loads((tmp_path / INDEX).read_bytes())
    held = {name: load_file(tmp_path / name) for name in names}
    assert index["weight_map"] == {key: name for name, tensors in held.items() for key in tensors}
    everything = [tensor for tensors in held.values() for tensor in tensors.values()]
    assert {tensor.dtype for tensor in everything} == {dtype}
    assert index["metadata"]["total_size"] == sum(tensor.nbytes for tensor in everything)
    stored = StoredWeights(tmp_path, llama.config)
    for name, value in named:
        assert torch.equal(stored.read(name, value.shape), value.to(dtype).float()), name

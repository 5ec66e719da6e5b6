import os
from pathlib import Path

import pytest
import torch

from tanren_kernels.contract import Checkpoints
from tanren_kernels.runtime.errors import KernelError
from tanren_kernels.runtime.program import ProgramContext
from tanren_kernels.runtime.progress import ProgressReporter
from tanren_kernels.training.checkpoint import CheckpointStore, State


@pytest.fixture
def context() -> ProgramContext:
    return ProgramContext("train", ProgressReporter("train", "step"))


def store(directory: Path, config_hash: str = "a", **changes: int) -> CheckpointStore:
    os.chdir(directory)
    return CheckpointStore(
        Checkpoints.model_validate(
            {"directory": "checkpoints", "every_steps": 10, "keep_last": 2, **changes}
        ),
        config_hash,
    )


def save(given: CheckpointStore, step: int, config_hash: str = "a") -> None:
    given.save(
        State(step, step * 4, 7, config_hash, {"loss": 0.1 + step}),
        {"w": torch.full((2, 3), float(step))},
        {"w.exp_avg": torch.ones(2, 3) / 3},
    )


def test_what_is_saved_comes_back_to_the_bit(tmp_path: Path, context: ProgramContext) -> None:
    given = store(tmp_path)
    assert given.newest(context) is None
    save(given, 10)
    assert given.newest(context) == State(10, 40, 7, "a", {"loss": 10.1})
    model, optimizer = given.tensors(10)
    assert torch.equal(model["w"], torch.full((2, 3), 10.0))
    assert torch.equal(optimizer["w.exp_avg"], torch.ones(2, 3) / 3)


def test_keeps_the_last_ones_and_the_multiples(tmp_path: Path) -> None:
    given = store(tmp_path, keep_every=30)
    for step in range(10, 90, 10):
        save(given, step)
    assert given.steps() == [30, 60, 70, 80]


@pytest.mark.parametrize(
    "file", ["model.safetensors", "optimizer.safetensors", "state.json", "complete.json"]
)
@pytest.mark.parametrize("damage", ["flip", "cut", "remove"])
def test_a_damaged_checkpoint_is_passed_over_and_logged(
    tmp_path: Path, context: ProgramContext, capsys: pytest.CaptureFixture[str], file: str, damage: str
) -> None:
    given = store(tmp_path)
    save(given, 10)
    save(given, 20)
    path = given.path(20) / file
    content = path.read_bytes()
    if damage == "remove":
        path.unlink()
    else:
        path.write_bytes(
            content[: len(content) // 2]
            if damage == "cut"
            else content[:-3] + bytes([content[-3] ^ 1]) + content[-2:]
        )
    state = given.newest(context)
    assert state is not None
    assert state.step == 10
    assert "step-00000020" in capsys.readouterr().out


def test_writing_over_a_damaged_one_never_removes_the_good_one_before(
    tmp_path: Path, context: ProgramContext
) -> None:
    given = store(tmp_path, keep_last=1)
    save(given, 10)
    save(given, 30)
    given.path(20).mkdir()
    (given.path(30) / "state.json").unlink()
    save(given, 20)
    assert given.newest(context) == State(20, 80, 7, "a", {"loss": 20.1})


def test_half_written_directories_are_swept(tmp_path: Path, context: ProgramContext) -> None:
    given = store(tmp_path)
    leftover = tmp_path / "checkpoints" / ".building-step-00000010"
    leftover.mkdir(parents=True)
    (leftover / "model.safetensors").write_bytes(b"half")
    assert given.newest(context) is None
    assert not leftover.exists()


def test_a_checkpoint_of_another_config_is_refused(tmp_path: Path, context: ProgramContext) -> None:
    save(store(tmp_path), 10)
    with pytest.raises(KernelError, match="start a new run") as caught:
        store(tmp_path, "b").newest(context)
    assert caught.value.reason == "InvalidConfig"

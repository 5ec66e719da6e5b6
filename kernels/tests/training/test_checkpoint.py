import os
from pathlib import Path

import pytest
import torch
from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageReader
from torch.distributed.checkpoint.state_dict_loader import load

from tanren_kernels.contract import Checkpoints
from tanren_kernels.runtime.errors import KernelError
from tanren_kernels.runtime.program import ProgramContext
from tanren_kernels.runtime.progress import ProgressReporter
from tanren_kernels.training import shards
from tanren_kernels.training.checkpoint import CheckpointStore, Found, State
from tanren_kernels.training.ranks import Ranks
from tanren_kernels.training.saver import Saver
from tanren_kernels.training.shards import Shard, ShardReader

ALONE = Ranks(0, 1, torch.device("cpu"))


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
        ALONE,
    )


def state(step: int, config_hash: str = "a") -> State:
    return State(step, step * 4, 7, config_hash, {"loss": 0.1 + step})


def tensors(step: int) -> dict[str, torch.Tensor]:
    return {"w": torch.full((2, 3), float(step)), "w.exp_avg": torch.ones(2, 3) / 3}


def save(given: CheckpointStore, step: int, config_hash: str = "a") -> None:
    published: list[int] = []
    saver = Saver(given, ALONE, published.append)
    saver.begin(
        state(step, config_hash), {name: Shard.whole(value, True) for name, value in tensors(step).items()}
    )
    saver.finish()
    assert published == [step]


def test_what_is_saved_comes_back_to_the_bit(tmp_path: Path, context: ProgramContext) -> None:
    given = store(tmp_path)
    assert given.newest(context) == Found(None, 0)
    save(given, 10)
    assert given.newest(context) == Found(state(10), 0)
    reader = given.read(10)
    for name, value in tensors(10).items():
        read = torch.empty_like(value)
        reader.fill(name, Shard.whole(read, False))
        assert torch.equal(read, value)


def test_tensors_may_change_as_soon_as_a_save_has_begun(tmp_path: Path) -> None:
    given, moving = store(tmp_path), torch.zeros(1000, 1000)
    published: list[int] = []
    saver = Saver(given, ALONE, published.append)
    saver.begin(state(10), {"w": Shard.whole(moving, True)})
    moving.fill_(7.0)
    assert published == []
    assert given.steps() == []
    saver.begin(state(20), {"w": Shard.whole(moving, True)})
    assert published == [10]
    saver.finish()
    for step, value in ((10, 0.0), (20, 7.0)):
        read = torch.empty(1000, 1000)
        given.read(step).fill("w", Shard.whole(read, False))
        assert bool((read == value).all())


def test_a_save_that_fails_is_no_checkpoint_and_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    given = store(tmp_path)
    monkeypatch.setattr(shards, "write", full)
    saver = Saver(given, ALONE, lambda _step: None)
    saver.begin(state(10), {"w": Shard.whole(torch.ones(2), True)})
    with pytest.raises(OSError, match="No space left"):
        saver.finish()
    assert given.steps() == []


# Two rows of three ranks, and three columns of two: neither knows of the other.
ROWS = [Shard(torch.arange(12.0).view(6, 2)[2 * n : 2 * n + 2], (2 * n, 0), True) for n in range(3)]


def write_rows(directory: Path) -> list[Path]:
    paths = [directory / shards.file_name(rank) for rank in range(3)]
    for path, rows in zip(paths, ROWS, strict=True):
        shards.write(path, {"w": rows})
    return paths


@pytest.mark.parametrize("bounds", [(0, 6, 0, 2), (1, 5, 0, 1), (3, 4, 1, 2), (0, 0, 0, 2)])
def test_any_part_is_read_from_the_files_of_any_layout(
    tmp_path: Path, bounds: tuple[int, int, int, int]
) -> None:
    top, bottom, left, right = bounds
    part = Shard(torch.full((bottom - top, right - left), -1.0), (top, left), False)
    ShardReader(write_rows(tmp_path)).fill("w", part)
    assert torch.equal(part.local, torch.arange(12.0).view(6, 2)[top:bottom, left:right])


def test_a_part_that_lies_nowhere_is_an_error(tmp_path: Path) -> None:
    paths = write_rows(tmp_path)
    with pytest.raises(KernelError, match="lacks 4 numbers of w"):
        ShardReader(paths[:2]).fill("w", Shard.whole(torch.empty(6, 2), False))


def test_torch_reads_the_files(tmp_path: Path) -> None:
    write_rows(tmp_path)
    whole = {"w": torch.empty(6, 2)}
    load(whole, storage_reader=HuggingFaceStorageReader(str(tmp_path)), no_dist=True)
    assert torch.equal(whole["w"], torch.arange(12.0).view(6, 2))


def test_keeps_the_last_ones_and_the_multiples(tmp_path: Path) -> None:
    given = store(tmp_path, keep_every=30)
    for step in range(10, 90, 10):
        save(given, step)
    assert given.steps() == [30, 60, 70, 80]


def damage(path: Path, kind: str) -> None:
    content = path.read_bytes()
    if kind == "remove":
        path.unlink()
    elif kind == "cut":
        path.write_bytes(content[: len(content) // 2])
    else:
        path.write_bytes(content[:-3] + bytes([content[-3] ^ 1]) + content[-2:])


@pytest.mark.parametrize("file", ["rank-00000.safetensors", "state.json", "complete.json"])
@pytest.mark.parametrize("kind", ["flip", "cut", "remove"])
def test_a_damaged_checkpoint_is_passed_over_logged_and_counted(
    tmp_path: Path, context: ProgramContext, capsys: pytest.CaptureFixture[str], file: str, kind: str
) -> None:
    given = store(tmp_path)
    save(given, 10)
    save(given, 20)
    damage(given.path(20) / file, kind)
    assert given.newest(context) == Found(state(10), 1)
    assert "step-00000020" in capsys.readouterr().out


def test_where_all_are_damaged_it_does_not_begin_from_nothing(
    tmp_path: Path, context: ProgramContext
) -> None:
    given = store(tmp_path)
    for step in (10, 20):
        save(given, step)
        damage(given.path(step) / "rank-00000.safetensors", "cut")
    with pytest.raises(KernelError, match="none of the 2 checkpoints") as caught:
        given.newest(context)
    assert caught.value.reason == "CheckpointsDamaged"
    assert given.steps() == [10, 20]


def test_writing_over_a_damaged_one_never_removes_the_good_one_before(
    tmp_path: Path, context: ProgramContext
) -> None:
    given = store(tmp_path, keep_last=1)
    save(given, 10)
    save(given, 30)
    given.path(20).mkdir()
    (given.path(30) / "state.json").unlink()
    save(given, 20)
    assert given.newest(context) == Found(state(20), 1)


def test_damaged_ones_do_not_count_among_those_kept(tmp_path: Path, context: ProgramContext) -> None:
    given = store(tmp_path)
    for step in (10, 20, 30):
        save(given, step)
    damage(given.path(30) / "rank-00000.safetensors", "flip")
    assert given.newest(context) == Found(state(20), 1)
    save(given, 35)
    assert given.steps() == [20, 35]


def test_half_written_directories_are_swept(tmp_path: Path, context: ProgramContext) -> None:
    given = store(tmp_path)
    leftover = tmp_path / "checkpoints" / ".building-step-00000010"
    leftover.mkdir(parents=True)
    (leftover / "rank-00000.safetensors").write_bytes(b"half")
    assert given.newest(context) == Found(None, 0)
    assert not leftover.exists()


def test_a_checkpoint_of_another_config_is_refused(tmp_path: Path, context: ProgramContext) -> None:
    save(store(tmp_path), 10)
    with pytest.raises(KernelError, match="start a new run") as caught:
        store(tmp_path, "b").newest(context)
    assert caught.value.reason == "InvalidConfig"

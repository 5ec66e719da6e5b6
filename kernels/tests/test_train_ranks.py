"""The program `train` on two ranks: the same losses as on one, and endings that all ranks agree on."""

import functools
import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import tiny_training
import torch

from tanren_kernels.contract import TrainConfig
from tanren_kernels.runtime.errors import KernelError
from tanren_kernels.training import launcher
from tanren_kernels.training.ranks import ParallelDims


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("alone")
    tiny_training.write_corpus(directory / "inputs" / "corpus")
    assert tiny_training.run(directory, tiny_training.config()) == 0
    return directory


@pytest.fixture
def work(tmp_path: Path) -> Path:
    tiny_training.write_corpus(tmp_path / "inputs" / "corpus")
    return tmp_path


def start_ranks(
    directory: Path,
    given: TrainConfig,
    prepare: tiny_training.Prepare | None = None,
    prepared_rank: int = 1,
    count: int = 2,
) -> list[Any]:
    pod = {
        "NNODES": "1",
        "NPROC_PER_NODE": str(count),
        "MASTER_PORT": launcher.rank_environment({}, 0)["MASTER_PORT"],
    }
    return [
        tiny_training.start(
            directory, given, launcher.rank_environment(pod, rank), prepare if rank == prepared_rank else None
        )
        for rank in range(count)
    ]


def codes(processes: list[Any]) -> list[int]:
    for process in processes:
        process.join(60)
    return [process.exitcode for process in processes]


@pytest.mark.parametrize(("replicate", "shard"), [(2, 1), (1, 2)])
def test_two_ranks_have_the_losses_of_one(work: Path, alone: Path, replicate: int, shard: int) -> None:
    given = tiny_training.config(parallelism={"replicate": replicate, "shard": shard})
    assert codes(start_ranks(work, given)) == [0, 0]
    for two, one in zip(tiny_training.losses(work), tiny_training.losses(alone), strict=True):
        assert two == pytest.approx(one, abs=1e-5)
    for name, tensor in tiny_training.weights(alone).items():
        torch.testing.assert_close(tiny_training.weights(work)[name], tensor, atol=1e-4, rtol=0)
    held_out = [tiny_training.result(directory)["metrics"]["held_out_loss"] for directory in (work, alone)]
    assert held_out[0] == pytest.approx(held_out[1], abs=1e-4)
    assert "artifact" not in tiny_training.result(work, rank=1)


@pytest.mark.parametrize(
    ("parallelism", "checkpointing"),
    [
        ({"context": 2}, "none"),
        ({"context": 4}, "full"),
        ({"shard": 2, "context": 2}, "selective"),
        ({"replicate": 2, "context": 2}, "none"),
    ],
)
def test_ranks_that_share_a_sequence_have_the_losses_of_one(
    work: Path, alone: Path, parallelism: dict[str, int], checkpointing: str
) -> None:
    count = math.prod(parallelism.values())
    given = tiny_training.config(
        parallelism=parallelism, training={"activation_checkpointing": checkpointing}
    )
    assert codes(start_ranks(work, given, count=count)) == [0] * count
    for several, one in zip(tiny_training.losses(work), tiny_training.losses(alone), strict=True):
        assert several == pytest.approx(one, abs=1e-5)
    held_out = [tiny_training.result(directory)["metrics"]["held_out_loss"] for directory in (work, alone)]
    assert held_out[0] == pytest.approx(held_out[1], abs=1e-4)
    for name, tensor in tiny_training.weights(alone).items():
        torch.testing.assert_close(tiny_training.weights(work)[name], tensor, atol=1e-4, rtol=0)


@pytest.mark.parametrize(("replicate", "shard"), [(1, 2), (2, 2)])
def test_ranks_accumulate_over_micro_batches_as_one_does(
    work: Path, tmp_path_factory: pytest.TempPathFactory, replicate: int, shard: int
) -> None:
    """Two micro batches a step on each rank; what is kept for the backward pass is nobody's business."""
    one = tmp_path_factory.mktemp("one")
    tiny_training.write_corpus(one / "inputs" / "corpus")
    training = {"global_batch_size": 8, "micro_batch_size": 8 // (2 * replicate * shard)}
    assert tiny_training.run(one, tiny_training.config(training=training)) == 0
    given = tiny_training.config(
        parallelism={"replicate": replicate, "shard": shard},
        training={**training, "activation_checkpointing": "selective" if replicate == 2 else "full"},
    )
    assert codes(start_ranks(work, given, count=replicate * shard)) == [0] * (replicate * shard)
    for several, alone in zip(tiny_training.losses(work), tiny_training.losses(one), strict=True):
        assert several == pytest.approx(alone, abs=1e-5)


def test_sharded_ranks_gather_bfloat16_and_keep_float32(
    work: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    one = tmp_path_factory.mktemp("one")
    tiny_training.write_corpus(one / "inputs" / "corpus")
    training = {"precision": "bfloat16"}
    assert tiny_training.run(one, tiny_training.config(training=training)) == 0
    given = tiny_training.config(parallelism={"shard": 2}, training=training)
    assert codes(start_ranks(work, given)) == [0, 0]
    together, alone = tiny_training.losses(work), tiny_training.losses(one)
    # Embedding and norms round to bfloat16 only where they are gathered.
    assert together[0] == pytest.approx(alone[0], abs=2e-3)
    assert together == pytest.approx(alone, abs=2e-2)
    for name, tensor in tiny_training.weights(work).items():
        assert tensor.dtype == torch.float32
        assert not torch.equal(tensor, tensor.bfloat16().float()), name


def test_a_checkpoint_of_any_layout_is_resumed_by_any_other(work: Path, alone: Path) -> None:
    """One rank stops at step 2, four in two copies at step 4; two that shard finish."""
    layouts: list[tuple[int, dict[str, int]]] = [(1, {}), (3, {"replicate": 2, "shard": 2})]
    for stop, parallelism in layouts:
        count = math.prod(parallelism.values())
        given = tiny_training.config(parallelism=parallelism)
        prepare = functools.partial(tiny_training.ask_to_stop_after, stop)
        assert codes(start_ranks(work, given, prepare, count - 1, count)) == [143] * count
        assert tiny_training.ending(work, count - 1)["reason"] == "Terminated"
        files = sorted(path.name for path in (work / "checkpoints" / f"step-{stop + 1:08d}").iterdir())
        # Of several copies one is saved; each of its ranks writes what it has.
        saved = [size for size in sizes(work, stop + 1).values() if size > 10_000]
        assert len(saved) == parallelism.get("shard", 1)
        assert files == [
            "complete.json",
            *(f"rank-{rank:05d}.safetensors" for rank in range(count)),
            "state.json",
        ]
    assert codes(start_ranks(work, tiny_training.config(parallelism={"shard": 2}))) == [0, 0]
    assert tiny_training.result(work)["resumed_from_step"] == 4
    for two, one in zip(tiny_training.losses(work), tiny_training.losses(alone), strict=True):
        assert two == pytest.approx(one, abs=1e-5)


def sizes(work: Path, step: int) -> dict[str, int]:
    directory = work / "checkpoints" / f"step-{step:08d}"
    return {path.name: path.stat().st_size for path in directory.glob("*.safetensors")}


def test_ranks_verify_each_others_files_and_pass_over_what_one_finds_damaged(work: Path, alone: Path) -> None:
    given = tiny_training.config(parallelism={"shard": 2}, checkpoints={"keep_last": 3})
    assert codes(start_ranks(work, given, functools.partial(tiny_training.ask_to_stop_after, 4))) == [
        143,
        143,
    ]
    for rank in range(2):
        damaged = work / "checkpoints" / f"step-{5 - rank:08d}" / f"rank-{rank:05d}.safetensors"
        damaged.write_bytes(damaged.read_bytes()[:-8] + b"\0" * 8)
    assert codes(start_ranks(work, given)) == [0, 0]
    result = tiny_training.result(work)
    assert (result["resumed_from_step"], result["checkpoints_passed_over"]) == (2, 2)
    for two, one in zip(tiny_training.losses(work), tiny_training.losses(alone), strict=True):
        assert two == pytest.approx(one, abs=1e-5)


def test_a_lost_rank_ends_the_other(work: Path) -> None:
    deadly = functools.partial(tiny_training.die_at_step, 2, True)
    assert codes(start_ranks(work, tiny_training.config(parallelism={"replicate": 2}), deadly)) == [
        75,
        -signal.SIGKILL,
    ]
    assert tiny_training.ending(work)["reason"] == "PeerLost"


@pytest.mark.parametrize("degrees", [(2, 1, 1, 1), (1, 1, 1, 2), (2, 2, 1, 2), (1, 1, 2, 1)])
def test_dims_must_multiply_to_the_ranks(degrees: tuple[int, int, int, int]) -> None:
    with pytest.raises(KernelError, match="parallelism") as caught:
        ParallelDims(*degrees)
    assert caught.value.reason == "InvalidConfig"


def test_ranks_of_a_node_are_consecutive() -> None:
    pod = {
        "NNODES": "3",
        "JOB_COMPLETION_INDEX": "2",
        "NPROC_PER_NODE": "4",
        "MASTER_ADDR": "run-0.run",
        "MASTER_PORT": "29500",
    }
    assert launcher.rank_environment(pod, 1) == {
        "RANK": "9",
        "LOCAL_RANK": "1",
        "WORLD_SIZE": "12",
        "LOCAL_WORLD_SIZE": "4",
        "MASTER_ADDR": "run-0.run",
        "MASTER_PORT": "29500",
    }


def launch(work: Path, given: TrainConfig) -> subprocess.Popen[bytes]:
    (work / "train.json").write_text(given.model_dump_json(exclude_none=True))
    environment = {
        **os.environ,
        "NNODES": "1",
        "NPROC_PER_NODE": "2",
        "TANREN_RESULT": str(work / "said.json"),
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-m", "tanren_kernels.train", "--config", "train.json", "--port", "0"]
    return subprocess.Popen(command, cwd=work, env=environment, stdout=subprocess.DEVNULL)


def test_a_pod_of_two_ranks_passes_on_a_stop_and_their_ending(work: Path) -> None:
    launcher = launch(
        work,
        tiny_training.config(
            parallelism={"replicate": 2}, training={"steps": 100_000}, evaluate_every_steps=200_000
        ),
    )
    metrics = work / "output" / "model" / "metrics.jsonl"
    deadline = time.monotonic() + 90
    try:
        while not (metrics.exists() and metrics.stat().st_size > 0):
            assert launcher.poll() is None and time.monotonic() < deadline
            time.sleep(0.05)
        launcher.send_signal(signal.SIGTERM)
        assert launcher.wait(60) == 143
    finally:
        launcher.kill()
    assert json.loads((work / "said.json").read_text())["reason"] == "Terminated"

"""The program `train` as a whole, on one rank: what it writes, how it ends,
and that no kill changes a bit of it.
"""

import functools
import json
import math
import signal
from pathlib import Path
from typing import Any

import pytest
import tiny
import tiny_training
import torch
from safetensors.torch import load_file

from tanren_kernels import train
from tanren_kernels.contract import RopeScaling, Training
from tanren_kernels.runtime import manifest
from tanren_kernels.runtime.errors import KernelError
from tanren_kernels.runtime.program import ProgramContext
from tanren_kernels.runtime.progress import ProgressReporter
from tanren_kernels.tokenizer import tokenizer, training
from tanren_kernels.training import schedule


@pytest.fixture
def work(tmp_path: Path) -> Path:
    tiny_training.write_corpus(tmp_path / "inputs" / "corpus")
    return tmp_path


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing disturbed."""
    directory = tmp_path_factory.mktemp("finished")
    tiny_training.write_corpus(directory / "inputs" / "corpus")
    assert tiny_training.run(directory, tiny_training.config()) == 0
    return directory


def test_writes_a_model_artifact_and_its_figures(finished: Path) -> None:
    output = finished / "output" / "model"
    body = tiny_training.result(finished)
    written = manifest.verify(output, body["artifact"]["digest"])
    assert [entry.path for entry in written.files] == sorted(
        [
            "config.json",
            "generation_config.json",
            "model.safetensors",
            "tokenizer.json",
            "tokenizer_config.json",
        ]
    )
    assert body["artifact"]["tokenizer_digest"] == tiny.text_tokenizer().digest
    assert body["artifact"]["context_length"] == 64
    assert body["step"] == 6
    assert {"loss", "held_out_loss", "held_out_loss_ja", "held_out_loss_en", "unigram_entropy"} <= body[
        "metrics"
    ].keys()
    lines = [json.loads(line) for line in (output / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2, 3, 4, 5, 6]
    assert all({"loss", "grad_norm", "lr", "tokens_per_second"} <= line.keys() for line in lines)
    # torch alone takes more than a hundred MB; a mistaken unit would be off by a thousand.
    assert all(1e8 < line["peak_memory_bytes"] < 1e11 for line in lines)
    assert [line["step"] for line in lines if "held_out_loss" in line] == [3, 6]
    tokens_of_step = lines[0]["tokens"]
    assert tokens_of_step > 0
    assert [line["tokens"] for line in lines] == [tokens_of_step * step for step in range(1, 7)]
    assert all(
        one["seconds"] < other["seconds"] for one, other in zip([{"seconds": 0}, *lines], lines, strict=False)
    )
    assert (output / "loss.png").stat().st_size > 1000
    assert b"<svg" in (output / "loss.svg").read_bytes()


def test_it_learns(work: Path) -> None:
    assert (
        tiny_training.run(
            work,
            tiny_training.config(training={"steps": 60, "learning_rate": 2e-2}, evaluate_every_steps=100),
        )
        == 0
    )
    metrics = tiny_training.result(work)["metrics"]
    assert metrics["held_out_loss"] < metrics["unigram_entropy"] - 0.3


def test_running_a_finished_run_again_gives_the_same_result(finished: Path) -> None:
    before = tiny_training.result(finished)
    time = (finished / "output" / "model" / "model.safetensors").stat().st_mtime_ns
    assert tiny_training.run(finished, tiny_training.config()) == 0
    assert tiny_training.result(finished) == before
    assert (finished / "output" / "model" / "model.safetensors").stat().st_mtime_ns == time
    assert tiny_training.run(finished, tiny_training.config(training={"seed": 8})) == 64
    assert tiny_training.ending(finished)["reason"] == "InvalidConfig"


dies_at_event = functools.partial(functools.partial, tiny_training.die_at_event)
dies_at_step = functools.partial(functools.partial, tiny_training.die_at_step)
dies_exporting = dies_at_event("os.rename", "model.safetensors", 1)

KILLS = [
    dies_at_step(2, False),  # between step and save
    dies_at_event("open", "state.json", 1),  # in the middle of the first save
    dies_at_event("open", "complete.json", 1),  # before the marker
    dies_at_event("os.rename", "step-00000002", 1),  # marked, but not under its name yet
    dies_at_event("open", "checkpoints", 1),  # under its name, which is not flushed yet
    dies_at_event("open", "metrics.jsonl", 2),  # evaluated, not noted (the first call reads old lines)
    dies_at_step(4, True),
    dies_exporting,
    dies_at_event("open", "manifest.json.tmp", 1),
    dies_at_event("open", "result-0.json", 1),  # the manifest stands, but the result was not said
]


def test_killed_at_any_point_it_ends_with_the_same_bits(work: Path, finished: Path) -> None:
    codes = [tiny_training.run(work, tiny_training.config(), kill) for kill in KILLS]
    assert codes == [-signal.SIGKILL] * len(KILLS)
    assert tiny_training.run(work, tiny_training.config()) == 0
    undisturbed = tiny_training.weights(finished)
    assert all(torch.equal(tensor, undisturbed[name]) for name, tensor in tiny_training.weights(work).items())
    assert tiny_training.losses(work) == tiny_training.losses(finished)
    assert tiny_training.metrics(work, "tokens") == tiny_training.metrics(finished, "tokens")
    assert (
        tiny_training.result(work)["artifact"]["digest"]
        == tiny_training.result(finished)["artifact"]["digest"]
    )


def test_a_damaged_newest_checkpoint_costs_time_but_no_bit(work: Path, finished: Path) -> None:
    assert tiny_training.run(work, tiny_training.config(), dies_exporting) == -signal.SIGKILL
    damaged = work / "checkpoints" / "step-00000006" / "rank-00000.safetensors"
    damaged.write_bytes(damaged.read_bytes()[:-8] + b"\0" * 8)
    assert tiny_training.run(work, tiny_training.config()) == 0
    assert tiny_training.result(work)["resumed_from_step"] == 4
    assert (
        tiny_training.result(work)["artifact"]["digest"]
        == tiny_training.result(finished)["artifact"]["digest"]
    )


def test_asked_to_stop_it_saves_and_goes_on_later(work: Path, finished: Path) -> None:
    assert (
        tiny_training.run(work, tiny_training.config(), functools.partial(tiny_training.ask_to_stop_after, 2))
        == 143
    )
    assert tiny_training.ending(work) == {
        "reason": "Terminated",
        "message": "asked to stop; saved at step 3 of 6, a restart resumes from there.",
    }
    assert tiny_training.run(work, tiny_training.config()) == 0
    assert tiny_training.result(work)["resumed_from_step"] == 3
    assert (
        tiny_training.result(work)["artifact"]["digest"]
        == tiny_training.result(finished)["artifact"]["digest"]
    )


@pytest.mark.parametrize(
    "changes", [{"learning_rate": 1e30, "warmup_steps": 0}, {"learning_rate": 3e38, "warmup_steps": 0}]
)
def test_diverged_numbers_end_the_run_and_are_never_saved(work: Path, changes: dict[str, float]) -> None:
    assert (
        tiny_training.run(work, tiny_training.config(training=changes, checkpoints={"every_steps": 1})) == 86
    )
    ending = tiny_training.ending(work)
    assert ending["reason"] == "NumericsDiverged"
    assert "step" in ending["message"]
    for path in (work / "checkpoints").glob("step-*/*.safetensors"):
        assert all(bool(torch.isfinite(tensor).all()) for tensor in load_file(path).values())
    assert not (work / "output" / "model" / "manifest.json").exists()


def test_another_config_does_not_resume_from_these_checkpoints(work: Path) -> None:
    assert tiny_training.run(work, tiny_training.config(), dies_exporting) == -signal.SIGKILL
    assert tiny_training.run(work, tiny_training.config(training={"seed": 8})) == 64
    assert "start a new run" in tiny_training.ending(work)["message"]
    # What does not change the weights may change.
    assert (
        tiny_training.run(
            work, tiny_training.config(training={"micro_batch_size": 4}, evaluate_every_steps=2)
        )
        == 0
    )


def continued(work: Path, finished: Path, **changes: Any) -> Any:
    digest = manifest.read(finished / "output" / "model").digest
    (work / "inputs" / "base").symlink_to(finished / "output" / "model")
    given = {
        "shape": None,
        "model": {"path": "inputs/base", "digest": digest},
        "training": {"sequence_length": 32, "steps": 1},
    }
    return tiny_training.config(**{**given, **changes})


def test_context_is_extended_from_a_model(work: Path, finished: Path) -> None:
    scaling = {"rope_type": "linear", "factor": 4.0, "max_position_embeddings": 256}
    given = continued(work, finished, rope_scaling=scaling, training={"sequence_length": 128, "steps": 2})
    assert tiny_training.run(work, given) == 0
    config = json.loads((work / "output" / "model" / "config.json").read_text())
    assert config["rope_scaling"] == {"rope_type": "linear", "factor": 4.0}
    assert config["max_position_embeddings"] == 256
    parents = {(parent.name, parent.digest) for parent in manifest.read(work / "output" / "model").parents}
    assert ("base", manifest.read(finished / "output" / "model").digest) in parents
    assert len(parents) == 2


@pytest.mark.parametrize(
    ("given", "factor"),
    [
        (None, 1.0),
        ({"rope_type": "none", "max_position_embeddings": 512}, 1.0),
        ({"rope_type": "linear", "max_position_embeddings": 512}, 8.0),
        ({"rope_type": "linear", "max_position_embeddings": 512, "factor": 6.0}, 6.0),
    ],
)
def test_factor_is_computed_where_it_is_not_given(given: dict[str, Any] | None, factor: float) -> None:
    shape = tiny.config(max_position_embeddings=64)
    extended = train.extended(shape, None if given is None else RopeScaling.model_validate(given))
    assert (extended.rope_factor, extended.max_position_embeddings) == (factor, 512 if given else 64)


def test_factors_of_repeated_extensions_multiply_and_never_fall() -> None:
    once = train.extended(
        tiny.config(max_position_embeddings=64), RopeScaling(rope_type="linear", max_position_embeddings=128)
    )
    assert (
        train.extended(once, RopeScaling(rope_type="linear", max_position_embeddings=512)).rope_factor == 8.0
    )
    with pytest.raises(KernelError) as caught:
        train.extended(once, RopeScaling(rope_type="linear", max_position_embeddings=96))
    assert caught.value.reason == "InvalidConfig"


def test_a_corpus_of_another_tokenizer_is_refused(work: Path, finished: Path) -> None:
    given = continued(work, finished)
    other = tokenizer.serialise(training.train(tiny.TEXTS, 0, 350, 1_000_000))
    (work / "inputs" / "corpus" / "tokenizer.json").write_bytes(other)
    assert tiny_training.run(work, given) == 64
    assert tiny_training.ending(work)["reason"] == "TokenizerMismatch"


def test_chat_and_then_dpo_from_the_base_model(work: Path, finished: Path) -> None:
    conversations = [
        {"messages": [{"role": "user", "content": f"川{n}"}, {"role": "assistant", "content": f"静か{n}。"}]}
        for n in range(12)
    ]
    (work / "inputs" / "chat.jsonl").write_text("".join(json.dumps(body) + "\n" for body in conversations))
    chat = {"conversations": [{"path": "inputs/chat.jsonl"}], "held_out_ratio": 0.2}
    tuning = {"sequence_length": 64, "steps": None, "epochs": 2, "precision": "bfloat16"}
    assert (
        tiny_training.run(work, continued(work, finished, language_model=None, chat=chat, training=tuning))
        == 0
    )
    assert {"loss", "held_out_loss"} <= tiny_training.result(work)["metrics"].keys()

    (work / "output" / "model").rename(work / "inputs" / "tuned")
    pairs = [
        {"prompt": [{"role": "user", "content": f"川{n}"}], "chosen": "静かに流れ。", "rejected": f"名前{n}"}
        for n in range(24)
    ]
    (work / "inputs" / "pairs.jsonl").write_text("".join(json.dumps(body) + "\n" for body in pairs))
    dpo = {"preferences": [{"path": "inputs/pairs.jsonl"}], "beta": 0.1, "held_out_ratio": 0.3}
    given = tiny_training.config(
        shape=None, language_model=None, model={"path": "inputs/tuned"}, dpo=dpo,
        checkpoints={"directory": "checkpoints-dpo"},
        training={"sequence_length": 64, "steps": 12, "learning_rate": 5e-3},
    )  # fmt: skip
    assert tiny_training.run(work, given, dies_at_step(2, True)) == -signal.SIGKILL
    kept = work / "checkpoints-dpo" / "reference-train.safetensors"
    reference = kept.stat().st_mtime_ns
    assert tiny_training.run(work, given) == 0
    assert kept.stat().st_mtime_ns == reference
    # Servers take every such file of the directory for the model's weights.
    assert [path.name for path in (work / "output" / "model").glob("*.safetensors")] == ["model.safetensors"]
    # At the first step policy and reference are one model.
    assert tiny_training.losses(work)[0] == pytest.approx(0.693147, abs=1e-5)
    metrics = tiny_training.result(work)["metrics"]
    assert metrics["held_out_rewards/margins"] > 0.05
    assert (
        metrics["held_out_rewards/accuracies_low"]
        <= metrics["held_out_rewards/accuracies"]
        <= metrics["held_out_rewards/accuracies_high"]
    )
    trained = load_file(kept)["log_probabilities"]
    assert metrics["held_out_pairs"] == 24 - len(trained)


@pytest.mark.parametrize(
    "changes",
    [
        {"training": {"epochs": 1}},
        {"training": {"steps": None}},
        {"shape": None},
        {"language_model": None},
        {"rope_scaling": {"rope_type": "none", "factor": 2.0, "max_position_embeddings": 64}},
        {"training": {"sequence_length": 65}},
        {"parallelism": {"shard": 2}},
        {"parallelism": {"context": 2}, "training": {"sequence_length": 18}},
        {"shape": {"num_key_value_heads": 3}},
    ],
)
def test_contradictory_configs_are_refused(
    work: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]
) -> None:
    monkeypatch.chdir(work)
    with pytest.raises(KernelError) as caught:
        train.main(
            tiny_training.config(**changes), ProgramContext("train", ProgressReporter("train", "step"))
        )
    assert caught.value.reason == "InvalidConfig"


def test_schedule_warms_up_and_falls_to_the_least_rate() -> None:
    given = Training.model_validate(
        {**tiny_training.TRAINING, "warmup_steps": 4, "learning_rate": 1.0, "min_learning_rate": 0.1}
    )
    rates = [schedule.learning_rate(given, step, 20) for step in range(20)]
    assert rates[:4] == [0.25, 0.5, 0.75, 1.0]
    assert rates[4:] == sorted(rates[4:], reverse=True)
    assert rates[4] == pytest.approx(1.0)
    assert rates[-1] == pytest.approx(0.1)
    assert rates[11] == pytest.approx(0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * 7 / 15)))

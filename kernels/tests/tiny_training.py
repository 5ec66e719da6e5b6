"""Small training runs in processes of their own, that a test can kill at a chosen point."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np
import sentences
import tiny
import torch
from safetensors.torch import load_file

from tanren_kernels import train
from tanren_kernels.contract import RunIdentity, TrainConfig
from tanren_kernels.corpus import packed_tokens
from tanren_kernels.runtime import durable_file, manifest
from tanren_kernels.runtime.errors import error_for
from tanren_kernels.runtime.program import ProgramContext, write_result
from tanren_kernels.runtime.progress import ProgressReporter
from tanren_kernels.training import fsdp, loss_plot

# Children start from a process that has loaded everything but never computed: quick, and free of another
# process's threads. That process looks for what it preloads on PYTHONPATH alone.
HERE = Path(__file__).parent
os.environ["PYTHONPATH"] = os.pathsep.join(
    [str(HERE), str(HERE.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
)
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tiny_training"])
# The first optimizer of a process loads much of torch.
torch.optim.AdamW([torch.nn.Parameter(torch.ones(1))])

PRELOADED = (loss_plot, fsdp)

RUN = {
    "kind": "PretrainRun",
    "namespace": "default",
    "name": "tiny",
    "uid": "1",
    "stage": "train",
    "attempt": 1,
}
SHAPE = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "rope_theta": 10000.0,
    "rms_norm_eps": 1e-5,
    "tie_word_embeddings": False,
}
TRAINING = {
    "steps": 6,
    "global_batch_size": 4,
    "micro_batch_size": 2,
    "activation_checkpointing": "none",
    "sequence_length": 16,
    "learning_rate": 1e-2,
    "min_learning_rate": 1e-3,
    "warmup_steps": 2,
    "weight_decay": 0.1,
    "beta1": 0.9,
    "beta2": 0.95,
    "epsilon": 1e-8,
    "max_grad_norm": 1.0,
    "precision": "float32",
    "seed": 7,
}


def write_corpus(directory: Path, documents: int = 30) -> str:
    """A corpus artifact of Japanese and English sentences; returns its digest."""
    text = tiny.text_tokenizer()
    directory.mkdir(parents=True)
    durable_file.write(directory / "tokenizer.json", text.content)
    dtype = packed_tokens.dtype_for(text.vocabulary_size)

    def encoded(make: Callable[[int], str], numbers: range) -> list[Any]:
        return [np.array([*text.encode_plain(make(number)), text.end_of_text]) for number in numbers]

    with packed_tokens.PackedWriter(directory / "train", dtype, 4000) as writer:
        for tokens in encoded(sentences.japanese, range(documents)) + encoded(
            sentences.english, range(documents)
        ):
            writer.add(tokens)
    (directory / "held-out").mkdir()
    for language, make in (("ja", sentences.japanese), ("en", sentences.english)):
        packed_tokens.write_packed(directory / "held-out" / language, encoded(make, range(1000, 1003)), dtype)
    metadata = {"dtype": dtype.name, "vocabulary_size": text.vocabulary_size, "tokenizer_digest": text.digest}
    return manifest.write(directory, "corpus", RunIdentity.model_validate(RUN), [], metadata).digest


def config(**changes: Any) -> TrainConfig:
    """A language-model run on inputs/corpus; dictionaries among `changes` are merged, None removes."""
    body: dict[str, Any] = {
        "run": RUN,
        "output": "output/model",
        "threads": 1,
        "shape": SHAPE,
        "language_model": {"corpus": {"path": "inputs/corpus"}, "sampling": "packed"},
        "training": TRAINING,
        "parallelism": {"replicate": 1, "shard": 1},
        "checkpoints": {"directory": "checkpoints", "every_steps": 2, "keep_last": 2},
        "evaluate_every_steps": 3,
        "parents": [],
    }
    for name, value in changes.items():
        if isinstance(value, dict) and isinstance(body.get(name), dict):
            value = {key: given for key, given in {**body[name], **value}.items() if given is not None}
        body[name] = value
    return TrainConfig.model_validate_json(
        json.dumps({name: value for name, value in body.items() if value is not None})
    )


class WatchedProgress(ProgressReporter):
    """Tells a test of every step that the program reports as done, and of every step it reports as saved."""

    def __init__(self) -> None:
        super().__init__("train", "step")
        self.on_step: Callable[[int, bool], None] = lambda _step, _saved: None

    def update(
        self,
        step: int,
        total: int | None = None,
        metrics: dict[str, float] | None = None,
        **fields: object,
    ) -> None:
        super().update(step, total, metrics, **fields)
        saved = fields.get("checkpoint_step")
        self.on_step(saved if isinstance(saved, int) else step, isinstance(saved, int))


Prepare = Callable[[WatchedProgress], None]


def die_at_step(wanted: int, wanted_saved: bool, progress: WatchedProgress) -> None:
    """Kills this process once it has done that step, before or after saving it."""

    def on_step(step: int, saved: bool) -> None:
        if (step, saved) == (wanted, wanted_saved):
            os.kill(os.getpid(), signal.SIGKILL)

    progress.on_step = on_step


def die_at_event(event: str, name: str, call: int, _progress: WatchedProgress) -> None:
    """Kills this process just before the n-th audit event of that kind on a file of that name."""
    seen = 0

    def hook(happened: str, arguments: tuple[object, ...]) -> None:
        nonlocal seen
        if happened != event:
            return
        if any(isinstance(path, str | os.PathLike) and fnmatch(Path(path).name, name) for path in arguments):
            seen += 1
            if seen == call:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def ask_to_stop_after(wanted: int, progress: WatchedProgress) -> None:
    """SIGTERM arrives when that step is done, before it is saved."""

    def on_step(step: int, saved: bool) -> None:
        if (step, saved) == (wanted, False):
            signal.raise_signal(signal.SIGTERM)

    progress.on_step = on_step


def _work(directory: str, body: str, environment: dict[str, str], prepare: Prepare | None) -> None:
    os.chdir(directory)
    os.environ.update(environment)
    torch.set_num_threads(1)
    progress = WatchedProgress()
    context = ProgramContext("train", progress)
    signal.signal(signal.SIGTERM, lambda _signal, _frame: setattr(context, "stopping", True))
    if prepare is not None:
        prepare(progress)
    rank = environment.get("RANK", "0")
    try:
        write_result(train.main(TrainConfig.model_validate_json(body), context), Path(f"result-{rank}.json"))
        code = 0
    except Exception as error:
        ending = error_for(error)
        Path(f"ending-{rank}.json").write_text(
            json.dumps({"reason": ending.reason, "message": ending.message})
        )
        code = ending.exit_code
    os._exit(code)


def start(
    directory: Path,
    given: TrainConfig,
    environment: dict[str, str] | None = None,
    prepare: Prepare | None = None,
) -> Any:
    process = PROCESSES.Process(
        target=_work,
        args=(str(directory), given.model_dump_json(exclude_none=True), environment or {}, prepare),
    )
    process.start()
    return process


def run(directory: Path, given: TrainConfig, prepare: Prepare | None = None) -> int:
    """Exit code of a run; negative numbers are signals."""
    process = start(directory, given, None, prepare)
    process.join(60)
    assert process.exitcode is not None, "the run did not end within a minute"
    return int(process.exitcode)


def result(directory: Path, rank: int = 0) -> dict[str, Any]:
    body: dict[str, Any] = json.loads((directory / f"result-{rank}.json").read_text())
    return body


def ending(directory: Path, rank: int = 0) -> dict[str, Any]:
    body: dict[str, Any] = json.loads((directory / f"ending-{rank}.json").read_text())
    return body


def weights(directory: Path) -> dict[str, torch.Tensor]:
    tensors: dict[str, torch.Tensor] = load_file(directory / "output" / "model" / "model.safetensors")
    return tensors


def losses(directory: Path) -> list[float]:
    return metrics(directory, "loss")


def metrics(directory: Path, name: str) -> list[float]:
    return [
        json.loads(line)[name]
        for line in (directory / "output" / "model" / "metrics.jsonl").read_text().splitlines()
    ]

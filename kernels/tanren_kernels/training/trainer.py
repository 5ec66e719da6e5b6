"""The training loop, the same for every objective: accumulate, sum over ranks, check, clip, step,
measure, save.

The weights after step n are a function of the config's seed and data alone; neither the time of a kill nor
the number of ranks is in it (ranks: up to rounding of sums).
"""

from __future__ import annotations

import math
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ..contract import TrainConfig
from ..model.llama import Llama
from ..runtime import tracing
from ..runtime.errors import KernelError
from ..runtime.program import ProgramContext
from . import micro_batches, reference_log_probs
from .checkpoint import CheckpointStore, Found, State
from .context_parallel import ContextParallel
from .data_parallel import DataParallel
from .dpo import DirectPreferenceOptimization
from .gradients import scale, sum_of_squares
from .metrics_log import Effort, MetricsLog
from .micro_batches import MicroBatch
from .objective import Batch, Objective, Samples, Sums
from .peak_memory import peak_memory_bytes
from .ranks import Ranks
from .sampler import Indices, SampleOrder
from .saver import Saver
from .schedule import learning_rate
from .throughput import peak_tokens_per_second

MOMENTS = ("exp_avg", "exp_avg_sq")
LOG_INTERVAL_SECONDS = 5.0


@dataclass(frozen=True)
class Outcome:
    """Of a run that reached its last step: its final metrics, and where it went on from."""

    metrics: dict[str, float]
    steps: int
    resumed_from_step: int | None
    checkpoints_passed_over: int


def step_count(config: TrainConfig, samples: int) -> int:
    """Optimizer steps of the whole run; an epoch's last, incomplete batch goes on into the next epoch."""
    training = config.training
    if training.steps is not None:
        return training.steps
    assert training.epochs is not None
    return max(1, training.epochs * samples // training.global_batch_size)


class Trainer:
    def __init__(
        self,
        config: TrainConfig,
        config_hash: str,
        model: Llama,
        objective: Objective,
        ranks: Ranks,
        parallel: DataParallel,
        sequences: ContextParallel,
        context: ProgramContext,
    ) -> None:
        """`model` holds its starting weights, already divided over ranks."""
        training = config.training
        if training.global_batch_size % sequences.data_count:
            raise KernelError(
                "InvalidConfig",
                f"training.global_batch_size {training.global_batch_size} is not divisible by "
                f"{sequences.data_count} groups of ranks with samples of their own; change it.",
            )
        self._sequences = sequences
        self._config, self._training = config, training
        self._model, self._objective = model, objective
        self._ranks, self._parallel, self._context = ranks, parallel, context
        self._config_hash = config_hash
        self._steps = step_count(config, len(objective.train))
        self._order = SampleOrder(len(objective.train), training.seed)
        self._store = CheckpointStore(config.checkpoints, config_hash, ranks)
        self._saver = Saver(self._store, ranks, self._say_saved)
        self._optimizer = self._make_optimizer()
        self._peak = peak_tokens_per_second(model.config, training.sequence_length, ranks.device, ranks.size)
        self._last_logged = time.monotonic()
        self._resumed_metrics: dict[str, float] = {}
        self._done = 0

    def _make_optimizer(self) -> torch.optim.AdamW:
        """AdamW (Loshchilov and Hutter 2019, algorithm 2); weight decay on matrices only."""
        training = self._training
        parameters = list(self._model.parameters())
        groups = [
            {"params": [p for p in parameters if p.dim() >= 2], "weight_decay": training.weight_decay},
            {"params": [p for p in parameters if p.dim() < 2], "weight_decay": 0.0},
        ]
        return torch.optim.AdamW(
            groups,
            lr=training.learning_rate,
            betas=(training.beta1, training.beta2),
            eps=training.epsilon,
            fused=True,
        )

    def run(self) -> Outcome:
        """Trains from the newest checkpoint, or from the start, to the last step.

        Raises Terminated (saved), NumericsDiverged (nothing of the bad step is kept), InvalidConfig.
        """
        if isinstance(self._objective, DirectPreferenceOptimization):
            for name, pairs in self._objective.parts.items():
                # Beside the checkpoints: whatever lies in a model's directory, servers take for its weights.
                path = Path(self._config.checkpoints.directory) / f"reference-{name}.safetensors"
                reference_log_probs.ensure(
                    pairs,
                    path,
                    self._config_hash,
                    self._model,
                    self._ranks,
                    self._training.micro_batch_size,
                    self._autocast(),
                )
        found = self._resume()
        resumed = None if found.state is None else found.state.step
        step = self._done = resumed or 0
        log = MetricsLog(Path(self._config.output), step) if self._ranks.rank == 0 else None
        self._context.progress.update(
            step,
            self._steps,
            checkpoint_step=resumed,
            resumed_from_step=resumed,
            checkpoints_passed_over=found.passed_over,
        )
        self._context.log(
            "training",
            step=step,
            steps=self._steps,
            samples=len(self._objective.train),
            ranks=self._ranks.size,
        )
        try:
            metrics = self._train(step, log)
        except KernelError as error:
            if error.reason == "NumericsDiverged":
                # All ranks are here; what was saved before the numbers went bad is good.
                self._saver.finish()
            raise
        return Outcome(metrics, self._steps, resumed, found.passed_over)

    def _train(self, step: int, log: MetricsLog | None) -> dict[str, float]:
        metrics = self._resumed_metrics
        while step < self._steps:
            metrics, effort, stopping = self._step(step)
            step += 1
            if step % self._config.evaluate_every_steps == 0 or step == self._steps:
                metrics = {**metrics, **self.evaluate()}
                self._refuse_divergence(metrics, step)
            self._say(step, {**metrics, **self._cost(effort)}, effort, log)
            if self._store.due(step) or stopping or step == self._steps:
                self._save(step, metrics)
            if stopping or step == self._steps:
                self._saver.finish()
            if stopping and step < self._steps:
                raise KernelError(
                    "Terminated",
                    f"asked to stop; saved at step {step} of {self._steps}, a restart resumes from there.",
                )
        return metrics

    def _say_saved(self, checkpoint: int) -> None:
        self._context.progress.update(self._done, self._steps, checkpoint_step=checkpoint)

    @tracing.span("evaluate")
    def evaluate(self) -> dict[str, float]:
        """The objective's summary of its held-out groups. Every rank must call it and gets the same."""
        means = {}
        for group, samples in self._objective.held_out.items():
            everything = micro_batches.whole(samples)
            sums: Sums = {}
            for part in self._micro_batches(samples, everything):
                with torch.no_grad(), self._autocast():
                    measured = self._objective.sums(self._model, self._batch(samples, part))
                _add(sums, measured, float(part.real))
            totals = self._ranks.total(torch.stack(list(sums.values())))
            means[group] = {
                name: total / samples.weight(everything) for name, total in zip(sums, totals, strict=True)
            }
        return self._objective.summary(means)

    def _micro_batches(self, samples: Samples, chosen: Indices) -> list[MicroBatch]:
        return micro_batches.of_rank(
            samples,
            chosen,
            self._sequences.data_index,
            self._sequences.data_count,
            self._training.micro_batch_size,
        )

    def _batch(self, samples: Samples, part: MicroBatch) -> Batch:
        return self._sequences.part(samples.batch(part.samples)).to(self._ranks.device)

    def _step(self, step: int) -> tuple[dict[str, float], Effort, bool]:
        """One optimizer step; returns its metrics, what it took, and whether a rank was asked to stop."""
        began = time.perf_counter()
        training, samples = self._training, self._objective.train
        chosen = self._order.indices(step * training.global_batch_size, training.global_batch_size)
        weight = samples.weight(chosen)
        sums: Sums = {}
        parts = self._micro_batches(samples, chosen)
        for part in parts:
            self._parallel.accumulate(self._model, part is parts[-1])
            with self._autocast():
                measured = self._objective.sums(self._model, self._batch(samples, part))
            torch.autograd.backward(measured["loss"] / weight)
            _add(sums, measured)
        self._parallel.sum_gradients(self._model)
        held = self._parallel.local_gradients(self._model)
        sums["squares"] = sum_of_squares(held)
        sums["stops"] = torch.full_like(sums["squares"], float(self._context.stopping))
        sums["written"] = torch.full_like(sums["squares"], float(self._saver.has_written))
        # The one place of a step where the processor waits for the device.
        *totals, squares, stops, written = self._ranks.total(torch.stack(list(sums.values())))
        self._saver.publish_if(int(written))
        metrics = {name: total / weight for name, total in zip(sums, totals, strict=False)}
        metrics["grad_norm"] = math.sqrt(squares / self._parallel.copies)
        self._refuse_divergence(metrics, step + 1)
        if metrics["grad_norm"] > training.max_grad_norm:
            # Pascanu et al. 2013, algorithm 1.
            scale(held, training.max_grad_norm / metrics["grad_norm"])
        metrics["lr"] = learning_rate(training, step, self._steps)
        for group in self._optimizer.param_groups:
            group["lr"] = metrics["lr"]
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        effort = Effort(samples.token_count(chosen), time.perf_counter() - began)
        return metrics, effort, stops > 0

    def _cost(self, effort: Effort) -> dict[str, float]:
        tokens_per_second = effort.tokens / effort.seconds
        mfu = {} if self._peak is None else {"mfu": tokens_per_second / self._peak}
        memory = peak_memory_bytes(self._ranks.device)
        return {"tokens_per_second": tokens_per_second, **mfu, "peak_memory_bytes": memory}

    def _autocast(self) -> torch.autocast:
        """bfloat16 computes in bfloat16 over float32 weights."""
        return torch.autocast(
            self._ranks.device.type, dtype=torch.bfloat16, enabled=self._training.precision == "bfloat16"
        )

    def _refuse_divergence(self, metrics: dict[str, float], step: int) -> None:
        bad = {name: value for name, value in metrics.items() if not math.isfinite(value)}
        if bad:
            name, value = next(iter(bad.items()))
            raise KernelError(
                "NumericsDiverged",
                f"{name} is {value} at step {step} of {self._steps}; nothing of it was saved: lower "
                "training.learning_rate or raise warmup_steps.",
            )

    def _say(self, step: int, metrics: dict[str, float], effort: Effort, log: MetricsLog | None) -> None:
        self._done = step
        self._context.progress.update(step, self._steps, metrics)
        if log is None:
            return
        line = log.append(step, metrics, effort)
        if time.monotonic() - self._last_logged > LOG_INTERVAL_SECONDS or step == self._steps:
            self._last_logged = time.monotonic()
            self._context.log("step", steps=self._steps, **line)

    @tracing.span("save checkpoint")
    def _save(self, step: int, metrics: dict[str, float]) -> None:
        tensors = self._tensors()
        if not self._parallel.finite(list(tensors.values())):
            self._refuse_divergence({"a weight or moment": math.nan}, step)
        consumed = step * self._training.global_batch_size
        state = State(step, consumed, self._training.seed, self._config_hash, metrics)
        self._saver.begin(state, {name: self._parallel.shard(tensor) for name, tensor in tensors.items()})

    def _tensors(self) -> dict[str, Tensor]:
        """All that a checkpoint holds: parameters under their names, moments under theirs behind it."""
        tensors: dict[str, Tensor] = {}
        for name, parameter in self._model.named_parameters():
            tensors[name] = parameter
            tensors.update(
                {f"{name}.{moment}": self._optimizer.state[parameter][moment] for moment in MOMENTS}
            )
        return tensors

    @tracing.span("resume")
    def _resume(self) -> Found:
        """Loads the newest whole checkpoint, however its ranks were divided."""
        found = self._store.newest(self._context)
        if found.state is None:
            return found
        step, self._resumed_metrics = found.state.step, found.state.metrics
        for parameter in self._model.parameters():
            self._optimizer.state[parameter] = {
                "step": torch.tensor(float(step), device=self._ranks.device),
                **{moment: torch.empty_like(parameter) for moment in MOMENTS},
            }
        with closing(self._store.read(step)) as reader, torch.no_grad():
            for name, tensor in self._tensors().items():
                reader.fill(name, self._parallel.shard(tensor))
        self._context.log("resumed", step=step, steps=self._steps, passed_over=found.passed_over)
        return found


def _add(sums: Sums, measured: Sums, factor: float = 1.0) -> None:
    """Adds scalars to float64 sums where they are, without waiting for the device."""
    for name, value in measured.items():
        term = value.detach().double() * factor
        sums[name] = sums[name] + term if name in sums else term

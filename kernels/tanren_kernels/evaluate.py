"""Program `evaluate`: benchmark suites with confidence intervals, or loss by token position.

Suites write results.jsonl (one line per item), report.json and an artifact of type evaluation. Loss by
position writes losses.jsonl (one line per model, document and bin), report.json, the figure and an artifact
of type measurement.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from .contract import EvaluateConfig, Input, ManifestParent, Result
from .evaluation import model_comparison
from .evaluation.benchmark import Suite, suite_of
from .model.pretrained import load
from .runtime import durable_file, manifest, tracing
from .runtime.errors import KernelError
from .runtime.journal import Journal
from .runtime.program import ProgramContext, run
from .runtime.progress import bounded

GROUP_BATCHES = 4
"""Items are answered in groups of so many batches; a restart repeats a group that was not finished."""


def evaluate_suites(config: EvaluateConfig, model: Input, context: ProgramContext) -> Result:
    output = Path(config.output)
    parents = [manifest.verify_input(parent) for parent in config.parents]
    data = {suite.name: manifest.verify_input(suite.data) for suite in config.suites}
    examples = {
        suite.name: manifest.verify_input(suite.examples) for suite in config.suites if suite.examples
    }
    ready = load(model, torch.float32, cache_tokens=0)
    settings = {
        "model": ready.parent.digest,
        "suites": [
            {**suite.model_dump(exclude={"data", "examples"}), "data": data[suite.name].digest}
            for suite in config.suites
        ],
        "examples": {name: parent.digest for name, parent in examples.items()},
        "batch_size": config.batch_size,
    }
    suites = [suite_of(suite, ready, config.batch_size) for suite in config.suites]
    results = Journal(output / "results.jsonl", settings)
    lines = _answer_all(suites, results, GROUP_BATCHES * config.batch_size, context)
    scores = [
        score for suite, of_suite in zip(suites, lines, strict=True) for score in suite.scores(of_suite)
    ]
    cut = {
        suite.name: sum(line["prompt_cut"] for line in of_suite)
        for suite, of_suite in zip(config.suites, lines, strict=True)
    }
    report = {**settings, "scores": [score.model_dump() for score in scores], "prompts_cut": cut}
    _write_json(output / "report.json", report)
    metrics = {f"{score.suite}/{score.metric}": score.value for score in scores}
    _write_json(output / "metrics.jsonl", metrics)
    distinct = {
        parent.digest: parent for parent in (*parents, *data.values(), *examples.values(), ready.parent)
    }
    files = [output / name for name in ("results.jsonl", "report.json", "metrics.jsonl")]
    return _finished(
        config,
        "evaluation",
        list(distinct.values()),
        {"scores": report["scores"], "model": ready.parent.digest},
        files,
        metrics,
        scores=scores,
    )


def _answer_all(
    suites: list[Suite], results: Journal, group_size: int, context: ProgramContext
) -> list[list[dict[str, Any]]]:
    """Result lines of every suite; those of finished groups are taken from the journal."""
    total = sum(suite.count for suite in suites)
    found = []
    before = 0
    for suite in suites:
        done = min(max(len(results.entries) - before, 0), suite.count)
        if done < suite.count:
            results.keep(before + done - done % group_size)
        for start in range(len(results.entries) - before, suite.count, group_size):
            context.stop_if_asked()
            with tracing.span("answer", start=before + start):
                results.append(suite.answer(start, min(start + group_size, suite.count)))
            context.progress.update(
                len(results.entries), total, unit="item", checkpoint_step=len(results.entries)
            )
        found.append(results.entries[before : before + suite.count])
        before += suite.count
    return found


def measure_positions(config: EvaluateConfig, context: ProgramContext) -> Result:
    assert config.loss_by_position is not None
    output = Path(config.output)
    parents = [manifest.verify_input(parent) for parent in config.parents]
    found = model_comparison.measure(config.loss_by_position, output, config.batch_size, config.seed, context)
    distinct = {parent.digest: parent for parent in (*parents, *found.parents)}
    metrics = found.metrics
    _write_json(output / "report.json", found.report)
    _write_json(output / "metrics.jsonl", metrics)
    files = [
        output / name
        for name in (
            "losses.jsonl",
            "report.json",
            "metrics.jsonl",
            "loss-by-position.png",
            "loss-by-position.svg",
        )
    ]
    rounded = [row.model_copy(update={"loss": round(row.loss, 4)}) for row in found.position_losses]
    return _finished(
        config, "measurement", list(distinct.values()), found.report, files, metrics, position_losses=rounded
    )


def _finished(
    config: EvaluateConfig,
    artifact_type: str,
    parents: list[ManifestParent],
    metadata: dict[str, Any],
    files: list[Path],
    metrics: dict[str, float],
    **found: Any,
) -> Result:
    output = Path(config.output)
    written = manifest.write(output, artifact_type, config.run, parents, metadata, files)
    shown = {name: round(value, 6) for name, value in bounded(metrics).items()}
    message = ", ".join(f"{name} {value:.4g}" for name, value in shown.items())[:1000]
    return Result(
        reason="Completed",
        message=message,
        artifact=manifest.artifact_result(output, written),
        metrics=shown,
        **found,
    )


def _write_json(path: Path, body: object) -> None:
    durable_file.write(path, json.dumps(body, ensure_ascii=False).encode() + b"\n")


def main(config: EvaluateConfig, context: ProgramContext) -> Result:
    torch.set_num_threads(config.threads)
    Path(config.output).mkdir(parents=True, exist_ok=True)
    names = [suite.name for suite in config.suites]
    if len(set(names)) != len(names):
        raise KernelError(
            "InvalidConfig", "suites have equal names; give each its own, as scores are told apart by it."
        )
    if bool(config.suites) == (config.loss_by_position is not None):
        raise KernelError(
            "InvalidConfig",
            "give exactly one of suites and loss_by_position: each makes an artifact of its own.",
        )
    if config.loss_by_position is not None:
        return measure_positions(config, context)
    if config.model is None:
        raise KernelError("InvalidConfig", "suites are asked of `model`, which is missing; name a model.")
    return evaluate_suites(config, config.model, context)


if __name__ == "__main__":
    run("evaluate", EvaluateConfig, main, unit="item")

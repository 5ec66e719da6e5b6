"""Program `evaluate`: benchmark suites with confidence intervals, or loss by token position.

Suites write results.jsonl (one line per item), report.json and an artifact of type evaluation. The answers
of each suite are kept as they come in answers/SUITE.jsonl, which a restart continues; a suite whose data,
model or settings have changed since is asked again. Loss by position writes losses.jsonl (one line per model,
document and bin), report.json, the figure and an artifact of type measurement.
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

ANSWERS = "answers"

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
    asked = {
        suite.name: {
            **suite.model_dump(exclude={"data", "examples"}),
            "data": data[suite.name].digest,
            "examples": examples[suite.name].digest if suite.name in examples else None,
            "model": ready.parent.digest,
            "batch_size": config.batch_size,
        }
        for suite in config.suites
    }
    suites = {suite.name: suite_of(suite, ready, config.batch_size) for suite in config.suites}
    answers = {name: Journal(output / ANSWERS / f"{name}.jsonl", asked[name]) for name in suites}
    changed = [name for name, journal in answers.items() if journal.dropped]
    for name in changed:
        context.log(
            "answers dropped", suite=name, count=answers[name].dropped, cause="data, model or settings"
        )
    resumed_from = _answer_all(suites, answers, GROUP_BATCHES * config.batch_size, context)
    lines = {name: journal.entries for name, journal in answers.items()}
    results = b"".join(journal.path.read_bytes() for journal in answers.values())
    durable_file.write(output / "results.jsonl", results)
    scores = [score for name, suite in suites.items() for score in suite.scores(lines[name])]
    cut = {name: sum(line["prompt_cut"] for line in of_suite) for name, of_suite in lines.items()}
    report = {
        "model": ready.parent.digest,
        "suites": list(asked.values()),
        "batch_size": config.batch_size,
        "scores": [score.model_dump() for score in scores],
        "prompts_cut": cut,
    }
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
        note=f"; {', '.join(changed)} asked again, because data, model or settings have changed"
        if changed
        else "",
        resumed_from_step=resumed_from or None,
    )


def _answer_all(
    suites: dict[str, Suite], answers: dict[str, Journal], group_size: int, context: ProgramContext
) -> int:
    """Completes the journal of every suite; finished groups are not asked again. Returns how many items were
    answered before.
    """
    for name, suite in suites.items():
        done = len(answers[name].entries)
        if done < suite.count:
            answers[name].keep(done - done % group_size)
    resumed_from = done = sum(len(journal.entries) for journal in answers.values())
    total = sum(suite.count for suite in suites.values())
    for name, suite in suites.items():
        for start in range(len(answers[name].entries), suite.count, group_size):
            context.stop_if_asked()
            with tracing.span("answer", suite=name, start=start):
                lines = suite.answer(start, min(start + group_size, suite.count))
                answers[name].append(lines)
            done += len(lines)
            context.progress.update(done, total, unit="item", checkpoint_step=done)
    return resumed_from


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
    note: str = "",
    **found: Any,
) -> Result:
    output = Path(config.output)
    written = manifest.write(output, artifact_type, config.run, parents, metadata, files)
    shown = {name: round(value, 6) for name, value in bounded(metrics).items()}
    figures = ", ".join(f"{name} {value:.4g}" for name, value in shown.items())
    message = figures[: 1000 - len(note)] + note
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
            "InvalidConfig", "suites have equal names; give each its own, as it names the scores."
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

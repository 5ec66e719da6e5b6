"""Drops exact and near duplicates over all tasks of `clean`, keeping of each the one that the rule names.

Expected flow: the steps of `deduplication`, all in one pod or each as a Job whose pods do a part each; at the
end one folder per task as `clean` leaves it, and the summary.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .contract import DeduplicateConfig, Result
from .corpus import report
from .corpus.catalogue import CataloguingWriter
from .corpus.data_engine import DataEngine, parquet
from .corpus.deduplication import DROPPED, SIGNATURES, TWINS, Part, require
from .corpus.documents import SUMMARY, TaskFolder, fingerprint, read_documents
from .corpus.duplicate_choice import choose, dropped_of, read_figures, twins_of
from .corpus.duplicate_keys import find_candidates, hand_out_texts, write_keys
from .corpus.duplicate_pairs import compare_candidates
from .corpus.filter_statistics import DUPLICATES, FilterStatistics, fit
from .runtime import durable_file, manifest, tracing
from .runtime.errors import KernelError
from .runtime.program import ProgramContext, run

_REASONS = {"exact": "exact_duplicate", "min_hash": "near_duplicate"}


def main(config: DeduplicateConfig, context: ProgramContext) -> Result:
    worker = int(os.environ.get("JOB_COMPLETION_INDEX", "0"))
    _check(config, worker)
    inputs = [TaskFolder(Path(config.input), task) for task in range(config.tasks)]
    markers = _cleaned(inputs)
    outputs = [TaskFolder(Path(config.output), task) for task in range(config.tasks)]
    # Also of the config they were cleaned by: it says what the summary tells of sources, such as licences.
    cleaned = [[marker["fingerprint"], marker["documents"]] for marker in markers]
    mark = fingerprint(config, config.tasks, config.parts, cleaned)
    own_parts = range(worker, config.parts, config.workers)
    own_tasks = [task for part in own_parts for task in range(part, config.tasks, config.parts)]
    is_last = config.step in (None, "documents")
    if not (is_last and _are_done([outputs[task] for task in own_tasks], mark, Path(config.output))):
        if config.step in (None, "keys"):
            for task in own_tasks:
                inputs[task].check_documents()
        with _parts(config, worker, inputs, mark, context) as parts:
            steps = [config.step] if config.step else list(_STEPS)
            for at, step in enumerate(steps):
                context.log("step", step=step, worker=worker)
                for done, part in enumerate(parts, 1):
                    context.stop_if_asked()
                    require(part, step)
                    if step != "choice" or part.number == 0:
                        _STEPS[step](part, outputs, mark)
                    context.progress.update(at * len(parts) + done, len(steps) * len(parts))
    if not is_last:
        return Result(reason="Completed", message=f"step {config.step} is done.", metrics={})
    # Whoever ends last clears up; a restart of one that had ended needs nothing of it.
    if _are_done(outputs, mark, Path(config.output)):
        shutil.rmtree(config.work, ignore_errors=True)
    return _result(config)


def _check(config: DeduplicateConfig, worker: int) -> None:
    if config.min_hash.permutations % config.min_hash.bands:
        raise KernelError(
            "InvalidConfig",
            f"min_hash.bands {config.min_hash.bands} does not divide min_hash.permutations "
            f"{config.min_hash.permutations}.",
        )
    if worker >= config.workers:
        raise KernelError(
            "InvalidConfig",
            f"this is worker {worker} of {config.workers}; workers and the Job's completions must be equal.",
        )
    if config.step is None and config.workers > 1:
        raise KernelError(
            "InvalidConfig", f"workers is {config.workers}, but one Job does all steps; name one in step."
        )


def _cleaned(inputs: list[TaskFolder]) -> list[dict[str, str]]:
    """Markers of all tasks of `clean`; raises where one is missing or the tasks do not belong together."""
    markers = [folder.read_marker() for folder in inputs]
    missing = [number for number, marker in enumerate(markers) if marker is None]
    if missing:
        raise KernelError(
            "InvalidData",
            f"task {missing[0]} of {len(inputs)} has no completion marker below {inputs[0].root}; run the "
            "clean stage to its end first.",
        )
    found = [marker for marker in markers if marker is not None]
    if len({marker["fingerprint"] for marker in found}) > 1:
        raise KernelError(
            "InvalidData",
            f"the tasks below {inputs[0].root} were cleaned from different files or configs; run the clean "
            "stage again.",
        )
    return found


def _are_done(outputs: list[TaskFolder], mark: str, root: Path) -> bool:
    return (root / SUMMARY).exists() and all(folder.is_done(mark) for folder in outputs)


@contextmanager
def _parts(
    config: DeduplicateConfig, worker: int, inputs: list[TaskFolder], mark: str, context: ProgramContext
) -> Iterator[list[Part]]:
    root = Path(config.work) / mark[:16]
    root.mkdir(parents=True, exist_ok=True)
    for other in root.parent.iterdir():
        if other != root:  # made of other documents, or under another config
            shutil.rmtree(other, ignore_errors=True)
    spill = root / f"spill-{config.step or 'all'}-{worker:05d}"
    with DataEngine(config.memory_bytes, config.threads, spill, lambda: context.stopping) as engine:
        yield [
            Part(config, number, inputs, root, engine, context)
            for number in range(worker, config.parts, config.workers)
        ]


def _choose(part: Part, _outputs: list[TaskFolder], _mark: str) -> None:
    """The choice, and the summary of all tasks with it: after this no step sees them all."""
    choose(part)
    figures = read_figures(part)
    cleaned_rows = [row for folder in part.inputs for row in folder.read_stats()["funnel"]]
    steps = [*_cleaning_steps(list(part.inputs)), *DUPLICATES]
    funnel = FilterStatistics(steps, [*cleaned_rows, *figures["funnel"]]).rows()
    output = Path(part.config.work).parent
    report.write(
        output,
        {
            **report.of_tasks(part.inputs, funnel),
            "clusters": figures["largest_clusters"],
            "pairs": figures["pairs"],
        },
    )
    if figures["documents"] == 0:
        raise KernelError(
            "NoDocumentsLeft",
            "no document is left after cleaning and deduplication; the funnel says which step dropped them: "
            "loosen that step.",
            fit(funnel),
        )
    sources = _sources(list(part.inputs))
    cleaned = part.inputs[0].read_marker() or {}
    # Of all pods of `clean`: each of those knows its own tasks alone.
    counts: Counter[str] = Counter()
    for folder in part.inputs:
        counts.update(folder.read_stats()["counts"])
    summary = {
        **figures,
        "tasks": part.config.tasks,
        # Equal for equal documents, however many tasks they came in.
        "fingerprint": fingerprint(part.config, cleaned["content"], sources),
        "sources": sources,
        "counts": dict(sorted(counts.items())),
        "funnel": funnel,
    }
    # The last step's output: of this one's own nothing is read.
    durable_file.write(output / SUMMARY, json.dumps(summary, ensure_ascii=False, indent=1).encode())


@tracing.span("write documents")
def _write_documents(part: Part, outputs: list[TaskFolder], mark: str) -> None:
    for task in part.own_tasks:
        if not outputs[task].is_done(mark):
            _write_task(part, task, outputs[task], mark)


def _write_task(part: Part, task: int, output: TaskFolder, mark: str) -> None:
    dropped, twins = parquet(dropped_of(part), DROPPED), parquet(twins_of(part), TWINS)
    judged = part.engine.rows(
        "SELECT signature.place, high, step, kept_id, similarity, twin.place IS NOT NULL FROM "
        f"{parquet([part.signatures(task)], SIGNATURES)} signature "
        f"LEFT JOIN {dropped} dropped ON dropped.place = signature.place "
        f"LEFT JOIN {twins} twin ON twin.place = signature.place ORDER BY signature.place"
    )
    kept = 0
    with CataloguingWriter(output) as writer:
        documents = read_documents(part.inputs[task].documents)
        for document, (place, key, step, kept_id, similarity, twin) in zip(documents, judged, strict=True):
            part.context.stop_if_asked()
            if place != document.place:
                raise KernelError(
                    "ArtifactDamaged",
                    f"{part.inputs[task].documents} holds {document.place} where {place} was; delete "
                    f"{part.inputs[task].marker} and run that stage again.",
                )
            if step is None:
                kept += 1
                writer.catalogue(document, key, twin)
                continue
            writer.drop(
                document.id,
                step,
                _REASONS[step],
                document.source,
                document.text,
                document.offset,
                kept_id,
                similarity,
            )
        writer.complete({"documents": kept}, mark)


_STEPS = {
    "keys": lambda part, _outputs, _mark: write_keys(part),
    "candidates": lambda part, _outputs, _mark: find_candidates(part),
    "texts": lambda part, _outputs, _mark: hand_out_texts(part),
    "similarity": lambda part, _outputs, _mark: compare_candidates(part),
    "choice": _choose,
    "documents": _write_documents,
}


def _result(config: DeduplicateConfig) -> Result:
    summary = json.loads((Path(config.output) / SUMMARY).read_bytes())
    total, kept = summary["documents_in"], summary["documents"]
    metrics = {"documents": float(kept), "duplicates": float(total - kept)}
    if summary["largest_clusters"]:
        metrics["largest_cluster"] = float(summary["largest_clusters"][0]["dropped"] + 1)
    metrics |= {name: float(count) for name, count in summary["counts"].items()}
    return Result(
        reason="Completed",
        message=f"{kept} of {total} documents are left, {total - kept} were duplicates.",
        metrics=metrics,
        funnel=fit(summary["funnel"]),
    )


def _cleaning_steps(inputs: list[TaskFolder]) -> list[str]:
    """Steps of `clean` in their order, whether or not a document came to each of them."""
    return list(inputs[0].read_stats()["steps"])


def _sources(inputs: list[TaskFolder]) -> list[dict[str, str]]:
    """Name, language, licence and digest of each source;
    one without a manifest has the digest of its files' names and sha256.
    """
    merged: dict[str, dict[str, Any]] = {}
    for folder in inputs:
        for source in folder.read_stats()["sources"]:
            merged.setdefault(source["name"], {**source, "files": []})["files"].extend(source["files"])
    for source in merged.values():
        files = sorted(source.pop("files"))
        source["digest"] = (
            source["digest"] or "sha256:" + hashlib.sha256(manifest.canonical(files)).hexdigest()
        )
    return list(merged.values())


if __name__ == "__main__":
    run("deduplicate", DeduplicateConfig, main, unit="part")

"""Cleans sources into documents: reading, extraction of text, rules, classifier; task by task.

Expected flow: every pod lists the same files, does its own tasks that have no completion marker yet, and
leaves a folder per task (see `documents`). One process reads and writes; as many more as there are threads
clean what it reads. What a task writes depends on its files and the config only, not on the number of pods or
processes.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from .contract import CleanConfig, CleanSource, Result
from .corpus.classifier import CleanClassifier
from .corpus.cleaning import Cleaned
from .corpus.cleaning_pool import CleaningPool
from .corpus.documents import Document, TaskFolder, TaskWriter, fingerprint
from .corpus.filter_statistics import FilterStatistics, fit
from .corpus.sources import Raw, SourceFile, files_of_task, list_files, read_records
from .corpus.unpacked import Unpacked
from .runtime import manifest, tracing
from .runtime.errors import KernelError
from .runtime.program import ProgramContext, run


def main(config: CleanConfig, context: ProgramContext) -> Result:
    worker = int(os.environ.get("JOB_COMPLETION_INDEX", "0"))
    if worker >= config.workers:
        raise KernelError(
            "InvalidConfig",
            f"this is worker {worker} of {config.workers}; workers and the Job's completions must be equal.",
        )
    expected = _expected_digests(config.sources)
    files = list_files(config.sources)
    # What the files hold is found out as they are read, once: their digests are in the tasks' markers.
    content = fingerprint(config, [[file.source.name, file.path] for file in files])
    mark = fingerprint(config, content, config.tasks)

    root = Path(config.output)
    own = range(worker, config.tasks, config.workers)
    total = sum(len(files_of_task(files, task, config.tasks)) for task in own)
    done = kept = 0
    statistics = FilterStatistics()
    counts: Counter[str] = Counter()
    with _pool(config, context) as (pool, accuracy):
        for task in own:
            folder = TaskFolder(root, task)
            chosen = files_of_task(files, task, config.tasks)
            if not _is_done(folder, chosen, mark, context):
                _Task(config, folder, context, pool, expected).run(chosen, mark, content, done, total)
            stats = folder.read_stats()
            kept += stats["documents"]
            for row in stats["funnel"]:
                statistics.add(row)
            counts.update(stats["counts"])
            done += len(chosen)
            context.progress.update(done, total, {"documents": float(kept)})

    if config.workers == 1 and kept == 0:
        raise KernelError(
            "NoDocumentsLeft",
            "no document is left after cleaning; the funnel in stats/ says which step dropped them: loosen "
            "that step.",
        )
    metrics = {"documents": float(kept), "files": float(total)}
    metrics.update({name: float(count) for name, count in sorted(counts.items())})
    if accuracy is not None:
        metrics["classifier_accuracy"] = round(accuracy, 4)
    return Result(
        reason="Completed",
        message=f"{kept} documents are left of {total} files.",
        metrics=metrics,
        funnel=fit(statistics.rows()),
    )


@contextmanager
def _pool(config: CleanConfig, context: ProgramContext) -> Iterator[tuple[CleaningPool, float | None]]:
    """Processes that clean, each with the classifier that is trained here, and the classifier's accuracy."""
    with tempfile.TemporaryDirectory() as directory:
        model = accuracy = None
        if config.classifier is not None:
            for examples in (config.classifier.clean, config.classifier.dirty):
                manifest.verify_input(examples)
            classifier = CleanClassifier(config.classifier, config.seed)
            context.log("classifier trained", accuracy=classifier.accuracy)
            model, accuracy = Path(directory, "classifier.bin"), classifier.accuracy
            classifier.save(model)
        with CleaningPool(config, model, config.threads, context.stop_if_asked) as pool:
            yield pool, accuracy


def _expected_digests(sources: list[CleanSource]) -> dict[Path, str]:
    """What the manifests of sources that are artifacts say of their files; compared as they are read."""
    return {
        Path(source.input.path) / entry.path: entry.sha256
        for source in sources
        if source.input.digest is not None
        for entry in manifest.read(Path(source.input.path), source.input.digest).files
    }


def _is_done(folder: TaskFolder, files: list[SourceFile], mark: str, context: ProgramContext) -> bool:
    """Whether an earlier attempt did the task, with this config and of files that are still the same."""
    marker = folder.read_marker()
    if marker is None or marker["fingerprint"] != mark:
        return False
    digests = []
    for file in files:
        context.stop_if_asked()
        digests.append(manifest.file_sha256(file.location))
    if marker.get("inputs") == _inputs(files, digests):
        return True
    context.log("input has changed, task is done again", task=folder.documents.stem)
    return False


def _inputs(files: list[SourceFile], digests: list[str]) -> str:
    listing = [[file.source.name, file.path, digest] for file, digest in zip(files, digests, strict=True)]
    return hashlib.sha256(manifest.canonical(listing)).hexdigest()


class _Task:
    """One task under way."""

    def __init__(
        self,
        config: CleanConfig,
        folder: TaskFolder,
        context: ProgramContext,
        pool: CleaningPool,
        expected: dict[Path, str],
    ) -> None:
        self.config = config
        self.folder = folder
        self.context = context
        self.pool = pool
        self.expected = expected
        self.statistics = FilterStatistics()
        self.counts: Counter[str] = Counter()
        self.kept = 0

    @tracing.span("clean task")
    def run(self, files: list[SourceFile], mark: str, content: str, done: int, total: int) -> None:
        digests: list[str] = []
        with TaskWriter(self.folder) as writer:
            records = self._records(files, digests, done, total)
            for raw, source, cleaned in self.pool.clean(records):
                self._record(raw, source, cleaned, writer)
            stats = {
                "documents": self.kept,
                "funnel": self.statistics.rows(),
                "counts": dict(sorted(self.counts.items())),
                "sources": _read_from(self.config.sources, files, digests),
            }
            writer.complete(stats, mark, content=content, inputs=_inputs(files, digests))
        self.context.log("task done", task=self.folder.documents.stem, files=len(files))

    def _records(
        self, files: list[SourceFile], digests: list[str], done: int, total: int
    ) -> Iterator[tuple[Raw, CleanSource]]:
        """What the files hold and can be read; the rest is counted. `digests` are filled in on the way."""
        for number, file in enumerate(files):
            place = (int(self.folder.marker.stem) + number * self.config.tasks) << 32
            with Unpacked(file.location) as content:
                for raw in read_records(file, content, self.config.extraction.max_record_bytes):
                    self.context.stop_if_asked()
                    if raw.lost:
                        yield replace(raw, place=place), file.source
                        place += 1
                    else:
                        self.counts[f"passed_over/{raw.reason}s"] += 1
                digest = content.sha256()
            if self.expected.get(file.location, digest) != digest:
                raise KernelError(
                    "ArtifactDamaged",
                    f"{file.location} does not have the sha256 its manifest names; restore it or run the "
                    "artifact's maker again.",
                )
            digests.append(digest)
            self.context.progress.update(done + number + 1, total)

    def _record(self, raw: Raw, source: CleanSource, cleaned: Cleaned, writer: TaskWriter) -> None:
        for step, bytes_in, bytes_out in cleaned.passed:
            self.statistics.passed(step, source.language, bytes_in, bytes_out)
        if cleaned.reason:
            self.statistics.dropped(cleaned.step, source.language, cleaned.size, cleaned.reason)
            about = cleaned.text or cleaned.url
            writer.drop(cleaned.id, cleaned.step, cleaned.reason, source.name, about, raw.offset)
            return
        if cleaned.replaced:
            self.counts[f"replaced_characters/{cleaned.replaced}"] += cleaned.text.count("\ufffd")
        self.kept += 1
        writer.keep(
            Document(
                cleaned.id,
                cleaned.text,
                source.language,
                source.name,
                cleaned.url,
                cleaned.title,
                raw.time,
                raw.offset,
                cleaned.status,
                raw.place,
            )
        )


def _read_from(
    sources: list[CleanSource], files: list[SourceFile], digests: list[str]
) -> list[dict[str, object]]:
    """Where the task's documents came from, to the byte: what lineage names as this corpus's origins."""
    return [
        {
            "name": source.name,
            "language": source.language,
            "licence": source.licence,
            "digest": source.input.digest,
            "files": [
                [file.path, digest]
                for file, digest in zip(files, digests, strict=True)
                if file.source.name == source.name
            ],
        }
        for source in sources
    ]


if __name__ == "__main__":
    run("clean", CleanConfig, main, unit="file")

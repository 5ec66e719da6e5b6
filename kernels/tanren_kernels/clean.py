"""Cleans sources into documents: reading, extraction of text, rules, classifier; task by task.

Expected flow: every pod lists the same files, does its own tasks that have no completion marker yet, and
leaves a folder per task (see `documents`). What a task writes depends on its files and the config only, not
on the number of pods.
"""

from __future__ import annotations

import os
from pathlib import Path

from .contract import CleanConfig, CleanSource, Result
from .corpus.classifier import CleanClassifier
from .corpus.documents import Document, TaskFolder, TaskWriter, fingerprint
from .corpus.filter_statistics import FilterStatistics, fit
from .corpus.rules import broken_rule
from .corpus.sources import Raw, SourceFile, files_of_task, list_files, read_records, text_of
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
    for source in config.sources:
        # A directory without a manifest is hashed file by file by the tasks that read it.
        if source.input.digest is not None:
            manifest.verify_input(source.input)
    files = list_files(config.sources)
    mark = fingerprint(
        config, [[file.source.name, file.path, file.location.stat().st_size] for file in files]
    )
    classifier = _trained(config, context)

    root = Path(config.output)
    own = range(worker, config.tasks, config.workers)
    total = sum(len(files_of_task(files, task, config.tasks)) for task in own)
    done = kept = 0
    statistics = FilterStatistics()
    for task in own:
        folder = TaskFolder(root, task)
        chosen = files_of_task(files, task, config.tasks)
        if not folder.is_done(mark):
            _Task(config, folder, context, classifier).run(chosen, mark, done, total)
        stats = folder.read_stats()
        kept += stats["documents"]
        for row in stats["funnel"]:
            statistics.add(row)
        done += len(chosen)
        context.progress.update(done, total)

    if config.workers == 1 and kept == 0:
        raise KernelError(
            "NoDocumentsLeft",
            "no document is left after cleaning; the funnel in stats/ says which step dropped them: loosen "
            "that step.",
        )
    metrics = {"documents": float(kept), "files": float(total)}
    if classifier is not None and classifier.accuracy is not None:
        metrics["classifier_accuracy"] = round(classifier.accuracy, 4)
    return Result(
        reason="Completed",
        message=f"{kept} documents are left of {total} files.",
        metrics=metrics,
        funnel=fit(statistics.rows()),
    )


def _trained(config: CleanConfig, context: ProgramContext) -> CleanClassifier | None:
    if config.classifier is None:
        return None
    for examples in (config.classifier.clean, config.classifier.dirty):
        manifest.verify_input(examples)
    classifier = CleanClassifier(config.classifier, config.seed)
    context.log("classifier trained", accuracy=classifier.accuracy)
    return classifier


class _Task:
    """One task under way."""

    def __init__(
        self,
        config: CleanConfig,
        folder: TaskFolder,
        context: ProgramContext,
        classifier: CleanClassifier | None,
    ) -> None:
        self.config = config
        self.folder = folder
        self.context = context
        self.classifier = classifier
        self.statistics = FilterStatistics()
        self.kept = 0

    @tracing.span("clean task")
    def run(self, files: list[SourceFile], mark: str, done: int, total: int) -> None:
        with TaskWriter(self.folder) as writer:
            for number, file in enumerate(files):
                for raw in read_records(file, self.config.extraction.max_record_bytes):
                    self.context.stop_if_asked()
                    self._record(raw, file, writer)
                self.context.progress.update(done + number + 1, total)
            stats = {
                "documents": self.kept,
                "funnel": self.statistics.rows(),
                "sources": _read_from(self.config.sources, files),
            }
            writer.complete(stats, mark)
        self.context.log("task done", task=self.folder.documents.stem, files=len(files))

    def _record(self, raw: Raw, file: SourceFile, writer: TaskWriter) -> None:
        """Takes one record through every step; the first that drops it ends its way."""
        language = file.source.language

        def drop(step: str, reason: str, size: int, text: str) -> None:
            self.statistics.dropped(step, language, size, reason)
            writer.drop(raw.id, step, reason, file.source.name, text or raw.url)

        if raw.body is None:
            drop("read", raw.reason, raw.size, "")
            return
        self.statistics.passed("read", language, raw.size, raw.size)

        text, reason = text_of(raw, file, self.config.extraction)
        if reason:
            drop("extraction", reason, raw.size, "")
            return
        size = len(text.encode())
        self.statistics.passed("extraction", language, raw.size, size)

        if self.config.rules is not None:
            broken = broken_rule(text, language, self.config.rules)
            if broken is not None:
                drop("rules", broken, size, text)
                return
            self.statistics.passed("rules", language, size, size)

        # The classifier learnt from prose; source code has its own rules.
        if self.classifier is not None and language != "code":
            if not self.classifier.keeps(text):
                drop("classifier", "classified_dirty", size, text)
                return
            self.statistics.passed("classifier", language, size, size)

        self.kept += 1
        writer.keep(Document(raw.id, text, language, file.source.name, raw.url))


def _read_from(sources: list[CleanSource], files: list[SourceFile]) -> list[dict[str, object]]:
    """Where the task's documents came from, to the byte: what lineage names as this corpus's origins."""
    return [
        {
            "name": source.name,
            "language": source.language,
            "licence": source.licence,
            "digest": source.input.digest,
            "files": [
                [file.path, manifest.file_sha256(file.location)]
                for file in files
                if file.source.name == source.name
            ],
        }
        for source in sources
    ]


if __name__ == "__main__":
    run("clean", CleanConfig, main, unit="file")

"""Cleans sources into documents: reading, extraction of text, stages of cleaning; task by task.

Expected flow: every pod lists the same files, does its own tasks that have no completion marker yet, and
leaves a folder per task (see `documents`). One process reads and writes; as many more as there are threads
clean what it reads. What a task writes depends on its files and the config only, not on the number of pods or
processes.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .contract import CleanConfig, CleanSource, Result
from .corpus import report
from .corpus.cleaning import Cleaned
from .corpus.cleaning_pool import CleaningPool
from .corpus.cleaning_stages import digest_of_inputs, prepare
from .corpus.documents import Document, TaskFolder, TaskWriter, fingerprint, write_json_lines
from .corpus.filter_statistics import OPENING, FilterStatistics, fit
from .corpus.histograms import Histograms
from .corpus.samples import Samples
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
    content = fingerprint(
        config, [[file.source.name, file.path] for file in files], digest_of_inputs(config.stages)
    )
    mark = fingerprint(config, content, config.tasks)

    root = Path(config.output)
    own = range(worker, config.tasks, config.workers)
    total = sum(len(files_of_task(files, task, config.tasks)) for task in own)
    done = kept = 0
    statistics = FilterStatistics(_steps(config))
    counts: Counter[str] = Counter()
    with _pool(config, context) as (pool, classifiers):
        for task in own:
            folder = TaskFolder(root, task)
            chosen = files_of_task(files, task, config.tasks)
            if not _is_done(folder, chosen, mark, context):
                _Task(config, folder, context, pool, expected, classifiers).run(
                    chosen, mark, content, _Done(done, total, statistics)
                )
            stats = folder.read_stats()
            kept += stats["documents"]
            for row in stats["funnel"]:
                statistics.add(row)
            counts.update(stats["counts"])
            done += len(chosen)
            context.progress.update(done, total, {"documents": float(kept)}, funnel=fit(statistics.rows()))

    if config.workers == 1:
        folders = [TaskFolder(root, task) for task in own]
        report.write(root, report.of_tasks(folders, statistics.rows()))
    if config.workers == 1 and kept == 0:
        raise KernelError(
            "NoDocumentsLeft",
            "no document is left after cleaning; the funnel says which step dropped them: loosen that step.",
            fit(statistics.rows()),
        )
    metrics = {"documents": float(kept), "files": float(total)}
    metrics.update({name: float(count) for name, count in sorted(_told(counts).items())})
    metrics.update(_classifier_metrics(classifiers))
    return Result(
        reason="Completed",
        message=f"{kept} documents are left of {total} files.",
        metrics=metrics,
        funnel=fit(statistics.rows()),
    )


_OTHER_LANGUAGE = "passed_over/language_"
_LANGUAGES_TOLD = 8


def _told(counts: Counter[str]) -> Counter[str]:
    """What a result has room for: of the languages that were passed over the most frequent."""
    languages = Counter({name: count for name, count in counts.items() if name.startswith(_OTHER_LANGUAGE)})
    told = counts - languages
    told.update(dict(sorted(languages.items(), key=lambda item: (-item[1], item[0]))[:_LANGUAGES_TOLD]))
    return told


def _steps(config: CleanConfig) -> list[str]:
    return [*OPENING, *(stage.name for stage in config.stages)]


@contextmanager
def _pool(
    config: CleanConfig, context: ProgramContext
) -> Iterator[tuple[CleaningPool, dict[str, dict[str, Any]]]]:
    """Processes that clean, and the figures of the classifiers that were trained for them."""
    with tempfile.TemporaryDirectory() as directory:
        prepared = Path(directory)
        classifiers = prepare(config.stages, prepared, config.seed, context.stop_if_asked)
        for stage, figures in classifiers.items():
            context.log("classifier trained", stage=stage, accuracy=figures["accuracy"])
        with CleaningPool(config, prepared, config.threads, context.stop_if_asked) as pool:
            yield pool, classifiers


def _classifier_metrics(classifiers: dict[str, dict[str, Any]]) -> dict[str, float]:
    return {
        f"{stage}/{name}": figures[name]
        for stage, figures in classifiers.items()
        for name in ("threshold", "precision", "recall", "accuracy", "held_out")
        if figures[name] is not None
    }


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


@dataclass(frozen=True, slots=True)
class _Done:
    """What tasks before this one did, of how many files in all."""

    files: int
    total: int
    statistics: FilterStatistics


_SECONDS_BETWEEN_REPORTS = 2.0


class _Task:
    """One task under way."""

    def __init__(
        self,
        config: CleanConfig,
        folder: TaskFolder,
        context: ProgramContext,
        pool: CleaningPool,
        expected: dict[Path, str],
        classifiers: dict[str, dict[str, Any]],
    ) -> None:
        self.config = config
        self.folder = folder
        self.context = context
        self.pool = pool
        self.expected = expected
        self.classifiers = classifiers
        self.statistics = FilterStatistics(_steps(config))
        self.samples = Samples(config.seed)
        self.histograms = Histograms()
        self.counts: Counter[str] = Counter()
        self.kept = 0
        self.files_read = 0
        self.reported = time.monotonic()

    @tracing.span("clean task")
    def run(self, files: list[SourceFile], mark: str, content: str, before: _Done) -> None:
        digests: list[str] = []
        with TaskWriter(self.folder) as writer:
            records = self._records(files, digests)
            for raw, source, cleaned in self.pool.clean(records):
                self._record(raw, source, cleaned, writer)
                if time.monotonic() - self.reported >= _SECONDS_BETWEEN_REPORTS:
                    self._report(before)
            stats = {
                "documents": self.kept,
                "steps": _steps(self.config),
                "funnel": self.statistics.rows(),
                "counts": dict(sorted(self.counts.items())),
                "histograms": self.histograms.rows(),
                "classifiers": [{"stage": stage, **own} for stage, own in self.classifiers.items()],
                "sources": _read_from(self.config.sources, files, digests),
            }
            write_json_lines(self.folder.samples, self.samples.rows())
            writer.complete(stats, mark, content=content, inputs=_inputs(files, digests))
        self.context.log("task done", task=self.folder.documents.stem, files=len(files))

    def _report(self, before: _Done) -> None:
        rows = FilterStatistics(
            _steps(self.config), [*before.statistics.rows(), *self.statistics.rows()]
        ).rows()
        self.context.progress.update(before.files + self.files_read, before.total, funnel=fit(rows))
        self.reported = time.monotonic()

    def _records(self, files: list[SourceFile], digests: list[str]) -> Iterator[tuple[Raw, CleanSource]]:
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
            self.files_read = number + 1

    def _record(self, raw: Raw, source: CleanSource, cleaned: Cleaned, writer: TaskWriter) -> None:
        language = cleaned.language
        for step, bytes_in, bytes_out in cleaned.passed:
            self.statistics.passed(step, language, bytes_in, bytes_out)
        if cleaned.identified:
            # Most of a crawl is: it is counted, and not written down.
            self.statistics.dropped(cleaned.step, language, cleaned.size, cleaned.reason)
            self.counts[f"{_OTHER_LANGUAGE}{cleaned.identified}"] += 1
            return
        if cleaned.text:
            self.histograms.extracted(language, len(cleaned.text))
        if cleaned.score is not None:
            self.histograms.score(cleaned.score, stays=not cleaned.reason)
        about = {"source": source.name, "url": cleaned.url, "score": cleaned.score}
        self.samples.offer(cleaned.step, cleaned.reason, language, cleaned.id, cleaned.text, **about)
        if cleaned.reason:
            self.statistics.dropped(cleaned.step, language, cleaned.size, cleaned.reason)
            shown = cleaned.text or cleaned.url
            writer.drop(cleaned.id, cleaned.step, cleaned.reason, source.name, shown, raw.offset)
            return
        if cleaned.replaced:
            self.counts[f"replaced_characters/{cleaned.replaced}"] += cleaned.text.count("\ufffd")
        self.counts.update(cleaned.counts)
        self.histograms.kept(language, len(cleaned.text))
        self.kept += 1
        writer.keep(
            Document(
                cleaned.id,
                cleaned.text,
                language,
                source.name,
                cleaned.url,
                cleaned.title,
                cleaned.time or raw.time,
                raw.offset,
                cleaned.status,
                raw.place,
                cleaned.score,
                cleaned.licence or source.licence,
            )
        )


def _read_from(
    sources: list[CleanSource], files: list[SourceFile], digests: list[str]
) -> list[dict[str, object]]:
    """Where the task's documents came from, to the byte: what lineage names as this corpus's origins."""
    return [
        {
            "name": source.name,
            "language": source.language or ", ".join(source.languages or []),
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

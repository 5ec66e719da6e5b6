"""Drops exact and near duplicates over all tasks of `clean`, keeping the first document of each cluster.

Expected flow: keys of every document, task by task; clusters over all of them; one folder per task as `clean`
leaves it. Documents are ordered by task and line, so what is kept does not depend on chance.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .contract import DeduplicateConfig, Result
from .corpus import minhash
from .corpus.catalogue import CataloguingWriter
from .corpus.documents import (
    LANGUAGES,
    SUMMARY,
    Document,
    TaskFolder,
    TaskWriter,
    fingerprint,
    read_documents,
)
from .corpus.filter_statistics import FilterStatistics, fit
from .runtime import durable_file, manifest, tracing
from .runtime.errors import KernelError
from .runtime.program import ProgramContext, run

# Documents whose shingles are in memory at once.
_BATCH = 500

Keys = npt.NDArray[np.uint64]


def main(config: DeduplicateConfig, context: ProgramContext) -> Result:
    if config.min_hash is not None and config.min_hash.permutations % config.min_hash.bands:
        raise KernelError(
            "InvalidConfig",
            f"min_hash.bands {config.min_hash.bands} does not divide min_hash.permutations "
            f"{config.min_hash.permutations}.",
        )
    inputs = [TaskFolder(Path(config.input), task) for task in range(config.tasks)]
    markers = _cleaned(inputs)
    mark = fingerprint(config, [marker["documents"] for marker in markers])
    root = Path(config.output)
    outputs = [TaskFolder(root, task) for task in range(config.tasks)]
    if not all(folder.is_done(mark) for folder in outputs):
        (root / SUMMARY).unlink(missing_ok=True)
        _Deduplication(config, inputs, outputs, mark, context).run()

    rows = FilterStatistics(
        row for folder in (*inputs, *outputs) for row in folder.read_stats()["funnel"]
    ).rows()
    kept = sum(folder.read_stats()["documents"] for folder in outputs)
    if kept == 0:
        raise KernelError(
            "NoDocumentsLeft",
            "no document is left after cleaning and deduplication; the funnel says which step dropped them: "
            "loosen that step.",
        )
    summary = {"tasks": config.tasks, "sources": _sources(inputs), "funnel": rows}
    durable_file.write(root / SUMMARY, json.dumps(summary, ensure_ascii=False, indent=1).encode())
    total = sum(folder.read_stats()["documents_in"] for folder in outputs)
    metrics = {"documents": float(kept), "duplicates": float(total - kept)}
    # Of all pods of `clean`: each of those knows its own tasks alone.
    for folder in inputs:
        for name, count in folder.read_stats()["counts"].items():
            metrics[name] = metrics.get(name, 0.0) + count
    return Result(
        reason="Completed",
        message=f"{kept} of {total} documents are left, {total - kept} were duplicates.",
        metrics=metrics,
        funnel=fit(rows),
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
    for folder in inputs:
        folder.check_documents()
    return found


class _Deduplication:
    """One run over all tasks; keys of finished tasks are kept on disk until the end."""

    def __init__(
        self,
        config: DeduplicateConfig,
        inputs: list[TaskFolder],
        outputs: list[TaskFolder],
        mark: str,
        context: ProgramContext,
    ) -> None:
        self.config = config
        self.inputs = inputs
        self.outputs = outputs
        self.mark = mark
        self.context = context
        self.keys = Path(config.output) / "keys"

    def run(self) -> None:
        self.keys.mkdir(parents=True, exist_ok=True)
        for task in range(self.config.tasks):
            self._write_keys(task)
            self.context.progress.update(task + 1, 2 * self.config.tasks)
        languages = np.concatenate(
            [self._read(task, "languages", np.dtype("<u1")) for task in range(self.config.tasks)]
        )
        digests = np.concatenate(
            [self._read(task, "digests", np.dtype("<u8")) for task in range(self.config.tasks)]
        ).reshape(-1, 2)
        exact = first_of_equal(digests) if self.config.exact else np.arange(len(digests))
        near = self._near_duplicates(exact, languages)
        self._write_tasks(exact, near)
        for file in self.keys.iterdir():
            file.unlink()
        self.keys.rmdir()

    @tracing.span("hash documents")
    def _write_keys(self, task: int) -> None:
        """Digest, language and signature of each document of a task; the digests' file, written last,
        says that all are there.
        """
        if self._path(task, "digests").exists():
            return
        digests, languages, signatures = [], [], [b""]
        for batch in _batches(self.inputs[task].documents):
            self.context.stop_if_asked()
            texts = [(minhash.normalised(document.text), document.language) for document in batch]
            digests += [hashlib.sha256(text.encode()).digest()[:16] for text, _ in texts]
            languages += [LANGUAGES.index(language) for _, language in texts]
            if self.config.min_hash is not None:
                signatures.append(
                    minhash.signatures(texts, self.config.min_hash, self.config.seed).astype("<u4").tobytes()
                )
        durable_file.write(self._path(task, "signatures"), b"".join(signatures))
        durable_file.write(self._path(task, "languages"), bytes(languages))
        durable_file.write(self._path(task, "digests"), b"".join(digests))

    def _path(self, task: int, name: str) -> Path:
        return self.keys / f"{self.mark[:16]}-{task:05d}.{name}"

    def _read(self, task: int, name: str, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
        return np.fromfile(self._path(task, name), dtype=dtype)

    @tracing.span("near duplicates")
    def _near_duplicates(
        self, exact: npt.NDArray[np.int64], languages: npt.NDArray[np.uint8]
    ) -> npt.NDArray[np.int64]:
        """First document of each document's cluster; only documents of the same language are compared,
        as their shingles differ.
        """
        first = np.arange(len(exact), dtype=np.int64)
        if self.config.min_hash is None:
            return first
        rows = [
            self._read(task, "signatures", np.dtype("<u4")).reshape(-1, self.config.min_hash.permutations)
            for task in range(self.config.tasks)
        ]
        signatures = np.concatenate(rows)
        for language in range(len(LANGUAGES)):
            compared = np.flatnonzero((exact == first) & (languages == language))
            first[compared] = compared[minhash.clusters(signatures[compared], self.config.min_hash)]
        return first

    @tracing.span("write documents")
    def _write_tasks(self, exact: npt.NDArray[np.int64], near: npt.NDArray[np.int64]) -> None:
        originals = {
            int(number) for first in (exact, near) for number in first[first != np.arange(len(first))]
        }
        ids: dict[int, str] = {}
        number = 0
        for task, (source, target) in enumerate(zip(self.inputs, self.outputs, strict=True)):
            # Tasks that are done are written again: the ids of originals come from reading them all, and
            # equal input gives equal bytes.
            with CataloguingWriter(target) as writer:
                statistics = FilterStatistics()
                first_number = number
                kept = 0
                for document in read_documents(source.documents):
                    self.context.stop_if_asked()
                    if number in originals:
                        ids[number] = document.id
                    kept += self._judge(
                        document, number, int(exact[number]), int(near[number]), ids, statistics, writer
                    )
                    number += 1
                writer.complete(
                    {"funnel": statistics.rows(), "documents": kept, "documents_in": number - first_number},
                    self.mark,
                )
            self.context.progress.update(self.config.tasks + task + 1)

    def _judge(
        self,
        document: Document,
        number: int,
        exact: int,
        near: int,
        ids: dict[int, str],
        statistics: FilterStatistics,
        writer: TaskWriter,
    ) -> bool:
        """Writes one document where it belongs; the originals of duplicates come earlier,
        so their ids are known.
        """
        size = len(document.text.encode())
        for step, used, original in (
            ("exact", self.config.exact, exact),
            ("min_hash", self.config.min_hash is not None, near),
        ):
            if not used:
                continue
            if original != number:
                reason = "exact_duplicate" if step == "exact" else "near_duplicate"
                statistics.dropped(step, document.language, size, reason)
                writer.drop(
                    document.id, step, reason, document.source, document.text, duplicate_of=ids[original]
                )
                return False
            statistics.passed(step, document.language, size, size)
        writer.keep(document)
        return True


def first_of_equal(keys: Keys) -> npt.NDArray[np.int64]:
    """For each row of `keys` [N, 2] the number of the first row equal to it."""
    order = np.lexsort((np.arange(len(keys)), keys[:, 1], keys[:, 0]))
    ordered = keys[order]
    begins = np.ones(len(keys), dtype=bool)
    begins[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    firsts = order[begins]
    result = np.empty(len(keys), dtype=np.int64)
    result[order] = firsts[np.cumsum(begins) - 1]
    return result


def _batches(path: Path) -> Iterator[list[Document]]:
    batch: list[Document] = []
    for document in read_documents(path):
        batch.append(document)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    yield batch


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
    run("deduplicate", DeduplicateConfig, main, unit="task")

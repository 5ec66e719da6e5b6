"""Processes that clean records beside the one that reads and writes: as many as the pod has processors.

Each record has a budget of processor time and memory. The kernel itself ends a process that is over its time,
so that nothing needs to watch it, and nothing can keep it. Whoever loses a process gives its records to
another, one by one; a record that ends a process by itself is passed over, and the reason says so.
"""

from __future__ import annotations

import multiprocessing
import resource
import signal
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from types import TracebackType

from ..contract import CleanConfig, CleanSource
from ..runtime.errors import KernelError
from .cleaning import Cleaned, Cleaner
from .cleaning_stages import build
from .language_identification import UNDETERMINED
from .sources import Raw

# A batch is worth its way through a pipe, and short enough that no process waits long for another.
_BATCH_BYTES = 1 << 18
_BATCH_RECORDS = 32

# Batches between the first that is not done and the last that was read, for each process.
_AHEAD = 4

_SECONDS_BETWEEN_LOOKS = 0.2

_REASONS = {signal.SIGPROF: "took_too_long", signal.SIGKILL: "took_too_much_memory"}
_OTHER_REASON = "crashed_extraction"


@dataclass(slots=True)
class _Batch:
    records: list[tuple[Raw, CleanSource]] = field(default_factory=list)
    size: int = 0
    cleaned: list[Cleaned] = field(default_factory=list)
    alone: bool = False
    """Each record has a process for itself, because one of them ended the process of all."""

    @property
    def is_full(self) -> bool:
        return self.size >= _BATCH_BYTES or len(self.records) >= _BATCH_RECORDS

    @property
    def is_done(self) -> bool:
        return len(self.cleaned) == len(self.records)

    def next_records(self) -> list[tuple[Raw, CleanSource]]:
        start = len(self.cleaned)
        return self.records[start : start + 1] if self.alone else self.records[start:]


class _Worker:
    def __init__(self, config: CleanConfig, prepared: Path) -> None:
        # A fresh interpreter: this process has threads, and a fork server's socket lies in the directory for
        # temporary files, whose path may be longer than a socket's may.
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process: SpawnProcess = context.Process(
            target=_serve, args=(theirs, config, prepared), daemon=True, name="cleaner"
        )
        self.process.start()
        theirs.close()
        self.batch: _Batch | None = None
        # One that cannot even begin is no record's fault: else every record would be passed over.
        try:
            self.connection.recv()
        except (EOFError, OSError) as error:
            ended_by = self.end()
            raise KernelError(
                "InternalError", f"a process that cleans ended as it began, by signal {ended_by} or an error."
            ) from error

    def give(self, batch: _Batch) -> None:
        self.batch = batch
        self.connection.send(batch.next_records())

    def end(self) -> int:
        """Signal that ended it, or 0."""
        self.connection.close()
        self.process.kill()
        self.process.join()
        code = self.process.exitcode or 0
        self.process.close()
        return max(-code, 0)


class CleaningPool:
    """Keeps `count` processes while it is open. They load of `prepared` what `cleaning_stages.prepare` left
    there; `stop_if_asked` raises where the program is to end.
    """

    def __init__(
        self, config: CleanConfig, prepared: Path, count: int, stop_if_asked: Callable[[], None]
    ) -> None:
        self._config = config
        self._prepared = prepared
        self._stop_if_asked = stop_if_asked
        self._count = count
        self._workers: list[_Worker] = []

    def __enter__(self) -> CleaningPool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self._workers:
            worker.end()
        self._workers.clear()

    def clean(self, records: Iterator[tuple[Raw, CleanSource]]) -> Iterator[tuple[Raw, CleanSource, Cleaned]]:
        """Every record with what became of it, in the order of the records."""
        order: deque[_Batch] = deque()
        waiting: deque[_Batch] = deque()
        batches = _batches(records)
        exhausted = False
        while True:
            self._stop_if_asked()
            while not exhausted and len(order) < _AHEAD * self._count and len(waiting) < self._count:
                batch = next(batches, None)
                exhausted = batch is None
                if batch is not None:
                    order.append(batch)
                    waiting.append(batch)
                self._collect(waiting, 0)
                self._stop_if_asked()
            while order and order[0].is_done:
                done = order.popleft()
                for (raw, source), cleaned in zip(done.records, done.cleaned, strict=True):
                    yield raw, source, cleaned
            if not order and exhausted:
                return
            if order and not order[0].is_done:
                self._collect(waiting, _SECONDS_BETWEEN_LOOKS)

    def _collect(self, waiting: deque[_Batch], seconds: float) -> None:
        """Gives idle processes work and takes what busy ones have done."""
        self._give(waiting)
        busy = {worker.connection: worker for worker in self._workers if worker.batch is not None}
        for ready in wait(list(busy), seconds) if busy else []:
            assert isinstance(ready, Connection)
            worker = busy[ready]
            batch, worker.batch = worker.batch, None
            assert batch is not None
            try:
                batch.cleaned.extend(worker.connection.recv())
            except (EOFError, OSError):
                self._workers.remove(worker)
                self._lost(batch, worker.end())
            if not batch.is_done:
                waiting.appendleft(batch)
        self._give(waiting)

    def _give(self, waiting: deque[_Batch]) -> None:
        while waiting:
            worker = next((one for one in self._workers if one.batch is None), None)
            if worker is None:
                if len(self._workers) >= self._count:
                    return
                worker = _Worker(self._config, self._prepared)
                self._workers.append(worker)
            batch = waiting.popleft()
            try:
                worker.give(batch)
            except OSError:  # ended while it was idle
                self._workers.remove(worker)
                worker.end()
                waiting.appendleft(batch)

    def _lost(self, batch: _Batch, ended_by: int) -> None:
        # The program's own ending takes its processes along: of that no record is to blame.
        self._stop_if_asked()
        if batch.alone or len(batch.records) - len(batch.cleaned) == 1:
            raw, source = batch.records[len(batch.cleaned)]
            reason = _REASONS.get(signal.Signals(ended_by), _OTHER_REASON) if ended_by else _OTHER_REASON
            batch.cleaned.append(_given_up(raw, source, reason))
        batch.alone = True


def _batches(records: Iterator[tuple[Raw, CleanSource]]) -> Iterator[_Batch]:
    batch = _Batch()
    for raw, source in records:
        batch.records.append((raw, source))
        batch.size += len(raw.body)
        if batch.is_full:
            yield batch
            batch = _Batch()
    if batch.records:
        yield batch


def _given_up(raw: Raw, source: CleanSource, reason: str) -> Cleaned:
    return Cleaned(
        raw.id,
        source.language or UNDETERMINED,
        [("read", raw.size, raw.size)],
        url=raw.url,
        step="extraction",
        reason=reason,
        size=raw.size,
    )


def _serve(connection: Connection, config: CleanConfig, prepared: Path) -> None:
    """What a process of the pool does until its pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    cleaner = Cleaner(config, build(config.stages, prepared))
    limit = _data_bytes() + config.extraction.max_record_memory_bytes
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    seconds = float(config.extraction.max_record_seconds)
    connection.send("ready")
    while True:
        try:
            records: list[tuple[Raw, CleanSource]] = connection.recv()
        except EOFError:
            return
        cleaned = []
        for raw, source in records:
            signal.setitimer(signal.ITIMER_PROF, seconds)
            try:
                cleaned.append(cleaner.clean(raw, source))
            except MemoryError:
                cleaned.append(_given_up(raw, source, "took_too_much_memory"))
        signal.setitimer(signal.ITIMER_PROF, 0)
        connection.send(cleaned)


def _data_bytes() -> int:
    """What this process has of the memory that its limit counts."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmData:"):
            return int(line.split()[1]) * 1024
    raise OSError("/proc/self/status names no VmData")

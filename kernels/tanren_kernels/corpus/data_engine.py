"""DuckDB as the programs use it: what needs many documents at once is sorted, grouped and joined by it,
within the pod's memory, and spilled to the claim where that is not enough.

Stages hand rows to each other as Parquet files. Those that go to a certain pod lie in a directory that names
it: `<files>/<who wrote them>/part=<who reads them>/`. Each writer's directory appears whole or not at all.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import duckdb
import pyarrow as pa

from ..runtime import durable_file
from ..runtime.errors import KernelError

# Of the pod's memory; Python, the texts in its hands and the system's file cache have the rest.
_SHARE = 0.5

_SECONDS_BETWEEN_LOOKS = 0.2

# Rows that wait in memory for one reader's file. By default DuckDB keeps half a million: of texts, gigabytes.
_ROWS_WAITING = 8_192

_BATCH_ROWS = 2_000


class DataEngine:
    """A DuckDB in this process. `stopping` is asked while a query runs; where it says True, the query ends
    and KernelError Terminated is raised.
    """

    def __init__(self, memory_bytes: int, threads: int, spill: Path, stopping: Callable[[], bool]) -> None:
        shutil.rmtree(spill, ignore_errors=True)
        spill.mkdir(parents=True)
        self._spill = spill
        self._stopping = stopping
        self._connection = duckdb.connect(
            config={
                "memory_limit": f"{int(memory_bytes * _SHARE)}B",
                "threads": threads,
                "temp_directory": str(spill),
                "partitioned_write_flush_threshold": _ROWS_WAITING,
                # A site may be closed; all that is used is built in.
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
                "preserve_insertion_order": False,
            }
        )
        self._closed = threading.Event()
        self._watch = threading.Thread(target=self._interrupt, daemon=True, name="interrupt")
        self._watch.start()

    def _interrupt(self) -> None:
        while not self._closed.wait(_SECONDS_BETWEEN_LOOKS):
            if self._stopping():
                self._connection.interrupt()

    def run(self, sql: str) -> None:
        """Statements without a result."""
        self._asked(lambda: self._connection.execute(sql))

    def rows(self, sql: str) -> Iterator[tuple[Any, ...]]:
        """Rows of a result, which is never whole in memory."""
        for batch in self.batches(sql):
            yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)

    def batches(self, sql: str) -> Iterator[pa.RecordBatch]:
        reader = self._asked(lambda: self._connection.sql(sql).to_arrow_reader(_BATCH_ROWS))
        while (batch := self._asked(lambda: next(reader, None))) is not None:
            yield batch

    def _asked(self, work: Callable[[], Any]) -> Any:
        try:
            return work()
        except (duckdb.InterruptException, OSError, pa.ArrowException):
            if not self._stopping():
                raise
        except duckdb.OutOfMemoryException as error:
            raise _too_much(str(error).splitlines()[0]) from error
        raise KernelError(
            "Terminated", "asked to stop; finished work is saved and a restart resumes from it."
        )

    def __enter__(self) -> DataEngine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed.set()
        self._watch.join()
        self._connection.close()
        shutil.rmtree(self._spill, ignore_errors=True)


def _too_much(what: str) -> KernelError:
    if "temp_directory" in what and "max_temp_directory_size" in what:
        return KernelError(
            "DiskFull", f"DuckDB has no room to spill ({what}); enlarge the claim, the run then resumes."
        )
    return KernelError(
        "InvalidConfig",
        f"memory_bytes: DuckDB cannot do with half of it ({what}); raise spec.compute.resources.memory, or "
        "spec.compute.nodes to divide the work further.",
    )


def once(path: Path, fill: Callable[[Path], object]) -> None:
    """Makes a directory by `fill`, unless an earlier attempt has made it."""
    if not path.is_dir():
        path.parent.mkdir(parents=True, exist_ok=True)
        durable_file.write_directory(path, fill)


def parquet(files: Iterator[Path] | list[Path], columns: str) -> str:
    """A table of these files; `columns` as in CREATE TABLE, which it has also where there is no file."""
    listed = ", ".join(quoted(file) for file in sorted(files))
    if listed:
        return f"read_parquet([{listed}], hive_partitioning = false)"
    empty = ", ".join(f"NULL::{type_} AS {name}" for name, type_ in _split(columns))
    return f"(SELECT {empty} LIMIT 0)"


def names(columns: str) -> str:
    """Their names alone."""
    return ", ".join(name for name, _ in _split(columns))


def _split(columns: str) -> Iterator[tuple[str, str]]:
    for column in columns.split(","):
        name, type_ = column.split()
        yield name, type_


def parts_for(reader: int, root: Path, below: str = "*") -> list[Path]:
    """Files for one reader in the directories of every writer; `below` leads from `root` to them."""
    return [
        file
        for file in root.glob(f"{below}/part={reader}/*.parquet")
        if not file.relative_to(root).parts[0].startswith(durable_file.BUILDING)
    ]


def part_of(expression: str, parts: int) -> str:
    """Which of `parts` equal ranges of all 64-bit numbers an unsigned expression falls in."""
    return f"(({expression}) // 4294967296 * {parts} // 4294967296)::INTEGER"


def copy(sql: str, target: Path, parted: bool = False) -> str:
    """A statement that writes a query's rows into a file, or into a directory for each value of `part`."""
    partition = ", PARTITION_BY (part)" if parted else ""
    return f"COPY ({sql}) TO {quoted(target)} (FORMAT parquet, COMPRESSION zstd{partition})"


def quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"

"""Files and directories that are whole or absent, also after a kill or a power cut.

Each is written under a temporary name beside its own, flushed to disk, renamed, and the rename flushed too.
What a killed writer leaves under the temporary name is overwritten by the next writer, and nobody reads it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from . import fence

SUFFIX = ".tmp"
"""Of a file that is not whole yet."""

BUILDING = ".building-"
"""Prefix of a directory that is not whole yet, or not whole any more."""


class DurableFile:
    """A file under way: `commit` gives it its name, `discard` leaves what stood there before.

    As a context manager it commits, unless an error leaves the block.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._temporary = _temporary(path)
        self._file = self._temporary.open("wb")

    def write(self, data: bytes) -> None:
        self._file.write(data)

    def commit(self) -> None:
        try:
            self._file.close()
            _publish(self._temporary, self._path)
        finally:
            # A disk that is full must not stay so for what is of no use.
            self._temporary.unlink(missing_ok=True)

    def discard(self) -> None:
        """Does nothing after a commit."""
        try:
            self._file.close()
        finally:
            self._temporary.unlink(missing_ok=True)

    def __enter__(self) -> DurableFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.commit()
        else:
            self.discard()


def write(path: Path, data: bytes) -> None:
    with DurableFile(path) as file:
        file.write(data)


def write_with(path: Path, writer: Callable[[Path], object]) -> None:
    """For libraries that want a path to write at."""
    temporary = _temporary(path)
    try:
        writer(temporary)
        _publish(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def building(path: Path) -> Path:
    """Where the directory `path` is written before it has its name."""
    return path.with_name(BUILDING + path.name)


def write_directory(path: Path, fill: Callable[[Path], object]) -> None:
    """`fill` is given an empty directory, which then takes the place of `path`."""
    begin_directory(path)
    fill(building(path))
    publish_directory(path)


def begin_directory(path: Path) -> None:
    """Makes the empty directory that is to become `path`."""
    fence.require_newest()
    begun = building(path)
    remove_directory(begun)
    begun.mkdir(parents=True)


def publish_directory(path: Path) -> None:
    """The directory that was begun takes the place of `path`."""
    begun = building(path)
    for written in (*begun.rglob("*"), begun):
        _sync(written)
    fence.require_newest()
    remove_directory(path)
    begun.rename(path)
    _sync(path.parent)


def remove_directory(path: Path) -> None:
    """Renames first, so that half a directory never stands under its name."""
    if path.exists():
        doomed = path.with_name(f"{BUILDING}removed-{path.name.removeprefix(BUILDING)}")
        shutil.rmtree(doomed, ignore_errors=True)
        path.rename(doomed)
        shutil.rmtree(doomed)


def remove_unfinished(parent: Path) -> None:
    """Removes the directories that killed writers left in `parent`."""
    for path in parent.glob(f"{BUILDING}*"):
        shutil.rmtree(path)


def _temporary(path: Path) -> Path:
    return path.with_name(path.name + SUFFIX)


def _publish(temporary: Path, path: Path) -> None:
    _sync(temporary)
    fence.require_newest()
    temporary.replace(path)
    _sync(path.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""Files and directories that are whole or absent, whenever their writer is killed."""

from __future__ import annotations

import itertools
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

import pytest

from tanren_kernels.runtime import durable_file

OLD, NEW = b"old" * 5000, b"new" * 7000


def write_in_pieces(path: Path) -> None:
    with durable_file.DurableFile(path) as file:
        for start in range(0, len(NEW), 3000):
            file.write(NEW[start : start + 3000])


def fill(directory: Path) -> None:
    (directory / "inner").mkdir()
    (directory / "a").write_bytes(NEW)
    (directory / "inner" / "b").write_bytes(NEW)


FILES: dict[str, Callable[[Path], None]] = {
    "bytes": lambda path: durable_file.write(path, NEW),
    "pieces": write_in_pieces,
    "path": lambda path: durable_file.write_with(path, lambda place: place.write_bytes(NEW)),
}


def asks_the_system(called: object) -> bool:
    """Functions of os, and methods of open files; the rest only computes."""
    owner = type(getattr(called, "__self__", None))
    return (
        owner.__module__ == "_io"
        or getattr(called, "__module__", "") == "io"
        or (getattr(called, "__module__", "") == "posix" and getattr(called, "__name__", "") != "fspath")
    )


def in_child(work: Callable[[], None], on_call: Callable[[str], None]) -> int:
    """Wait status of a process that does `work`; `on_call` is told every call to the operating system."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1]
    try:

        def profile(_frame: FrameType, event: str, called: object) -> None:
            if event == "c_call" and asks_the_system(called):
                on_call(getattr(called, "__name__", ""))

        sys.setprofile(profile)
        work()
        sys.setprofile(None)
        os._exit(0)
    finally:
        os._exit(1)


def kills(work: Callable[[], None]) -> Iterator[int]:
    """Does `work` in one process after another; the n-th is killed at its n-th call to the system.

    Yields after each death and ends once the work was done undisturbed.
    """
    for wanted in itertools.count(1):
        calls = itertools.count(1)

        def die(_name: str, calls: Iterator[int] = calls, wanted: int = wanted) -> None:
            if next(calls) == wanted:
                os.kill(os.getpid(), signal.SIGKILL)

        status = in_child(work, die)
        if os.WIFSIGNALED(status):
            yield wanted
        else:
            assert status == 0
            return


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("before", [None, OLD])
def test_a_file_is_the_old_or_the_new_one_wherever_its_writer_is_killed(
    tmp_path: Path, kind: str, before: bytes | None
) -> None:
    path = tmp_path / "state.json"
    seen = []
    if before is not None:
        path.write_bytes(before)
    for _ in kills(lambda: FILES[kind](path)):
        seen.append(path.read_bytes() if path.exists() else None)
        assert {file.name for file in tmp_path.iterdir()} <= {"state.json", "state.json.tmp"}
    assert seen[0] == before and set(seen) <= {before, NEW} and len(seen) > 5
    assert [file.name for file in tmp_path.iterdir()] == ["state.json"] and path.read_bytes() == NEW


@pytest.mark.parametrize("kind", FILES)
def test_content_is_on_disk_before_the_name_and_the_name_before_the_writer_returns(
    tmp_path: Path, kind: str
) -> None:
    order = tmp_path / "order"
    order.touch()
    log = os.open(order, os.O_WRONLY | os.O_APPEND)

    def note(name: str) -> None:
        if name in ("fsync", "replace"):
            os.write(log, f"{name} ".encode())

    assert in_child(lambda: FILES[kind](tmp_path / "state.json"), note) == 0
    os.close(log)
    assert order.read_text().split() == ["fsync", "replace", "fsync"]


def test_an_error_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    durable_file.write(path, OLD)
    with pytest.raises(ZeroDivisionError), durable_file.DurableFile(path) as file:
        file.write(NEW)
        raise ZeroDivisionError
    with pytest.raises(ZeroDivisionError):
        durable_file.write_with(path, lambda place: place.write_bytes(bytes(1 // 0)))
    assert path.read_bytes() == OLD
    assert list(tmp_path.iterdir()) == [path]


def contents(directory: Path) -> dict[str, bytes] | None:
    if not directory.exists():
        return None
    files = (path for path in directory.rglob("*") if path.is_file())
    return {path.relative_to(directory).as_posix(): path.read_bytes() for path in files}


def test_a_directory_is_whole_or_absent_wherever_its_writer_is_killed(tmp_path: Path) -> None:
    final = tmp_path / "step-1"
    whole = {"a": NEW, "inner/b": NEW}
    seen = []
    for _ in kills(lambda: durable_file.write_directory(final, fill)):
        seen.append(contents(final))
        durable_file.remove_unfinished(tmp_path)
        assert [path.name for path in tmp_path.iterdir()] == ([] if seen[-1] is None else ["step-1"])
        if seen[-1] is not None:
            durable_file.remove_directory(final)
    assert contents(final) == whole
    assert len(seen) > 10 and all(state in (None, whole) for state in seen)


def test_a_directory_is_whole_or_gone_wherever_its_remover_is_killed(tmp_path: Path) -> None:
    final = tmp_path / "step-1"
    durable_file.write_directory(final, fill)
    whole = contents(final)
    for _ in kills(lambda: durable_file.remove_directory(final)):
        assert contents(final) in (None, whole)
        durable_file.remove_unfinished(tmp_path)
        if not final.exists():
            durable_file.write_directory(final, fill)
    assert list(tmp_path.iterdir()) == []

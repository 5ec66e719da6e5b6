"""A file of JSON lines that is only appended to: a killed program resumes after its last whole line."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from . import fence
from .errors import KernelError
from .manifest import canonical


class Journal:
    """The finished items of a program, one JSON line each, in the order they were finished.

    `settings` is everything an item's value depends on. Each line names its fingerprint: lines made under
    other settings are of no use any more, and opening drops them (`dropped` says how many), so that a run
    whose data or model has changed makes them anew. Invariant: the file on disk is a sequence of whole lines
    of one fingerprint, but for a torn last line that a kill may leave, which the next opening removes.
    """

    def __init__(self, path: Path, settings: dict[str, Any]) -> None:
        self.path = path
        self.fingerprint = hashlib.sha256(canonical(settings)).hexdigest()[:16]
        path.parent.mkdir(parents=True, exist_ok=True)
        self.entries: list[dict[str, Any]] = _whole_lines(path) if path.exists() else []
        current = next(
            (n for n, entry in enumerate(self.entries) if entry.get("settings") != self.fingerprint),
            len(self.entries),
        )
        self.dropped = len(self.entries) - current
        self.keep(current)

    def append(self, entries: Iterable[dict[str, Any]]) -> None:
        """Adds the entries and returns when they are on disk."""
        fence.require_newest()
        new = [{**entry, "settings": self.fingerprint} for entry in entries]
        with self.path.open("ab") as file:
            file.write(b"".join(json.dumps(entry, ensure_ascii=False).encode() + b"\n" for entry in new))
            file.flush()
            os.fsync(file.fileno())
        self.entries.extend(new)

    def keep(self, count: int) -> None:
        """Drops all but the first `count` entries."""
        if count < len(self.entries):
            fence.require_newest()
            with self.path.open("rb+") as file:
                for _ in range(count):
                    file.readline()
                file.truncate(file.tell())
                os.fsync(file.fileno())
            del self.entries[count:]


def _whole_lines(path: Path) -> list[dict[str, Any]]:
    data = path.read_bytes()
    whole = data.rfind(b"\n") + 1
    if whole < len(data):
        fence.require_newest()
        os.truncate(path, whole)
    try:
        return [json.loads(line) for line in data[:whole].splitlines()]
    except ValueError as error:
        raise KernelError(
            "InvalidData",
            f"{path} was changed by another program: {error}; remove it, and its items are made again.",
        ) from error

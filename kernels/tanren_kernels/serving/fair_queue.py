"""Whose turn it is: requests that wait, in order of priority, and among equals in turns of their callers."""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True)
class Caller:
    """Who asks: the name of an API key, empty where no key is asked for."""

    name: str = ""
    priority: int = 0
    """Of two that wait the one with the higher number goes first."""
    most_open: int | None = None
    """Requests that may wait or be answered at a time; None: as many as the server takes."""


class FairQueue(Generic[Item]):
    """First in, first out for one caller; callers of one priority take turns. Not thread-safe.

    Invariant: a caller has a line here exactly while something of its waits; lines stand in the order in
    which they are served next.
    """

    def __init__(self) -> None:
        self._lines: OrderedDict[Caller, deque[Item]] = OrderedDict()

    def __len__(self) -> int:
        return sum(len(line) for line in self._lines.values())

    def callers(self) -> list[Caller]:
        """Who has something waiting."""
        return list(self._lines)

    def push(self, caller: Caller, item: Item) -> None:
        self._lines.setdefault(caller, deque()).append(item)

    def pop(self) -> Item | None:
        """The next one, whose caller then waits for a turn of all others of its priority."""
        if not self._lines:
            return None
        caller = max(self._lines, key=lambda caller: caller.priority)
        item = self._lines[caller].popleft()
        self._lines.move_to_end(caller)
        self._drop_when_empty(caller)
        return item

    def remove(self, caller: Caller, item: Item) -> bool:
        """Whether it waited."""
        line = self._lines.get(caller)
        if line is None or item not in line:
            return False
        line.remove(item)
        self._drop_when_empty(caller)
        return True

    def pop_newest(self, caller: Caller) -> Item:
        """What a caller that has something waiting has asked last."""
        item = self._lines[caller].pop()
        self._drop_when_empty(caller)
        return item

    def _drop_when_empty(self, caller: Caller) -> None:
        if not self._lines[caller]:
            del self._lines[caller]

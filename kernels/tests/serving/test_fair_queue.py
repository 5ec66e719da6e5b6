from __future__ import annotations

import random

from tanren_kernels.serving.fair_queue import Caller, FairQueue

A, B, C = Caller("a"), Caller("b"), Caller("c")


def drained(queue: FairQueue[str]) -> list[str]:
    return list(iter(queue.pop, None))


def filled(*entries: tuple[Caller, str]) -> FairQueue[str]:
    queue: FairQueue[str] = FairQueue()
    for caller, item in entries:
        queue.push(caller, item)
    return queue


def test_callers_take_turns_however_much_one_of_them_has_asked() -> None:
    queue = filled((A, "a1"), (A, "a2"), (A, "a3"), (B, "b1"), (C, "c1"), (B, "b2"))
    assert drained(queue) == ["a1", "b1", "c1", "a2", "b2", "a3"]


def test_a_higher_priority_goes_first() -> None:
    urgent = Caller("urgent", priority=1)
    queue = filled((A, "a1"), (B, "b1"), (urgent, "u1"), (urgent, "u2"))
    assert drained(queue) == ["u1", "u2", "a1", "b1"]


def test_what_is_taken_out_does_not_come_again() -> None:
    queue = filled((A, "a1"), (A, "a2"), (B, "b1"))
    assert queue.remove(A, "a1") and not queue.remove(A, "a1") and not queue.remove(C, "c1")
    assert queue.pop_newest(A) == "a2"
    assert queue.callers() == [B] and len(queue) == 1
    assert drained(queue) == ["b1"] and not queue


def test_nobody_waits_for_two_of_another() -> None:
    """In any order of coming and going: while a caller waits, another of its priority is served at most once
    between two turns of the first.
    """
    draw = random.Random(3)
    queue: FairQueue[str] = FairQueue()
    since: dict[Caller, list[Caller]] = {}
    for number in range(5_000):
        if draw.random() < 0.55:
            caller = draw.choice([A, A, A, B, C])
            if caller not in queue.callers():
                since[caller] = []
            queue.push(caller, f"{caller.name}{number}")
            continue
        item = queue.pop()
        if item is None:
            continue
        served = next(caller for caller in (A, B, C) if caller.name == item[0])
        since[served] = []
        for waiting in queue.callers():
            if waiting != served:
                since[waiting].append(served)
                assert since[waiting].count(served) <= 1

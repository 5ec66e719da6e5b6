"""Places and turns, with an engine that stands still until it is let go."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable

import pytest
import tiny

from tanren_kernels.inference.engine import Engine, Generation, Request
from tanren_kernels.inference.sampling import Sampling
from tanren_kernels.serving.fair_queue import Caller
from tanren_kernels.serving.metrics import ServingMetrics
from tanren_kernels.serving.worker import QueueFull, Ticket, Worker

A, B = Caller("a"), Caller("b")
REQUEST = Request([5, 6, 7], 2, Sampling(0, 1, 0), frozenset())


class HeldEngine(Engine):
    def __init__(self) -> None:
        model = tiny.model()
        super().__init__(model, [b"x"] * model.config.vocab_size, 1, 64)
        self.go = threading.Event()

    def step(self) -> list[Generation]:
        self.go.wait(20)
        return super().step()


class Bench:
    def __init__(self, most_open: int) -> None:
        self.engine = HeldEngine()
        self.worker = Worker(self.engine, ServingMetrics(), most_open)
        self.answered: list[str] = []

    async def ask(self, caller: Caller) -> Ticket:
        ticket = self.worker.admit(caller)
        self.worker.submit(ticket, REQUEST)
        if self.engine.waiting + self.engine.running == 0:
            await ticket.turn()
        return ticket

    async def outcome(self, ticket: Ticket) -> str:
        try:
            async for _ in ticket.parts():
                pass
        except QueueFull as full:
            assert 1 <= full.retry_after <= 60
            return "refused"
        self.answered.append(ticket.caller.name)
        self.worker.release(ticket)
        return "answered"

    async def outcomes(self, tickets: list[Ticket]) -> list[str]:
        self.engine.go.set()
        return list(await asyncio.gather(*map(self.outcome, tickets)))


def play(story: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        await asyncio.wait_for(story(), 30)

    asyncio.run(bounded())


def test_whoever_has_fewest_is_answered_next() -> None:
    async def story() -> None:
        bench = Bench(most_open=10)
        tickets = [await bench.ask(caller) for caller in (A, A, A, A, B)]
        await bench.outcomes(tickets)
        assert bench.answered == ["a", "a", "b", "a", "a"]

    play(story)


def test_a_full_queue_has_room_for_whom_others_crowd_out() -> None:
    async def story() -> None:
        bench = Bench(most_open=4)
        crowd = [await bench.ask(A) for _ in range(4)]
        with pytest.raises(QueueFull):
            bench.worker.admit(A)
        guest = await bench.ask(B)
        assert await bench.outcomes([*crowd, guest]) == [*["answered"] * 3, "refused", "answered"]

    play(story)


def test_equal_shares_do_not_push_each_other_out() -> None:
    async def story() -> None:
        bench = Bench(most_open=4)
        tickets = [await bench.ask(caller) for caller in (A, B, A, B)]
        for caller in (A, B):
            with pytest.raises(QueueFull):
                bench.worker.admit(caller)
        assert await bench.outcomes(tickets) == ["answered"] * 4

    play(story)


def test_who_has_priority_goes_first_and_finds_room() -> None:
    async def story() -> None:
        bench = Bench(most_open=3)
        urgent = Caller("urgent", priority=1)
        tickets = [await bench.ask(caller) for caller in (A, B, A)]
        tickets.append(await bench.ask(urgent))
        outcomes = await bench.outcomes(tickets)
        assert outcomes == ["answered", "answered", "refused", "answered"]
        assert bench.answered == ["a", "urgent", "b"]

    play(story)


def test_a_key_has_no_more_open_than_its_limit() -> None:
    async def story() -> None:
        bench = Bench(most_open=10)
        bounded = Caller("bounded", most_open=2)
        tickets = [await bench.ask(bounded), await bench.ask(bounded)]
        with pytest.raises(QueueFull, match="API key bounded has 2 requests open"):
            bench.worker.admit(bounded)
        await bench.outcomes(tickets)
        bench.worker.release(bench.worker.admit(bounded))

    play(story)


def test_a_place_is_free_again_when_nobody_waits_for_it() -> None:
    async def story() -> None:
        bench = Bench(most_open=2)
        first, second = await bench.ask(A), await bench.ask(A)
        bench.worker.release(second)
        third = await bench.ask(A)
        assert await bench.outcomes([first, third]) == ["answered", "answered"]

    play(story)

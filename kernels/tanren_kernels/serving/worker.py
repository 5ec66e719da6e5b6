"""The thread that owns the engine, and how asynchronous request handlers speak with it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

from ..inference.engine import Engine, Finish, Generation, Request
from .metrics import ServingMetrics


class QueueFull(Exception):
    """As many requests wait as may; try again later."""


class AnswerBroken(Exception):
    """An answer that was begun, or waited for its turn, is not finished."""


class EngineFailed(AnswerBroken):
    """The engine's thread has died; the process is about to end."""


class ShuttingDown(AnswerBroken):
    """The time that a server has for its last answers is over."""


@dataclass(frozen=True)
class Part:
    """What one or more tokens added to an answer. `tokens` counts the answer's tokens so far."""

    text: str
    tokens: int
    finish: Finish | None


class Ticket:
    """One request between its handler (event loop) and the worker (thread)."""

    def __init__(self, request: Request, loop: asyncio.AbstractEventLoop) -> None:
        self.request = request
        self.generation: Generation | None = None
        self.cancelled = False
        self.submitted_at = time.monotonic()
        self.last_token_at: float | None = None
        self._loop = loop
        self._parts: asyncio.Queue[Part | AnswerBroken] = asyncio.Queue()

    def post(self, part: Part | AnswerBroken) -> None:
        """Called from other threads than the loop's."""
        try:
            self._loop.call_soon_threadsafe(self._parts.put_nowait, part)
        except RuntimeError:
            self.cancelled = True  # the loop is closed: nobody waits for the answer any more

    async def parts(self) -> AsyncIterator[Part]:
        """The answer's parts as they come, the last one with a finish. Raises AnswerBroken."""
        while True:
            part = await self._parts.get()
            if isinstance(part, AnswerBroken):
                raise part
            yield part
            if part.finish is not None:
                return


class Worker:
    """Runs an engine in a thread of its own.

    `failure` is set when the engine raised: then nothing is answered any more.
    """

    def __init__(self, engine: Engine, metrics: ServingMetrics, most_open: int) -> None:
        """`most_open`: requests that may be waiting or running at a time."""
        self.failure: BaseException | None = None
        self._engine = engine
        self._metrics = metrics
        self._most_open = most_open
        self._changed = threading.Condition()
        self._inbox: list[Ticket] = []
        self._open: set[Ticket] = set()
        self._closed = False
        self._under_way: dict[Generation, Ticket] = {}
        # As of the moment they are read: a long step must not hide what has come since it began.
        metrics.waiting.set_function(lambda: len(self._inbox) + engine.waiting)
        metrics.running.set_function(lambda: engine.running)
        metrics.in_flight.set_function(lambda: len(self._open))
        threading.Thread(target=self._run, name="engine", daemon=True).start()

    @property
    def busy(self) -> bool:
        return bool(self._inbox or self._under_way)

    def submit(self, request: Request) -> Ticket:
        """Hands a request over from a running event loop. Raises QueueFull or AnswerBroken."""
        ticket = Ticket(request, asyncio.get_running_loop())
        with self._changed:
            if self.failure is not None:
                raise EngineFailed
            if self._closed:
                raise ShuttingDown
            if len(self._inbox) + len(self._under_way) >= self._most_open:
                raise QueueFull
            self._inbox.append(ticket)
            self._open.add(ticket)
            self._changed.notify()
        return ticket

    def release(self, ticket: Ticket) -> None:
        """Nobody waits for the answer any more; a row that works on it is freed before the next step."""
        ticket.cancelled = True
        with self._changed:
            self._open.discard(ticket)

    def break_off(self) -> int:
        """Tells every answer that is not finished that it will not be; returns how many those are.

        They are told at once, not after the engine's step: that may take longer than the process has left.
        """
        with self._changed:
            self._closed = True
            unfinished = list(self._open)
        for ticket in unfinished:
            ticket.post(ShuttingDown())
        return len(unfinished)

    def _run(self) -> None:
        try:
            while True:
                self._take_in()
                self._drop_cancelled()
                for generation in self._engine.step():
                    self._tell(generation)
                self._metrics.cache_use.set(self._engine.cache_use)
        except BaseException as error:
            with self._changed:
                self.failure = error
                for ticket in self._open:
                    ticket.post(EngineFailed())

    def _take_in(self) -> None:
        """Moves arrivals to the engine; sleeps while there is nothing to do."""
        with self._changed:
            while not self._inbox and not self._under_way:
                self._changed.wait()
            for ticket in self._inbox:
                ticket.generation = self._engine.submit(ticket.request)
                self._under_way[ticket.generation] = ticket
                self._metrics.prompt_tokens.inc(len(ticket.request.prompt))
            self._inbox.clear()

    def _drop_cancelled(self) -> None:
        for generation, ticket in list(self._under_way.items()):
            if ticket.cancelled:
                self._engine.cancel(generation)
                del self._under_way[generation]

    def _tell(self, generation: Generation) -> None:
        ticket = self._under_way[generation]
        now = time.monotonic()
        if ticket.last_token_at is None:
            self._metrics.first_token.observe(now - ticket.submitted_at)
        else:
            self._metrics.inter_token.observe(now - ticket.last_token_at)
        ticket.last_token_at = now
        self._metrics.answer_tokens.inc()
        text = generation.take_text()
        if text or generation.finish is not None:
            ticket.post(Part(text, len(generation.tokens), generation.finish))
        if generation.finish is not None:
            del self._under_way[generation]

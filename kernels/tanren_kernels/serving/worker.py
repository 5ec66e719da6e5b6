"""The thread that owns the engine, and how asynchronous request handlers speak with it."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

from ..inference.engine import Engine, Finish, Generation, Request
from ..inference.sampling import TokenLogProb
from .fair_queue import Caller, FairQueue
from .metrics import ServingMetrics

LONGEST_WAIT_TOLD = 60


class AnswerBroken(Exception):
    """An answer that was begun, or waited for its turn, is not finished."""


class QueueFull(AnswerBroken):
    """As many requests wait as may, or another caller's had the better right to wait."""

    def __init__(self, whose: str, retry_after: int) -> None:
        """`whose`: what is full, as a sentence; `retry_after` in seconds."""
        super().__init__(whose)
        self.whose = whose
        self.retry_after = retry_after


class EngineFailed(AnswerBroken):
    """The engine's thread has died; the process is about to end."""


class ShuttingDown(AnswerBroken):
    """The time that a server has for its last answers is over."""


@dataclass(frozen=True)
class Part:
    """What one or more tokens added to an answer."""

    text: str
    finish: Finish | None
    log_probs: Sequence[TokenLogProb] | None = None
    """Of the tokens, where they were asked for; a text may come later than its token."""


class Ticket:
    """One request between its handler (event loop) and the worker (thread).

    It has a place from before its text is looked at until it is released; `request` is set when it waits for
    its turn.
    """

    def __init__(self, caller: Caller, loop: asyncio.AbstractEventLoop) -> None:
        self.caller = caller
        self.request: Request | None = None
        self.generation: Generation | None = None
        self.cancelled = False
        self.submitted_at = time.monotonic()
        self.begun_at = self.submitted_at
        self.last_token_at: float | None = None
        self._loop = loop
        self._parts: asyncio.Queue[Part | AnswerBroken] = asyncio.Queue()
        self._turn = asyncio.Event()
        self._broken: AnswerBroken | None = None

    def post(self, part: Part | AnswerBroken) -> None:
        """Called from other threads than the loop's."""
        self._call(self._receive, part)

    def begin(self) -> None:
        """The engine has taken it. Called from other threads than the loop's."""
        self._call(self._turn.set)

    async def turn(self) -> None:
        """Returns when the engine has taken the request. Raises AnswerBroken where it will not."""
        await self._turn.wait()
        if self._broken is not None and self.generation is None:
            raise self._broken

    def _call(self, act: Callable[..., object], *arguments: object) -> None:
        try:
            self._loop.call_soon_threadsafe(act, *arguments)
        except RuntimeError:
            self.cancelled = True  # the loop is closed: nobody waits for the answer any more

    def _receive(self, part: Part | AnswerBroken) -> None:
        if isinstance(part, AnswerBroken):
            self._broken = part
            self._turn.set()
        self._parts.put_nowait(part)

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
        """`most_open`: requests that may have a place at a time, those that are being answered among them."""
        self.failure: BaseException | None = None
        self._engine = engine
        self._metrics = metrics
        self.most_open = most_open
        self._changed = threading.Condition()
        self._waiting: FairQueue[Ticket] = FairQueue()
        self._open: set[Ticket] = set()
        self._places: Counter[Caller] = Counter()
        self._closed = False
        self._under_way: dict[Generation, Ticket] = {}
        self._answer_seconds = 1.0
        """Of late, from an answer's begin to its end: what Retry-After is derived from."""
        # As of the moment they are read: a long step must not hide what has come since it began.
        metrics.waiting.set_function(lambda: len(self._waiting) + engine.waiting)
        metrics.running.set_function(lambda: engine.running)
        metrics.in_flight.set_function(lambda: len(self._open))
        metrics.cache_use.set_function(lambda: engine.cache_use)
        threading.Thread(target=self._run, name="engine", daemon=True).start()

    def admit(self, caller: Caller) -> Ticket:
        """A place for a request, from a running event loop. It must be released.

        Where all places are taken, one of the caller that has most makes room if that is more than this one
        would have then, or if its priority is lower. Raises AnswerBroken.
        """
        ticket = Ticket(caller, asyncio.get_running_loop())
        with self._changed:
            self._refuse_when_over()
            if caller.most_open is not None and self._places[caller] >= caller.most_open:
                raise self._full(f"API key {caller.name} has {caller.most_open} requests open, its most")
            if len(self._open) >= self.most_open and not self._make_room(caller):
                raise self._full("Too many requests are waiting")
            self._open.add(ticket)
            self._places[caller] += 1
        return ticket

    def submit(self, ticket: Ticket, request: Request) -> None:
        """Lets an admitted request wait for its turn. Raises AnswerBroken."""
        with self._changed:
            self._refuse_when_over()
            ticket.request = request
            self._waiting.push(ticket.caller, ticket)
            self._changed.notify()

    def release(self, ticket: Ticket) -> None:
        """Nobody waits for the answer any more; a row that works on it is freed before the next step."""
        ticket.cancelled = True
        with self._changed:
            self._waiting.remove(ticket.caller, ticket)
            self._give_back(ticket)

    def _refuse_when_over(self) -> None:
        if self.failure is not None:
            raise EngineFailed
        if self._closed:
            raise ShuttingDown

    def _make_room(self, caller: Caller) -> bool:
        waiting = self._waiting.callers()
        if not waiting:
            return False
        other = min(waiting, key=lambda one: (one.priority, -self._places[one]))
        fairer = other.priority == caller.priority and self._places[other] > self._places[caller] + 1
        if not fairer and other.priority >= caller.priority:
            return False
        last = self._waiting.pop_newest(other)
        self._give_back(last)
        last.post(self._full("The queue is full, and others have fewer requests in it"))
        return True

    def _give_back(self, ticket: Ticket) -> None:
        if ticket in self._open:
            self._open.remove(ticket)
            self._places[ticket.caller] -= 1

    def _full(self, whose: str) -> QueueFull:
        turns = math.ceil((len(self._waiting) + 1) / self._engine.slots)
        return QueueFull(whose, max(1, min(LONGEST_WAIT_TOLD, math.ceil(turns * self._answer_seconds))))

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
        except BaseException as error:
            with self._changed:
                self.failure = error
                for ticket in self._open:
                    ticket.post(EngineFailed())

    def _take_in(self) -> None:
        """Moves whose turn it is to the engine's free rows; sleeps while there is nothing to do."""
        with self._changed:
            while not self._waiting and not self._under_way:
                self._changed.wait()
            while len(self._under_way) < self._engine.slots and (ticket := self._waiting.pop()) is not None:
                assert ticket.request is not None, "what waits has a request"
                ticket.generation = self._engine.submit(ticket.request)
                ticket.begun_at = time.monotonic()
                self._under_way[ticket.generation] = ticket
                self._metrics.count_prompt(ticket.caller.name, len(ticket.request.prompt))
                ticket.begin()

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
        self._metrics.count_token(ticket.caller.name)
        text, log_probs = generation.take_text(), generation.take_log_probs()
        if text or log_probs or generation.finish is not None:
            ticket.post(Part(text, generation.finish, log_probs))
        if generation.finish is not None:
            self._answer_seconds += (now - ticket.begun_at - self._answer_seconds) / 8
            del self._under_way[generation]

"""The answers to one HTTP request: their places, their parts as they come, and what breaks them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import Any, TypeVar

from fastapi.requests import Request as HttpRequest

from ..inference.engine import Request
from .api_error import ApiError
from .bodies import gone
from .fair_queue import Caller
from .openai_answers import Choice
from .worker import AnswerBroken, EngineFailed, Part, QueueFull, Ticket, Worker

RETRY_AFTER_SECONDS = 1

Result = TypeVar("Result")


class Answering:
    """The answers to one HTTP request, each with a place at the worker. It must be closed."""

    def __init__(self, worker: Worker, log: Callable[..., None]) -> None:
        self.tickets: list[Ticket] = []
        self._worker = worker
        self._log = log

    @property
    def tokens(self) -> int:
        """Of all answers so far."""
        return sum(len(one.generation.tokens) for one in self.tickets if one.generation is not None)

    def admit(self, caller: Caller, places: int) -> None:
        """Raises AnswerBroken."""
        for _ in range(places):
            self.tickets.append(self._worker.admit(caller))

    def submit(self, requests: Sequence[Request]) -> None:
        """One for each place. Raises AnswerBroken."""
        for ticket, request in zip(self.tickets, requests, strict=True):
            self._worker.submit(ticket, request)

    async def parts(self) -> AsyncIterator[tuple[int, Part]]:
        """Each with the number of its answer. Raises AnswerBroken."""
        arrived: asyncio.Queue[tuple[int, Part | AnswerBroken]] = asyncio.Queue()

        async def pass_on(index: int, ticket: Ticket) -> None:
            try:
                async for part in ticket.parts():
                    arrived.put_nowait((index, part))
            except AnswerBroken as broken:
                arrived.put_nowait((index, broken))

        passing = [asyncio.create_task(pass_on(*pair)) for pair in enumerate(self.tickets)]
        try:
            unfinished = len(passing)
            while unfinished:
                index, part = await arrived.get()
                if isinstance(part, AnswerBroken):
                    raise part
                yield index, part
                unfinished -= part.finish is not None
        finally:
            for task in passing:
                task.cancel()

    async def whole(self) -> list[Choice]:
        """Raises AnswerBroken."""
        parts_of: list[list[Part]] = [[] for _ in self.tickets]
        async for index, part in self.parts():
            parts_of[index].append(part)
        return [_joined(parts) for parts in parts_of]

    def close(self, streamed: bool = False) -> None:
        """Gives the places back, and logs."""
        for ticket in self.tickets:
            self._worker.release(ticket)
            request, generation = ticket.request, ticket.generation
            if request is None:
                continue
            self._log(
                "answered",
                prompt_tokens=len(request.prompt),
                answer_tokens=0 if generation is None else len(generation.tokens),
                finish=None if generation is None else generation.finish,
                streamed=streamed,
                seconds=round(time.monotonic() - ticket.submitted_at, 3),
            )


def _joined(parts: Sequence[Part]) -> Choice:
    """A whole answer of its parts, the last of which has its finish."""
    last = parts[-1]
    scored = last.log_probs is not None
    log_probs = [one for part in parts for one in part.log_probs or ()] if scored else None
    return Choice("".join(part.text for part in parts), last.finish, log_probs)


async def unless_gone(http: HttpRequest, work: Coroutine[Any, Any, Result]) -> Result:
    """What the work returns. Raises ApiError 499 when the client leaves before."""
    leaving, working = asyncio.create_task(_disconnected(http)), asyncio.create_task(work)
    try:
        await asyncio.wait((leaving, working), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise gone()
        return working.result()
    finally:
        leaving.cancel()
        working.cancel()


async def _disconnected(http: HttpRequest) -> None:
    while (await http.receive())["type"] != "http.disconnect":
        pass


def refusal_of(reason: AnswerBroken) -> ApiError:
    """What a client is told of an answer that is not finished."""
    if isinstance(reason, QueueFull):
        full = ApiError(429, f"{reason.whose}; try again later.", "rate_limit_error", code="queue_full")
        full.headers["Retry-After"] = str(reason.retry_after)
        return full
    if isinstance(reason, EngineFailed):
        return ApiError(
            500,
            "The engine has failed; the server is about to restart.",
            "server_error",
            code="engine_failed",
        )
    error = ApiError(
        503,
        "The server is shutting down and cannot finish this answer; ask again.",
        "server_error",
        code="shutting_down",
    )
    error.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return error

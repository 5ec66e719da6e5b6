"""The routes under /v1: from a parsed request to an answer, whole or as server-sent events."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal, TypeVar

from fastapi import FastAPI
from fastapi.requests import Request as HttpRequest
from fastapi.responses import JSONResponse, Response, StreamingResponse

from ..inference.engine import Finish, Request
from ..inference.sampling import Sampling
from ..model.pretrained import Pretrained
from ..tokenizer import chatml
from . import openai_api
from .bodies import Bodies, gone
from .openai_api import ApiError, ChatRequest, CompletionRequest, Envelope
from .worker import AnswerBroken, EngineFailed, QueueFull, Ticket, Worker

RETRY_AFTER_SECONDS = 1
TEXT_THREADS = 2
"""Texts that are read and encoded at a time: it takes long enough to be felt by other streams."""
CALLER = "tanren.caller"
"""Key of the ASGI scope under which the Caller stands."""

Route = Literal["chat", "completions"]
Result = TypeVar("Result")


class Service:
    """A loaded model behind the routes.

    `log` gets one event per answer; prompts and answers are never logged.
    """

    def __init__(
        self, ready: Pretrained, worker: Worker, name: str, context_length: int, log: Callable[..., None]
    ) -> None:
        self.name = name
        self.created = int(time.time())
        self.worker = worker
        self._ready = ready
        self._context_length = context_length
        self._log = log
        self.bodies = Bodies()
        self._texts = ThreadPoolExecutor(TEXT_THREADS, "text")

    def models(self) -> dict[str, Any]:
        return {"object": "list", "data": [self.model()]}

    def model(self) -> dict[str, Any]:
        return {"id": self.name, "object": "model", "created": self.created, "owned_by": "tanren"}

    def check_name(self, name: str) -> None:
        if name != self.name:
            raise ApiError(
                404,
                f"The model {name!r} does not exist; this server has {self.name!r}.",
                param="model",
                code="model_not_found",
            )

    async def answer(self, http: HttpRequest, route: Route) -> Response:
        body = await self.bodies.read(http)
        ticket = self.worker.admit(http.scope[CALLER])
        try:
            loop = asyncio.get_running_loop()
            asked, request = await loop.run_in_executor(self._texts, self._understand, body, route)
            self.worker.submit(ticket, request)
            envelope = Envelope(route, secrets.token_hex(12), int(time.time()), self.name)
            if not asked.streams:
                text, finish, tokens = await _unless_gone(http, _collect(ticket))
                self._close(ticket, request, streamed=False)
                return JSONResponse(envelope.answer(text, finish, len(request.prompt), tokens))
            # Until its turn a stream is refused like any other request, by its status.
            await _unless_gone(http, ticket.turn())
        except BaseException:
            self._close(ticket, ticket.request, streamed=False)
            raise
        return StreamingResponse(
            self._stream(ticket, request, envelope, asked.streams_usage),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-cache"},
        )

    def _understand(self, body: bytes, route: Route) -> tuple[ChatRequest | CompletionRequest, Request]:
        asked = openai_api.parse(body, ChatRequest if route == "chat" else CompletionRequest)
        self.check_name(asked.model)
        return asked, self._request(asked)

    def _request(self, asked: ChatRequest | CompletionRequest) -> Request:
        if self._ready.tokenizer.exceeds(asked.texts, self._context_length):
            raise openai_api.prompt_too_long(self._context_length, asked.texts_param)
        prompt, param = self._prompt(asked)
        room = self._context_length - len(prompt)
        limit = room if asked.token_limit is None else asked.token_limit
        if limit > room or limit < 1:
            raise openai_api.context_length_exceeded(self._context_length, len(prompt), max(limit, 1), param)
        sampling = Sampling(
            temperature=1.0 if asked.temperature is None else asked.temperature,
            top_p=1.0 if asked.top_p is None else asked.top_p,
            seed=secrets.randbits(63) if asked.seed is None else asked.seed,
        )
        return Request(prompt, limit, sampling, self._ready.stop_tokens, asked.stop_strings)

    def _prompt(self, asked: ChatRequest | CompletionRequest) -> tuple[list[int], str]:
        """Token ids and the name of the parameter they come from."""
        text = self._ready.tokenizer
        if isinstance(asked, ChatRequest):
            messages: list[chatml.Message] = [
                {"role": "system" if m.role == "developer" else m.role, "content": m.text}
                for m in asked.messages
            ]
            return chatml.render_prompt(messages, text), "messages"
        if isinstance(asked.prompt, str):
            return [text.end_of_text, *text.encode_plain(asked.prompt)], "prompt"
        tokens: list[int] = []
        for part in asked.prompt:
            tokens += [part] if isinstance(part, int) else [text.end_of_text, *text.encode_plain(part)]
        if any(not 0 <= token < text.vocabulary_size for token in tokens):
            raise ApiError(
                400,
                f"Parameter prompt: token ids must be from 0 to {text.vocabulary_size - 1}.",
                param="prompt",
                code="invalid_value",
            )
        return tokens, "prompt"

    async def _stream(
        self, ticket: Ticket, request: Request, envelope: Envelope, with_usage: bool
    ) -> AsyncIterator[bytes]:
        # Chunks before the last say that their usage is null where usage was asked for.
        no_usage: dict[str, Any] = {"usage": None} if with_usage else {}
        tokens = 0
        try:
            if (opening := envelope.opening()) is not None:
                yield _event({**opening, **no_usage})
            async for part in ticket.parts():
                tokens = part.tokens
                if part.text:
                    yield _event({**envelope.part(part.text, None), **no_usage})
                if part.finish is not None:
                    yield _event({**envelope.part("", part.finish), **no_usage})
            if with_usage:
                yield _event(envelope.closing_usage(len(request.prompt), tokens))
            yield b"data: [DONE]\n\n"
        except AnswerBroken as broken:
            # The status has been sent long ago: a last event with an error object is what clients know.
            yield _event(_broken(broken).body)
        finally:
            self._close(ticket, request, streamed=True)

    def _close(self, ticket: Ticket, request: Request | None, streamed: bool) -> None:
        self.worker.release(ticket)
        if request is None:
            return
        generation = ticket.generation
        seconds = round(time.monotonic() - ticket.submitted_at, 3)
        answer_tokens, finish = (
            (0, None) if generation is None else (len(generation.tokens), generation.finish)
        )
        self._log(
            "answered",
            prompt_tokens=len(request.prompt),
            answer_tokens=answer_tokens,
            finish=finish,
            streamed=streamed,
            seconds=seconds,
        )


async def _unless_gone(http: HttpRequest, work: Coroutine[Any, Any, Result]) -> Result:
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


async def _collect(ticket: Ticket) -> tuple[str, Finish, int]:
    text = ""
    async for part in ticket.parts():
        text += part.text
        if part.finish is not None:
            return text, part.finish, part.tokens
    raise AssertionError("the parts of an answer end with a finish or an exception")


def _event(body: dict[str, Any]) -> bytes:
    """One server-sent event (HTML standard, section 9.2.6).

    JSON has no line breaks, so that one data line holds it.
    """
    return b"data: " + json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"


def _broken(reason: AnswerBroken) -> ApiError:
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


def add_routes(app: FastAPI, service_or_refuse: Callable[[], Service]) -> None:
    """`service_or_refuse` raises ApiError 503 while no model is loaded."""

    async def run(http: HttpRequest, route: Route) -> Response:
        try:
            return await service_or_refuse().answer(http, route)
        except AnswerBroken as broken:
            raise _broken(broken) from None

    @app.get("/v1/models")
    async def models() -> dict[str, Any]:
        return service_or_refuse().models()

    @app.get("/v1/models/{name:path}")
    async def model(name: str) -> dict[str, Any]:
        service = service_or_refuse()
        service.check_name(name)
        return service.model()

    @app.post("/v1/chat/completions")
    async def chat_completions(http: HttpRequest) -> Response:
        return await run(http, "chat")

    @app.post("/v1/completions")
    async def completions(http: HttpRequest) -> Response:
        return await run(http, "completions")

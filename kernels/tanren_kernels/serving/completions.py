"""From a request's body to an answer, whole or as server-sent events."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, TypeVar

from fastapi.requests import Request as HttpRequest
from fastapi.responses import JSONResponse, Response, StreamingResponse

from ..inference.engine import Request
from ..model.pretrained import Pretrained
from .answering import Answering, refusal_of, unless_gone
from .api_error import ApiError
from .bodies import Bodies
from .openai_answers import Choice, Envelope, Route
from .openai_requests import CompletionRequest
from .request_reader import Asked, RequestReader
from .worker import AnswerBroken, Ticket, Worker

TEXT_THREADS = 2
"""Texts that are read and encoded at a time: it takes long enough to be felt by other streams."""
CALLER = "tanren.caller"
"""Key of the ASGI scope under which the Caller stands."""

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
        self.bodies = Bodies()
        self._ready = ready
        self._context_length = context_length
        self._log = log
        self._reader = RequestReader(ready, context_length, self.check_name)
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
        """Raises ApiError."""
        body = await self.bodies.read(http)
        answering = Answering(self.worker, self._log)
        try:
            # What is not admitted costs no text work; how many answers are asked for is known after it.
            answering.admit(http.scope[CALLER], 1)
            asked, requests = await self._in_text_thread(self._reader.requests, body, route)
            if len(requests) > self.worker.most_open:
                raise ApiError(
                    400,
                    f"Parameter n: {len(requests)} answers were asked for, and this server has room for "
                    f"{self.worker.most_open}; ask for fewer.",
                    param="n",
                    code="invalid_value",
                )
            answering.admit(http.scope[CALLER], len(requests) - 1)
            answering.submit(requests)
            envelope = Envelope(
                route, secrets.token_hex(12), int(time.time()), self.name, self._ready.token_bytes
            )
            prompt_tokens = _prompt_tokens(asked, requests)
            if not asked.stream:
                answers = zip(await unless_gone(http, answering.whole()), answering.tickets, strict=True)
                choices = [self._echoed(asked, *answer) for answer in answers]
                answering.close()
                return JSONResponse(envelope.answer(choices, prompt_tokens, answering.tokens))
            # Until its turn a stream is refused like any other request, by its status.
            await unless_gone(http, answering.tickets[0].turn())
        except AnswerBroken as broken:
            answering.close()
            raise refusal_of(broken) from None
        except BaseException:
            answering.close()
            raise
        return StreamingResponse(
            self._stream(asked, answering, envelope, prompt_tokens),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-cache"},
        )

    async def tokenize(self, http: HttpRequest) -> dict[str, Any]:
        """Raises ApiError."""
        body = await self.bodies.read(http)
        place = Answering(self.worker, self._log)
        try:
            place.admit(http.scope[CALLER], 1)
            tokens = await self._in_text_thread(self._reader.tokens, body)
        except AnswerBroken as broken:
            raise refusal_of(broken) from None
        finally:
            place.close()
        return {"count": len(tokens), "max_model_len": self._context_length, "tokens": tokens}

    async def _in_text_thread(self, work: Callable[..., Result], *arguments: Any) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._texts, work, *arguments)

    def _echoed(self, asked: Asked, choice: Choice, ticket: Ticket) -> Choice:
        """With the prompt before it, where that was asked for."""
        generation = ticket.generation
        if not isinstance(asked, CompletionRequest) or not asked.echo or generation is None:
            return choice
        prompt = generation.request.prompt
        text = self._ready.tokenizer.decode(prompt, skip_special=True) + choice.text
        if choice.log_probs is None:
            return replace(choice, text=text)
        return replace(
            choice,
            text=text,
            log_probs=[*generation.prompt_log_probs, *choice.log_probs],
            unscored=prompt[:1],
        )

    async def _stream(
        self, asked: Asked, answering: Answering, envelope: Envelope, prompt_tokens: int
    ) -> AsyncIterator[bytes]:
        # Chunks before the last say that their usage is null where usage was asked for.
        no_usage: dict[str, Any] = {"usage": None} if asked.streams_usage else {}
        offsets = [0] * len(answering.tickets)
        try:
            for chunk in envelope.opening(len(answering.tickets)):
                yield _event({**chunk, **no_usage})
            async for index, part in answering.parts():
                piece = Choice(part.text, None, part.log_probs, offsets[index])
                if offsets[index] == 0:
                    piece = self._echoed(asked, piece, answering.tickets[index])
                if piece.text or piece.log_probs:
                    offsets[index] += len(piece.text)
                    yield _event({**envelope.part(index, piece), **no_usage})
                if part.finish is not None:
                    yield _event({**envelope.part(index, Choice("", part.finish)), **no_usage})
            if asked.streams_usage:
                yield _event(envelope.closing_usage(prompt_tokens, answering.tokens))
            yield b"data: [DONE]\n\n"
        except AnswerBroken as broken:
            # The status has been sent long ago: a last event with an error object is what clients know.
            yield _event(refusal_of(broken).body)
        finally:
            answering.close(streamed=True)


def _prompt_tokens(asked: Asked, requests: Sequence[Request]) -> int:
    """Of each prompt once, however many answers it has."""
    return sum(len(request.prompt) for request in requests[:: asked.choices])


def _event(body: dict[str, Any]) -> bytes:
    """One server-sent event (HTML standard, section 9.2.6).

    JSON has no line breaks, so that one data line holds it.
    """
    return b"data: " + json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"

"""The server's application: who may come in, what is counted, how errors look, and the probes."""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING

from fastapi import FastAPI
from fastapi.requests import Request as HttpRequest
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .api_error import ApiError
from .api_keys import ApiKeys
from .completions import CALLER, Service
from .fair_queue import Caller
from .metrics import ServingMetrics
from .routes import add_routes

if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from typing import Any

OPEN_ROUTES = frozenset({"/healthz", "/health", "/readyz", "/metrics"})
COUNTED_ROUTES = OPEN_ROUTES | {"/v1/models", "/v1/chat/completions", "/v1/completions", "/tokenize"}


ANYBODY = Caller()


class State:
    """What changes while the server lives: `service` is set when the model is loaded,
    `draining` when it was asked to stop.
    """

    def __init__(self, keys: ApiKeys | None, metrics: ServingMetrics) -> None:
        self.keys = keys
        self.metrics = metrics
        self.service: Service | None = None
        self.draining = False
        self.open_requests = 0

    def service_or_refuse(self) -> Service:
        if self.service is None:
            raise ApiError(
                503, "The model is not loaded yet; try again later.", "server_error", code="model_loading"
            )
        return self.service


class Gate:
    """Asks for the key, counts requests, and while draining sends clients to another connection."""

    def __init__(self, app: ASGIApp, state: State) -> None:
        self._app = app
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state, path = self._state, scope["path"]
        route = path if path in COUNTED_ROUTES else "other"
        request_id = _request_id(scope)
        keys = None if path in OPEN_ROUTES else state.keys
        caller = ANYBODY if keys is None else keys.caller(_authorization(scope))

        async def counting_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                state.metrics.requests.labels(route, str(message["status"])).inc()
                if caller is not None and caller.name:
                    state.metrics.key_requests.labels(caller.name, str(message["status"])).inc()
                message["headers"] = [*message["headers"], (b"x-request-id", request_id)]
                if state.draining:
                    message["headers"] = [*message["headers"], (b"connection", b"close")]
            await send(message)

        state.open_requests += 1
        try:
            if caller is None:
                await _unauthorized()(scope, receive, counting_send)
            else:
                await self._app({**scope, CALLER: caller}, receive, counting_send)
        finally:
            state.open_requests -= 1


def _header(scope: MutableMapping[str, Any], wanted: bytes) -> bytes | None:
    return next((value for name, value in scope["headers"] if name == wanted), None)


def _authorization(scope: MutableMapping[str, Any]) -> str | None:
    value = _header(scope, b"authorization")
    return None if value is None else value.decode("latin-1")


def _request_id(scope: MutableMapping[str, Any]) -> bytes:
    """The client's own, where it has the form of one."""
    asked = _header(scope, b"x-request-id") or b""
    return asked if re.fullmatch(rb"[-._A-Za-z0-9]{1,128}", asked) else secrets.token_hex(16).encode()


def _unauthorized() -> Response:
    error = ApiError(401, "No valid API key; send it as `Authorization: Bearer KEY`.", code="invalid_api_key")
    return JSONResponse(error.body, 401, headers={"WWW-Authenticate": "Bearer"})


def application(state: State) -> Gate:
    """The ASGI application."""
    app = FastAPI(openapi_url=None)

    @app.exception_handler(ApiError)
    async def api_error(_http: HttpRequest, error: ApiError) -> Response:
        return JSONResponse(error.body, error.status, headers=error.headers)

    @app.exception_handler(HTTPException)
    async def http_error(http: HttpRequest, error: HTTPException) -> Response:
        problem = ApiError(error.status_code, f"{http.method} {http.url.path}: {error.detail}.")
        return JSONResponse(problem.body, error.status_code, headers=error.headers)

    @app.exception_handler(Exception)
    async def unknown_error(_http: HttpRequest, _error: Exception) -> Response:
        return JSONResponse(ApiError(500, "The server failed on this request.", "server_error").body, 500)

    @app.get("/healthz")
    @app.get("/health")
    async def healthz() -> Response:
        return PlainTextResponse("ok\n")

    @app.get("/readyz")
    async def readyz() -> Response:
        if state.draining:
            return PlainTextResponse("draining\n", 503)
        if state.service is None:
            return PlainTextResponse("loading the model\n", 503)
        return PlainTextResponse("ok\n")

    @app.get("/metrics")
    async def metrics() -> Response:
        return Response(state.metrics.exposition(), media_type="text/plain; version=0.0.4")

    add_routes(app, state.service_or_refuse)
    return Gate(app, state)

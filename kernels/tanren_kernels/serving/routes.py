"""The routes: OpenAI's under /v1, and those that vLLM has beside them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from fastapi.requests import Request as HttpRequest
from fastapi.responses import Response

from .completions import Service


def add_routes(app: FastAPI, service_or_refuse: Callable[[], Service]) -> None:
    """`service_or_refuse` raises ApiError 503 while no model is loaded."""

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
        return await service_or_refuse().answer(http, "chat")

    @app.post("/v1/completions")
    async def completions(http: HttpRequest) -> Response:
        return await service_or_refuse().answer(http, "completions")

    @app.post("/tokenize")
    async def tokenize(http: HttpRequest) -> dict[str, Any]:
        return await service_or_refuse().tokenize(http)

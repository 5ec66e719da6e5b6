"""The HTTP server: uvicorn in a thread of its own, which ends connections that do not say what they want."""

from __future__ import annotations

import asyncio
import math
import os
import socket
import threading
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from ..runtime.errors import KernelError
from .http_app import State, application

HEAD_SECONDS = 10.0
"""From a connection, or the first byte of its next request, until a request's head has come."""


class TimedProtocol(H11Protocol):
    """uvicorn waits for ever for the rest of a request's head."""

    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._time_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.their_state is h11.IDLE:
            self._time_head()
        else:
            self._stop_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def _time_head(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None


class HttpServer:
    """uvicorn in a thread of its own, so that signals stay with the frame."""

    def __init__(self, state: State, port: int) -> None:
        """Raises PortInUse."""
        host = os.environ.get("POD_IP", "127.0.0.1")
        self._socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind((host, port))
        except OSError as error:
            raise KernelError(
                "PortInUse",
                f"port {port} of {host} cannot be used: {error.strerror}; set `port` to a free one.",
            ) from error
        settings: dict[str, Any] = {"log_config": None, "access_log": False, "server_header": False}
        config = uvicorn.Config(application(state), lifespan="off", http=TimedProtocol, **settings)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, args=([self._socket],), name="http", daemon=True
        )
        self._thread.start()

    def stop_listening(self, seconds: float) -> None:
        """Takes no connection any more. Requests that run longer than so many seconds are cut off."""
        self._server.config.timeout_graceful_shutdown = max(1, math.ceil(seconds))
        self._server.should_exit = True

    def wait(self, seconds: float) -> None:
        """Until all requests have been answered, at most so long."""
        self._thread.join(max(0.0, seconds))

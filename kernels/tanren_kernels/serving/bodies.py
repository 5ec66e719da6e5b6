"""Reading the bodies of requests: bounded in bytes, each and together, and in time."""

from __future__ import annotations

import asyncio

from fastapi.requests import Request as HttpRequest
from starlette.requests import ClientDisconnect

from .api_error import ApiError

MAX_BODY_BYTES = 8 * 2**20
MAX_BYTES_UNDER_WAY = 8 * MAX_BODY_BYTES
"""Of all bodies that are not read to their end; part of the memory that is planned for a replica."""
MAX_BODIES_UNDER_WAY = 256
BODY_SECONDS = 30.0
"""Until a body must have come: 8 MiB at 300 kB/s."""


class Bodies:
    """The bodies that are being received. They belong to one event loop."""

    def __init__(self, seconds: float = BODY_SECONDS) -> None:
        self._seconds = seconds
        self.under_way = 0
        self._bytes = 0

    async def read(self, http: HttpRequest) -> bytes:
        """The whole body.

        Raises ApiError: 413 for one that is too large, 408 for one that does not come, 503 where too much is
        being received, 499 where the client has gone.
        """
        if self.under_way >= MAX_BODIES_UNDER_WAY:
            raise _too_much()
        body = bytearray()
        self.under_way += 1
        try:
            async with asyncio.timeout(self._seconds):
                async for chunk in http.stream():
                    body += chunk
                    self._bytes += len(chunk)
                    if len(body) > MAX_BODY_BYTES:
                        raise ApiError(
                            413,
                            f"The body is larger than {MAX_BODY_BYTES} bytes; send less.",
                            code="request_too_large",
                        )
                    if self._bytes > MAX_BYTES_UNDER_WAY:
                        raise _too_much()
        except TimeoutError:
            raise ApiError(
                408,
                f"The body did not come whole within {self._seconds:g} s; send it faster.",
                code="request_timeout",
            ) from None
        except ClientDisconnect:
            raise gone() from None
        finally:
            self.under_way -= 1
            self._bytes -= len(body)
        return bytes(body)


def gone() -> ApiError:
    """Nobody reads it; it is what is counted (nginx's number)."""
    return ApiError(499, "The client has closed the connection.")


def _too_much() -> ApiError:
    error = ApiError(
        503, "Too many requests are being received; try again later.", "server_error", code="overloaded"
    )
    error.headers["Retry-After"] = "1"
    return error

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import pytest
from starlette.requests import Request

from tanren_kernels.serving import bodies
from tanren_kernels.serving.api_error import ApiError
from tanren_kernels.serving.bodies import Bodies

Receive = Callable[[], Awaitable[dict[str, Any]]]


def client(chunks: Iterable[bytes], then: str = "hangs") -> Request:
    """A client that sends these chunks and then hangs, ends its body, or leaves."""
    messages = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    if then == "ends":
        messages.append({"type": "http.request", "body": b"", "more_body": False})
    if then == "leaves":
        messages.append({"type": "http.disconnect"})
    left = iter(messages)

    async def receive() -> dict[str, Any]:
        try:
            return next(left)
        except StopIteration:
            await asyncio.Event().wait()
            raise AssertionError("nothing comes any more") from None

    return Request({"type": "http", "method": "POST", "headers": []}, receive)


def refusal(reader: Bodies, http: Request) -> ApiError:
    with pytest.raises(ApiError) as refused:
        asyncio.run(reader.read(http))
    return refused.value


def test_a_body_comes_whole() -> None:
    assert asyncio.run(Bodies().read(client([b"{", b"}"], "ends"))) == b"{}"


def test_one_that_does_not_come_is_given_up() -> None:
    reader = Bodies(seconds=0.02)
    assert refusal(reader, client([b"{"])).status == 408
    assert reader.under_way == 0


def test_a_client_that_leaves_meanwhile_is_no_fault_of_the_server() -> None:
    assert refusal(Bodies(), client([b"{"], "leaves")).status == 499


def test_one_that_is_too_large_is_refused_as_soon_as_that_is_seen() -> None:
    endless = client(b"x" * 2**20 for _ in range(9))
    assert refusal(Bodies(), endless).status == 413


def test_all_together_are_bounded_in_bytes_and_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "MAX_BYTES_UNDER_WAY", 5)
    monkeypatch.setattr(bodies, "MAX_BODIES_UNDER_WAY", 3)

    async def statuses(sizes: list[int]) -> list[int]:
        reader = Bodies(seconds=0.2)
        readings = [asyncio.create_task(reader.read(client([b"x" * size]))) for size in sizes]
        ended = await asyncio.gather(*readings, return_exceptions=True)
        return [error.status for error in ended if isinstance(error, ApiError)]

    assert asyncio.run(statuses([3, 2, 1])) == [408, 408, 503]
    assert asyncio.run(statuses([1, 1, 1, 1])) == [408, 408, 408, 503]

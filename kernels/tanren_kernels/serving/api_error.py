"""Errors in the form of OpenAI's API."""

from __future__ import annotations


class ApiError(Exception):
    """An error as the client sees it: HTTP status and the `error` object."""

    def __init__(
        self,
        status: int,
        message: str,
        kind: str = "invalid_request_error",
        param: str | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers: dict[str, str] = {}
        self.body = {"error": {"message": message, "type": kind, "param": param, "code": code}}


def context_length_exceeded(
    context_length: int, prompt_tokens: int, answer_tokens: int, param: str
) -> ApiError:
    return ApiError(
        400,
        f"This model's context holds {context_length} tokens, but {prompt_tokens} of the prompt and "
        f"{answer_tokens} of the answer were asked for; "
        "shorten the prompt or ask for fewer tokens.",
        param=param,
        code="context_length_exceeded",
    )


def prompt_too_long(context_length: int, param: str) -> ApiError:
    return ApiError(
        400,
        f"This model's context holds {context_length} tokens, and the prompt alone has more; shorten it.",
        param=param,
        code="context_length_exceeded",
    )

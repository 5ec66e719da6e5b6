"""The frame every program runs in: strict config, threads, signals, progress, JSON log lines, result,
exit code.

A program's module ends in

    if __name__ == "__main__":
        run("clean", CleanConfig, main)

where `main(config, context)` returns the `Result` of a completed run, and every other ending is an exception
(`KernelError` where the reason is known).
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import NoReturn, TypeVar

from pydantic import BaseModel, ValidationError

from ..contract import EXIT_CODES, PROGRAM_PORT, Result, RunIdentity
from . import fence, tracing
from .errors import KernelError, error_for
from .progress import ProgressReporter, ProgressServer

Config = TypeVar("Config", bound=BaseModel)

RESULT_LIMIT_BYTES = 4096


class ProgramContext:
    """What a running program holds besides its config: progress, log, and whether it was asked to stop."""

    def __init__(self, program: str, progress: ProgressReporter) -> None:
        self.program = program
        self.progress = progress
        self.stopping = False

    def log(self, event: str, **fields: object) -> None:
        """One JSON line on standard output."""
        time = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        print(
            json.dumps({"time": time, "program": self.program, "event": event, **fields}, ensure_ascii=False),
            flush=True,
        )

    def stop_if_asked(self) -> None:
        """For programs whose finished work is already on disk: ends here when SIGTERM has come."""
        if self.stopping:
            raise KernelError(
                "Terminated", "asked to stop; finished work is saved and a restart resumes from it."
            )


def write_result(result: Result, path: Path) -> None:
    """Writes the result where the kubelet reads it; at most 4,096 bytes, shortening what is least needed."""
    body = result.model_dump(exclude_none=True, by_alias=True)
    for shorten in ("", "position_losses", "funnel", "metrics", "message"):
        if shorten == "metrics":
            body["metrics"] = {}
        elif shorten == "message":
            body["message"] = result.message[:200]
        elif shorten:
            body.pop(shorten, None)
        encoded = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        if len(encoded) <= RESULT_LIMIT_BYTES:
            path.write_bytes(encoded)
            return
    raise KernelError("InternalError", f"the result has {len(encoded)} bytes, over {RESULT_LIMIT_BYTES}.")


def _read_config(model: type[Config], path: Path) -> Config:
    try:
        return model.model_validate_json(path.read_bytes(), strict=True)
    except OSError as error:
        raise KernelError(
            "InvalidConfig", f"config {path} cannot be read: {error.strerror}; pass --config FILE."
        ) from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "(root)"
        raise KernelError("InvalidConfig", f"config {path}: {field}: {first['msg']}.") from error


def _take_over(place: _Place) -> None:
    """From here on earlier attempts at the stage write nothing: they may live on a node that was lost."""
    directory = Path(place.output).parent
    if place.adopted:
        fence.require_predecessor(directory, place.run.uid)
    holder = f"{place.run.uid}-{place.run.attempt}"
    fence.take_over(directory / fence.DIRECTORY / place.run.stage, holder)


class _Place(BaseModel):
    """What every program's config says of where and for whom it works."""

    run: RunIdentity
    output: str
    adopted: bool | None = None


def _say_ending(
    context: ProgramContext, ending: KernelError, error: BaseException, result_path: Path | None
) -> None:
    if ending.reason == "InternalError":
        traceback.print_exception(error, file=sys.stderr)
    context.log("ended", reason=ending.reason, message=ending.message, exit_code=ending.exit_code)
    if result_path is not None:
        try:
            result = Result.model_validate(
                {"reason": ending.reason, "message": ending.message[:1000], "metrics": {}}
            )
            write_result(result.model_copy(update={"funnel": ending.funnel}), result_path)
        except OSError as problem:
            context.log("result not written", error=str(problem))


def run(
    program: str,
    config_model: type[Config],
    main: Callable[[Config, ProgramContext], Result],
    unit: str = "step",
) -> NoReturn:
    """Parses arguments, runs `main`, writes the result, exits with the reason's code."""
    parser = argparse.ArgumentParser(
        prog=f"python -m tanren_kernels.{program}",
        description=(sys.modules["__main__"].__doc__ or "").strip().split("\n")[0],
        epilog=f"example: python -m tanren_kernels.{program} --config {program}.json",
    )
    parser.add_argument(
        "--config", type=Path, required=True, help="JSON file; its schema is kernels/contract/"
    )
    parser.add_argument(
        "--port",
        type=int,
        default=PROGRAM_PORT,
        help="port of /healthz, /progress and /metrics; 0 takes any free one",
    )
    arguments = parser.parse_args()

    context = ProgramContext(program, ProgressReporter(stage=program, unit=unit))
    result_path = Path(os.environ["TANREN_RESULT"]) if "TANREN_RESULT" in os.environ else None
    if result_path is None and Path("/dev/termination-log").exists():
        result_path = Path("/dev/termination-log")

    def on_sigterm(_signal: int, _frame: FrameType | None) -> None:
        context.stopping = True

    signal.signal(signal.SIGTERM, on_sigterm)
    signal.signal(signal.SIGINT, on_sigterm)

    try:
        config = _read_config(config_model, arguments.config)
        place = _Place.model_validate(config.model_dump(include={"run", "output", "adopted"}))
        context.progress.identify(place.run.uid)
        _take_over(place)
        # Only the first process of a pod has the port: the pod has one address.
        server = (
            ProgressServer(context.progress, arguments.port)
            if os.environ.get("LOCAL_RANK", "0") == "0"
            else None
        )
        with tracing.program(program, place.run):
            result = main(config, context)
        if result_path is not None:
            write_result(result, result_path)
        context.log(
            "ended",
            reason=result.reason,
            message=result.message,
            exit_code=EXIT_CODES[result.reason],
            metrics=result.metrics,
        )
        if server is not None:
            server.close()
        code = EXIT_CODES[result.reason]
    except Exception as error:
        ending = error_for(error)
        _say_ending(context, ending, error, result_path)
        code = ending.exit_code
    sys.stdout.flush()
    sys.stderr.flush()
    # Threads of libraries (NCCL watchdogs, thread pools) must not hold up or change an ending that is already
    # decided.
    os._exit(code)

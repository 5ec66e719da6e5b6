"""Program `serve`: OpenAI-compatible HTTP server of one model.

Listens on POD_IP, else on loopback. /healthz answers from the start, /readyz once the model is loaded and
until the server is asked to stop. On SIGTERM it keeps answering while the cluster takes it out of its
endpoints, finishes what it can within the grace period, tells the clients of all other answers that theirs
will not be finished, and ends with 143.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import torch

from .contract import Result, ServeConfig
from .inference.engine import Engine
from .model import pretrained
from .model.config import read_config
from .runtime.errors import KernelError
from .runtime.program import ProgramContext, run
from .serving.api_keys import ApiKeys
from .serving.completions import Service
from .serving.fair_queue import Caller
from .serving.http_app import State
from .serving.http_server import HttpServer
from .serving.metrics import ServingMetrics
from .serving.worker import Worker

GRACE_SECONDS = 30.0
"""Kubernetes' default grace period, where TANREN_GRACE_SECONDS does not say another."""
LINGER_SECONDS = 3.0
"""New requests are answered for so long after SIGTERM: endpoints are removed only after the signal."""
KILL_MARGIN_SECONDS = 2.0
FAREWELL_SECONDS = 1.0
"""Before that margin: in which clients of unfinished answers get their last event."""

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def start_service(config: ServeConfig, metrics: ServingMetrics, context: ProgramContext) -> Service:
    """Loads the model.

    Raises InvalidConfig for a context beyond the model's own, ModelTooLarge, ArtifactDamaged ...
    """
    longest = read_config(Path(config.model.path)).max_position_embeddings
    context_length = config.context_length or longest
    if context_length > longest:
        raise KernelError(
            "InvalidConfig",
            f"context_length {context_length} is beyond the model's {longest}; lower it or extend the "
            "model's context first.",
        )
    slots = config.max_concurrent_requests
    ready = pretrained.load(config.model, DTYPES[config.precision], slots * context_length)
    engine = Engine(ready.model, ready.token_bytes, slots, context_length)
    worker = Worker(engine, metrics, most_open=slots + config.max_queued_requests)
    service = Service(ready, worker, config.model_name, context_length, context.log)
    metrics.bodies_under_way.set_function(lambda: service.bodies.under_way)
    return service


def drain(state: State, server: HttpServer, worker: Worker) -> int:
    """Finishes running requests within the grace period; returns how many it had to break off."""
    grace = float(os.environ.get("TANREN_GRACE_SECONDS", GRACE_SECONDS)) - KILL_MARGIN_SECONDS
    deadline = time.monotonic() + grace
    state.draining = True
    time.sleep(min(LINGER_SECONDS, grace / 2))
    server.stop_listening(deadline - time.monotonic())
    server.wait(deadline - FAREWELL_SECONDS - time.monotonic())
    broken_off = worker.break_off()
    server.wait(deadline + KILL_MARGIN_SECONDS / 2 - time.monotonic())
    return broken_off


def _keys(config: ServeConfig) -> ApiKeys | None:
    if config.api_keys is None:
        return None
    callers = [
        Caller(key.name, key.priority, key.max_concurrent_requests) for key in config.api_key_limits or []
    ]
    return ApiKeys(Path(config.api_keys), {caller.name: caller for caller in callers})


def main(config: ServeConfig, context: ProgramContext) -> Result:
    torch.set_num_threads(config.threads)
    metrics = ServingMetrics()
    state = State(_keys(config), metrics)
    server = HttpServer(state, config.port)
    service = start_service(config, metrics, context)
    state.service = service
    context.log("ready", model=config.model_name, port=config.port)
    context.progress.update(1, 1, unit="model")
    while not context.stopping:
        if service.worker.failure is not None:
            raise service.worker.failure
        time.sleep(0.1)
    context.log("draining", open_requests=state.open_requests)
    broken_off = drain(state, server, service.worker)
    raise KernelError(
        "Terminated",
        f"asked to stop; {broken_off} answers were broken off at the end of the grace period and all others "
        "finished.",
    )


if __name__ == "__main__":
    run("serve", ServeConfig, main, unit="model")

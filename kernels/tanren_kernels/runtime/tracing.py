"""OpenTelemetry spans of a program, sent by OTLP over HTTP to the collector that
OTEL_EXPORTER_OTLP_ENDPOINT names. Without it nothing of OpenTelemetry is loaded and a span costs nothing.

The programs of a run are parts of one trace, whose id is the UID of the run's object: who knows the object
finds its trace. A collector that is away costs spans, never a run.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from typing import TYPE_CHECKING
from uuid import UUID

from ..contract import RunIdentity

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Tracer

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"

# What is left at the end is sent for so long; the pod's grace is longer.
FLUSH_MILLISECONDS = 5_000

_tracer: Tracer | None = None


@contextmanager
def program(name: str, run: RunIdentity) -> Iterator[None]:
    """The span of a whole program, under which those of its parts lie; sent before it returns."""
    global _tracer
    if not os.environ.get(ENDPOINT):
        yield
        return
    provider = _provider(name, run)
    _tracer = provider.get_tracer("tanren_kernels")
    try:
        with span(name, stage=run.stage, attempt=run.attempt):
            yield
    finally:
        _tracer = None
        provider.force_flush(FLUSH_MILLISECONDS)


@contextmanager
def span(name: str, **attributes: str | int | float) -> Iterator[None]:
    """A part of the program; an exception that leaves it is recorded in the span."""
    if _tracer is None:
        yield
        return
    named = {f"tanren.{key}": value for key, value in attributes.items()}
    with _tracer.start_as_current_span(name, attributes=named):
        yield


def _trace_id(uid: str) -> int:
    """The 128 bits of a UID; those of its hash where it is none of Kubernetes' making."""
    try:
        return UUID(uid).int
    except ValueError:
        return int.from_bytes(sha256(uid.encode()).digest()[:16])


def _provider(name: str, run: RunIdentity) -> TracerProvider:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

    class IdsOfRun(RandomIdGenerator):
        def generate_trace_id(self) -> int:
            return _trace_id(run.uid)

    # It would write a stack trace per failed try; what is lost is seen at the collector.
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    resource: Mapping[str, str | int] = {
        "service.name": f"tanren-{name}",
        "service.namespace": run.namespace,
        "k8s.namespace.name": run.namespace,
        "tanren.kind": run.kind,
        "tanren.name": run.name,
        "tanren.rank": int(os.environ.get("RANK", os.environ.get("JOB_COMPLETION_INDEX", "0"))),
    }
    provider = TracerProvider(resource=Resource.create(resource), id_generator=IdsOfRun())
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(timeout=FLUSH_MILLISECONDS // 1000)))
    return provider

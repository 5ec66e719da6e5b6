"""Spans of a program, as a collector receives them. Programs run as real processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from uuid import uuid4

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Span, Status

PROGRAM = """
import sys
from pathlib import Path
from tanren_kernels.contract import Input, JudgeConfig, Result
from tanren_kernels.runtime import manifest
from tanren_kernels.runtime.program import ProgramContext, run

def main(config: JudgeConfig, context: ProgramContext) -> Result:
    manifest.verify_input(Input(path=config.candidates))
    loaded = [name for name in sys.modules if name.startswith("opentelemetry")]
    Path("loaded").write_text(str(len(loaded)))
    return Result(reason="Completed", message="done.", metrics={})

run("judge", JudgeConfig, main)
"""


class Collector(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Receiver)
        self.requests: list[ExportTraceServiceRequest] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def received(self) -> list[tuple[ResourceSpans, Span]]:
        return [
            (resource, span)
            for request in self.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]


class Receiver(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.path == "/v1/traces":
            self.server.requests.append(ExportTraceServiceRequest.FromString(body))
        self.send_response(200 if self.path == "/v1/traces" else 404)
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None: ...


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


UID = str(uuid4())


def run(tmp_path: Path, candidates: str, endpoint: str | None) -> subprocess.CompletedProcess[str]:
    config = {
        "run": {
            "kind": "AlignmentRun",
            "namespace": "team-a",
            "name": "chat",
            "uid": UID,
            "stage": "judge",
            "attempt": 2,
        },
        "output": "output/judge",
        "threads": 1,
        "candidates": candidates,
        "rules": {
            "min_characters": 0,
            "max_characters": 9,
            "require_ending": True,
            "max_repetition": 0.5,
            "same_script": True,
            "reference_overlap": True,
        },
        "min_margin": 0.1,
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "data.jsonl").write_text("{}\n")
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    environment.pop("OTEL_EXPORTER_OTLP_ENDPOINT", None)
    if endpoint is not None:
        environment["OTEL_EXPORTER_OTLP_ENDPOINT"] = endpoint
    command = [sys.executable, "program.py", "--config", "config.json", "--port", "0"]
    return subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def attributes(given: ResourceSpans | Span) -> dict[str, str | int]:
    found = given.resource.attributes if isinstance(given, ResourceSpans) else given.attributes
    return {pair.key: pair.value.string_value or pair.value.int_value for pair in found}


def test_a_run_is_one_trace_with_the_objects_uid_and_a_span_for_each_part(
    tmp_path: Path, collector: Collector
) -> None:
    assert run(tmp_path, "data.jsonl", collector.address).returncode == 0

    spans = {span.name: (resource, span) for resource, span in collector.received()}
    assert set(spans) == {"judge", "verify input"}
    resource, root = spans["judge"]
    assert root.trace_id.hex() == UID.replace("-", "")
    assert root.parent_span_id == b""
    assert attributes(root) == {"tanren.stage": "judge", "tanren.attempt": 2}
    assert spans["verify input"][1].parent_span_id == root.span_id
    assert spans["verify input"][1].trace_id == root.trace_id
    assert (
        attributes(resource).items()
        >= {
            "service.name": "tanren-judge",
            "k8s.namespace.name": "team-a",
            "tanren.kind": "AlignmentRun",
            "tanren.name": "chat",
        }.items()
    )


def test_the_part_that_failed_and_the_program_are_marked(tmp_path: Path, collector: Collector) -> None:
    assert run(tmp_path, "absent.jsonl", collector.address).returncode != 0

    spans = {span.name: span for _, span in collector.received()}
    for name in ("judge", "verify input"):
        assert spans[name].status.code == Status.STATUS_CODE_ERROR
        assert "absent.jsonl does not exist" in spans[name].status.message


def test_a_collector_that_is_away_holds_nothing_up_and_leaves_no_stack_trace(
    tmp_path: Path, collector: Collector
) -> None:
    collector.server_close()
    began = time.monotonic()

    ended = run(tmp_path, "data.jsonl", collector.address)

    assert (ended.returncode, ended.stderr) == (0, "")
    assert time.monotonic() - began < 20


def test_without_a_collector_nothing_of_opentelemetry_is_loaded(tmp_path: Path, collector: Collector) -> None:
    assert run(tmp_path, "data.jsonl", None).returncode == 0

    assert (tmp_path / "loaded").read_text() == "0"
    assert collector.requests == []

"""How a program says how it goes: one HTTP port with /healthz, /progress and /metrics."""

from __future__ import annotations

import json
import math
import os
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from ..contract import MOST_METRICS, PROGRAM_PORT, Progress
from .errors import KernelError


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def bounded(metrics: Mapping[str, float]) -> dict[str, float]:
    """What the contract lets a program say of its figures: the first 64 that JSON has a number for."""
    finite = [(name, value) for name, value in metrics.items() if math.isfinite(value)]
    return dict(finite[:MOST_METRICS])


class ProgressReporter:
    """Holds the newest progress; written by the program's thread, read by the server's threads."""

    def __init__(self, stage: str, unit: str) -> None:
        now = _now()
        self._lock = threading.Lock()
        self._progress = Progress(stage=stage, step=0, total=0, unit=unit, metrics={}, since=now, updated=now)
        self._registry = CollectorRegistry()
        self._gauges: dict[str, Gauge] = {}

    def update(
        self, step: int, total: int | None = None, metrics: dict[str, float] | None = None, **fields: object
    ) -> None:
        """Sets the newest step; `metrics` are merged;
        `fields` are the contract's other ones (unit, checkpoint_step ...).
        """
        with self._lock:
            old = self._progress
            values = {
                "step": step,
                "metrics": bounded({**old.metrics, **(metrics or {})}),
                "updated": _now(),
                **fields,
            }
            if total is not None:
                values["total"] = total
            self._progress = Progress.model_validate({**old.model_dump(), **values})
            for name, value in {
                "step": step,
                "total": self._progress.total,
                **self._progress.metrics,
            }.items():
                self._gauge(name).set(value)

    def identify(self, uid: str) -> None:
        """Says for which object the program works: addresses of pods are given to others after them."""
        with self._lock:
            self._progress = self._progress.model_copy(update={"uid": uid})

    def snapshot(self) -> Progress:
        with self._lock:
            return self._progress

    def exposition(self) -> bytes:
        return generate_latest(self._registry)

    def _gauge(self, name: str) -> Gauge:
        if name not in self._gauges:
            metric = "tanren_" + "".join(c if c.isalnum() else "_" for c in name)
            self._gauges[name] = Gauge(metric, f"newest {name}", registry=self._registry)
        return self._gauges[name]


class ProgressServer:
    """Serves a reporter on the pod's own address (POD_IP, else loopback) until closed."""

    def __init__(self, reporter: ProgressReporter, port: int = PROGRAM_PORT) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path == "/healthz":
                    self._answer(200, "text/plain", b"ok\n")
                elif self.path == "/progress":
                    body = json.dumps(reporter.snapshot().model_dump(exclude_none=True)).encode()
                    self._answer(200, "application/json", body)
                elif self.path == "/metrics":
                    self._answer(200, "text/plain; version=0.0.4", reporter.exposition())
                else:
                    self._answer(404, "text/plain", b"not found\n")

            def _answer(self, status: int, content_type: str, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Requests are not logged: standard output belongs to the program."""

        host = os.environ.get("POD_IP", "127.0.0.1")
        try:
            self._server = ThreadingHTTPServer((host, port), Handler)
        except OSError as error:
            raise KernelError(
                "PortInUse", f"port {port} of {host} cannot be used: {error.strerror}; give another --port."
            ) from error
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, name="progress", daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

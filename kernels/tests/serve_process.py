"""The program `serve` in this process, against its real port, with the tiny model."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import tiny

from tanren_kernels import serve
from tanren_kernels.contract import ServeConfig
from tanren_kernels.runtime.errors import KernelError
from tanren_kernels.runtime.program import ProgramContext
from tanren_kernels.runtime.progress import ProgressReporter

KEY = {"Authorization": "Bearer first-key"}
CHAT = {
    "model": "tiny",
    "messages": [{"role": "user", "content": "猫とは何ですか。"}],
    "max_tokens": 12,
    "temperature": 0,
}
CONTEXT = 200


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def body(port: int, **changes: Any) -> dict[str, Any]:
    given = {
        "model": {"path": "inputs/model"},
        "model_name": "tiny",
        "port": port,
        "context_length": CONTEXT,
        "max_concurrent_requests": 2,
        "max_queued_requests": 2,
    }
    return {
        "run": tiny.RUN,
        "output": "output",
        "threads": 1,
        "precision": "float32",
        "api_keys": "keys",
        **given,
        **changes,
    }


def prepare(directory: Path) -> None:
    tiny.write_model(directory / "inputs/model", tiny.model())
    (directory / "keys").mkdir()
    (directory / "keys/alice").write_text("first-key\n")


class Running:
    """The program's main in a thread, against its real port."""

    def __init__(self, **changes: Any) -> None:
        self.port = free_port()
        self.context = ProgramContext("serve", ProgressReporter("serve", "model"))
        self.ending: BaseException | None = None
        self._config = ServeConfig.model_validate(body(self.port, **changes))
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", headers=KEY, timeout=20)
        self._thread = threading.Thread(target=self._main, daemon=True)
        self._thread.start()
        wait_until_ready(self.client)

    def _main(self) -> None:
        try:
            serve.main(self._config, self.context)
        except KernelError as ending:
            self.ending = ending

    def stop(self) -> None:
        self.context.stopping = True
        self._thread.join(20)
        self.client.close()


def wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "what was waited for did not come"
        time.sleep(0.01)


def is_ready(client: httpx.Client) -> bool:
    try:
        return client.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False


def wait_until_ready(client: httpx.Client) -> None:
    wait_for(lambda: is_ready(client), 40)


@contextmanager
def running_in(directory: Path) -> Iterator[Running]:
    """A server whose model and keys are written into `directory`, the working directory meanwhile."""
    prepare(directory)
    os.environ["TANREN_GRACE_SECONDS"] = "4"
    before = Path.cwd()
    os.chdir(directory)
    running = Running()
    yield running
    running.stop()
    os.chdir(before)
    del os.environ["TANREN_GRACE_SECONDS"]

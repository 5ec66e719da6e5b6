"""One process per rank: turns the pod's variables into torchrun's,
and starts the ranks of a pod that has several.

Of a Job the pod knows NNODES, JOB_COMPLETION_INDEX (its node rank), NPROC_PER_NODE, MASTER_ADDR and
MASTER_PORT.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import FrameType

TERMINATION_LOG = Path("/dev/termination-log")
# After one rank has failed the others notice by themselves; this is for those that do not.
GRACE_SECONDS = 60.0
POLL_SECONDS = 0.05


def rank_environment(pod: Mapping[str, str], local_rank: int) -> dict[str, str]:
    """torchrun's variables of one rank of a pod; the ranks of a node are consecutive."""
    nodes, node, per_node = (
        int(pod.get(name, default))
        for name, default in (("NNODES", "1"), ("JOB_COMPLETION_INDEX", "0"), ("NPROC_PER_NODE", "1"))
    )
    return {
        "RANK": str(node * per_node + local_rank),
        "LOCAL_RANK": str(local_rank),
        "WORLD_SIZE": str(nodes * per_node),
        "LOCAL_WORLD_SIZE": str(per_node),
        "MASTER_ADDR": pod.get("MASTER_ADDR", "127.0.0.1"),
        "MASTER_PORT": pod.get("MASTER_PORT") or str(_free_port()),
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def become_rank(module: str) -> None:
    """Returns in a process that is a rank; in the pod's first process starts several ranks of `module`
    instead, and exits as they do.
    """
    if "LOCAL_RANK" in os.environ or not {"NNODES", "NPROC_PER_NODE"} & os.environ.keys():
        return
    count = int(os.environ.get("NPROC_PER_NODE", "1"))
    if count == 1:
        os.environ.update(rank_environment(os.environ, 0))
        return
    sys.exit(_Launcher(module, sys.argv[1:], count).run())


def _die_with_launcher() -> None:
    """A killed launcher must not leave ranks behind that go on writing.

    Runs in the child before it becomes a rank.
    """
    parent_death_signal = 1
    ctypes.CDLL(None).prctl(parent_death_signal, signal.SIGKILL)


class _Launcher:
    """Starts the ranks of one pod, passes signals on to them, and exits as the first that fails."""

    def __init__(self, module: str, arguments: list[str], count: int) -> None:
        self._stopping = False
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        self._results = Path(tempfile.mkdtemp(prefix="tanren-ranks-"))
        # One environment is the base of all, so that a port chosen here is the same for every rank.
        shared = {**os.environ, "MASTER_PORT": rank_environment(os.environ, 0)["MASTER_PORT"]}
        self._processes: list[subprocess.Popen[bytes]] = []
        for local_rank in range(count):
            environment = {
                **shared,
                **rank_environment(shared, local_rank),
                "TANREN_RESULT": str(self._result(local_rank)),
            }
            command = [sys.executable, "-m", module, *arguments]
            self._processes.append(subprocess.Popen(command, env=environment, preexec_fn=_die_with_launcher))

    def _result(self, local_rank: int) -> Path:
        return self._results / f"{local_rank}.json"

    def _stop(self, _signal: int, _frame: FrameType | None) -> None:
        self._stopping = True

    def _send(self, number: signal.Signals) -> None:
        for process in self._processes:
            if process.poll() is None:
                process.send_signal(number)

    def run(self) -> int:
        """Exit code of the first rank that failed, else 0; its result, else rank 0's, becomes the pod's."""
        failed: int | None = None
        passed_on = False
        deadline = float("inf")
        while any(process.poll() is None for process in self._processes):
            if self._stopping and not passed_on:
                self._send(signal.SIGTERM)
                passed_on = True
            if failed is None and (failed := self._first_failed()) is not None:
                deadline = time.monotonic() + GRACE_SECONDS
            if time.monotonic() > deadline:
                self._send(signal.SIGKILL)
            time.sleep(POLL_SECONDS)
        chosen = failed if failed is not None else self._first_failed() or 0
        self._publish(chosen)
        code = self._processes[chosen].wait()
        return 128 - code if code < 0 else code

    def _first_failed(self) -> int | None:
        return next(
            (rank for rank, process in enumerate(self._processes) if process.poll() not in (None, 0)), None
        )

    def _publish(self, local_rank: int) -> None:
        given = os.environ.get("TANREN_RESULT")
        target = Path(given) if given else TERMINATION_LOG if TERMINATION_LOG.exists() else None
        if target is not None and self._result(local_rank).exists():
            target.write_bytes(self._result(local_rank).read_bytes())
        shutil.rmtree(self._results, ignore_errors=True)

"""The frame of every program: strict config, exit codes, result, progress, signals. Run as real processes."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from tanren_kernels.contract import EXIT_CODES, FunnelRow, Result
from tanren_kernels.runtime.program import RESULT_LIMIT_BYTES, write_result

# A program with the judge's config whose behaviour is chosen by its candidates path.
PROGRAM = """
import time
from tanren_kernels.contract import JudgeConfig, Result
from tanren_kernels.runtime.errors import KernelError
from tanren_kernels.runtime.program import ProgramContext, run

def main(config: JudgeConfig, context: ProgramContext) -> Result:
    behaviour = config.candidates
    if behaviour == "wait":
        for step in range(600):
            context.progress.update(step, 600, {"loss": 1.5, "rewards/margins": 0.25})
            context.stop_if_asked()
            time.sleep(0.05)
    if behaviour == "full":
        raise OSError(28, "No space left on device", "shard.bin")
    if behaviour == "bug":
        raise ZeroDivisionError("a bug")
    if behaviour in ("InvalidData", "NumericsDiverged"):
        raise KernelError(behaviour, "the sentence.")
    return Result(reason="Completed", message="done.", metrics={"loss": 1.5})

run("judge", JudgeConfig, main)
"""

CONFIG = {
    "run": {
        "kind": "AlignmentRun",
        "namespace": "default",
        "name": "a",
        "uid": "u",
        "stage": "judge",
        "attempt": 1,
    },
    "output": "output/judge",
    "threads": 1,
    "candidates": "done",
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


def start(tmp_path: Path, config: object, port: int = 0) -> subprocess.Popen[str]:
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "program.py").write_text(PROGRAM)
    environment = {
        **os.environ,
        "TANREN_RESULT": str(tmp_path / "result.json"),
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    command = [sys.executable, "program.py", "--config", "config.json", "--port", str(port)]
    return subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def ended(tmp_path: Path, config: object) -> tuple[int, Result, str]:
    process = start(tmp_path, config)
    output, errors = process.communicate(timeout=30)
    for line in output.splitlines():
        json.loads(line)
    return process.returncode, Result.model_validate_json((tmp_path / "result.json").read_text()), errors


@pytest.mark.parametrize(
    ("behaviour", "reason", "words"),
    [
        ("done", "Completed", "done."),
        ("InvalidData", "InvalidData", "the sentence."),
        ("NumericsDiverged", "NumericsDiverged", "the sentence."),
        ("full", "DiskFull", "shard.bin"),
        ("bug", "InternalError", "ZeroDivisionError"),
    ],
)
def test_every_ending_has_its_exit_code_and_result(
    tmp_path: Path, behaviour: str, reason: str, words: str
) -> None:
    code, result, errors = ended(tmp_path, {**CONFIG, "candidates": behaviour})
    assert (code, result.reason) == (EXIT_CODES[reason], reason)
    assert words in result.message
    assert ("Traceback" in errors) == (behaviour == "bug")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"candidate": "typo"}, "candidate"),
        ({"threads": "1"}, "threads"),
        ({"threads": 0}, "threads"),
        ({"candidates": "../up"}, "candidates"),
    ],
)
def test_a_config_with_an_unknown_or_wrong_field_is_refused_by_name(
    tmp_path: Path, change: dict[str, object], field: str
) -> None:
    code, result, _ = ended(tmp_path, {**CONFIG, **change})
    assert code == 64
    assert result.reason == "InvalidConfig"
    assert field in result.message


def test_progress_is_served_while_running_and_sigterm_ends_with_143(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = start(tmp_path, {**CONFIG, "candidates": "wait"}, port)
    try:
        progress = None
        for _ in range(200):
            try:
                progress = json.load(urllib.request.urlopen(f"http://127.0.0.1:{port}/progress", timeout=1))
                if progress["step"] > 0:
                    break
            except OSError:
                pass
            time.sleep(0.05)
        assert progress is not None
        assert progress["total"] == 600
        assert progress["metrics"] == {"loss": 1.5, "rewards/margins": 0.25}
        assert (
            b"tanren_rewards_margins 0.25"
            in urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=1).read()
        )
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=10)
    finally:
        process.kill()
    assert process.returncode == 143
    assert json.loads((tmp_path / "result.json").read_text())["reason"] == "Terminated"


def test_a_port_in_use_is_said_so(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        process = start(tmp_path, CONFIG, taken.getsockname()[1])
        process.communicate(timeout=30)
    assert process.returncode == 75
    assert json.loads((tmp_path / "result.json").read_text())["reason"] == "PortInUse"


def test_a_result_never_exceeds_the_termination_message(tmp_path: Path) -> None:
    rows = [
        FunnelRow(
            step=f"step{i}",
            language="ja",
            documents_in=i,
            documents_out=i,
            bytes_in=i,
            bytes_out=i,
            dropped={"x" * 40: i},
        )
        for i in range(60)
    ]
    result = Result(reason="Completed", message="m" * 1000, metrics={"loss": 1.0}, funnel=rows)
    write_result(result, tmp_path / "result.json")
    written = (tmp_path / "result.json").read_bytes()
    assert len(written) <= RESULT_LIMIT_BYTES
    assert json.loads(written)["metrics"] == {"loss": 1.0}

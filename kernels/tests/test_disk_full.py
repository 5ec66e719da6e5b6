"""A disk that fills up in a step over all documents: a clear stop, and the run resumes with more room."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from small_corpus import config, contents, run, write_inputs

# A file system of so many KiB, seen by the program alone.
SCRIPT = """
mount -t tmpfs -o size={size}k full output/{program}
cp -a before/. output/{program}/
"$0" -m tanren_kernels.{program} --config config.json --port 0 > log
code=$?
cp -a output/{program}/. after/
exit $code
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    if subprocess.run(["unshare", "--map-root-user", "--mount", "true"], check=False).returncode != 0:
        pytest.skip("this machine lets nobody mount")
    monkeypatch.chdir(tmp_path)
    write_inputs(tmp_path)
    run("clean")
    return tmp_path


@pytest.mark.parametrize(("program", "size"), [("deduplicate", 40), ("tokenize", 24)])
def test_a_full_disk_is_named_and_costs_nothing_that_was_done(here: Path, program: str, size: int) -> None:
    run("deduplicate")
    if program == "tokenize":
        run("tokenize")
    wanted = contents(f"output/{program}")
    shutil.rmtree(here / "output" / program)
    for folder in ("before", "after", f"output/{program}"):
        (here / folder).mkdir()
    (here / "config.json").write_text(json.dumps(config(program)))
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).parents[1]),
        "TANREN_RESULT": str(here / "result.json"),
    }
    script = SCRIPT.format(program=program, size=size)
    command = ["unshare", "--map-root-user", "--mount", "sh", "-c", script, sys.executable]
    stopped = subprocess.run(command, env=environment, timeout=60, check=False)
    result = json.loads((here / "result.json").read_text())
    assert (stopped.returncode, result["reason"]) == (75, "DiskFull")
    assert "enlarge the claim" in result["message"]

    # As after the claim was enlarged.
    shutil.rmtree(here / "output" / program)
    shutil.copytree(here / "after", here / "output" / program)
    run(program)
    assert contents(f"output/{program}") == wanted

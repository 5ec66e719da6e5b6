"""The newest attempt owns the files, and earlier ones that still live publish nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tanren_kernels.runtime import durable_file, fence
from tanren_kernels.runtime.errors import KernelError
from tanren_kernels.runtime.journal import Journal


@pytest.fixture(autouse=True)
def without_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fence, "place", None)


def begin_elsewhere(directory: Path, holder: str) -> None:
    """Another process takes over, as on another node."""
    program = "import sys; from pathlib import Path; from tanren_kernels.runtime import fence; "
    program += "fence.take_over(Path(sys.argv[1]), sys.argv[2])"
    subprocess.run([sys.executable, "-c", program, str(directory), holder], check=True)


def test_an_attempt_that_another_has_followed_publishes_nothing(tmp_path: Path) -> None:
    places = tmp_path / fence.DIRECTORY / "train"
    fence.take_over(places, "uid-1")
    durable_file.write(tmp_path / "file", b"first")
    journal = Journal(tmp_path / "journal", {})
    journal.append([{"item": 1}])
    begin_elsewhere(places, "uid-2")
    with pytest.raises(KernelError, match="attempt uid-2 has begun at stage train") as refused:
        durable_file.write(tmp_path / "file", b"late")
    assert refused.value.reason == "PeerLost"
    with pytest.raises(KernelError):
        durable_file.write_directory(tmp_path / "directory", lambda path: (path / "a").write_bytes(b"late"))
    with pytest.raises(KernelError):
        journal.append([{"item": 2}])
    assert (tmp_path / "file").read_bytes() == b"first"
    assert not (tmp_path / "directory").exists()
    assert len(Journal(tmp_path / "journal", {}).entries) == 1


def test_a_directory_under_way_as_another_attempt_begins_is_not_published(tmp_path: Path) -> None:
    places = tmp_path / fence.DIRECTORY / "train"
    fence.take_over(places, "uid-1")
    with pytest.raises(KernelError):
        durable_file.write_directory(tmp_path / "step", lambda _: begin_elsewhere(places, "uid-2"))
    assert not (tmp_path / "step").exists()


def test_all_processes_of_an_attempt_share_its_place_and_it_may_begin_again(tmp_path: Path) -> None:
    fence.take_over(tmp_path, "uid-1")
    begin_elsewhere(tmp_path, "uid-1")
    fence.take_over(tmp_path, "uid-1")
    fence.require_newest()


def test_an_attempt_that_was_replaced_does_not_come_back(tmp_path: Path) -> None:
    begin_elsewhere(tmp_path, "uid-1")
    begin_elsewhere(tmp_path, "other-1")
    with pytest.raises(KernelError, match="other-1"):
        fence.take_over(tmp_path, "uid-1")


def test_what_is_to_be_continued_must_be_there(tmp_path: Path) -> None:
    places = tmp_path / fence.DIRECTORY / "train"
    with pytest.raises(KernelError, match=r"spec\.storage\.adopt names holds nothing") as refused:
        fence.require_predecessor(tmp_path / "misspelt", "uid")
    assert refused.value.reason == "InvalidConfig"
    # Attempts of the run itself, such as the one that was refused, leave nothing to continue.
    fence.take_over(places, "uid-1")
    with pytest.raises(KernelError):
        fence.require_predecessor(tmp_path, "uid")
    begin_elsewhere(places, "other-1")
    fence.require_predecessor(tmp_path, "uid")


def test_files_of_a_run_that_took_no_places_can_be_continued(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    fence.require_predecessor(tmp_path, "uid")

"""Records that take too much, beside records that do not; processes that end under the pool."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import small_corpus

from tanren_kernels.contract import CleanConfig, CleanSource
from tanren_kernels.corpus.cleaning import Cleaned
from tanren_kernels.corpus.cleaning_pool import CleaningPool
from tanren_kernels.corpus.sources import Raw
from tanren_kernels.runtime.errors import KernelError

PAGE = "<html><body><p>鍛冶屋は鉄を打つ。</p></body></html>"

# Lexbor compares each attribute of an element with those before it: this takes minutes.
SLOW = "<html><body><p " + " ".join(f"a{number}=1" for number in range(200_000)) + ">鉄</p></body></html>"


def config(**extraction: int) -> CleanConfig:
    own = {**small_corpus.EXTRACTION, "max_record_bytes": 20_000_000, **extraction}
    return CleanConfig.model_validate(small_corpus.config("clean", extraction=own, stages=[]))


def raw(number: int, page: str = PAGE) -> Raw:
    body = page.encode()
    return Raw(f"web#{number}", number, len(body), body, "resource", "text/html; charset=utf-8")


def cleaned(records: list[Raw], count: int = 2, **extraction: int) -> list[Cleaned]:
    given = config(**extraction)
    with CleaningPool(given, Path(), count, lambda: None) as pool:
        return [one for _, _, one in pool.clean(_with_source(records, given.sources[0]))]


def _with_source(records: list[Raw], source: CleanSource) -> Iterator[tuple[Raw, CleanSource]]:
    return ((record, source) for record in records)


@pytest.mark.parametrize("count", [1, 3])
def test_records_come_back_in_their_order(count: int) -> None:
    pages = [raw(number, PAGE.replace("鉄", f"鉄{number}" * (number % 7 + 1))) for number in range(200)]
    found = cleaned(pages, count)
    assert [one.id for one in found] == [page.id for page in pages]
    assert found == cleaned(pages, 1)


def test_a_record_over_its_time_is_passed_over_and_no_other() -> None:
    records = [raw(number, SLOW if number in (3, 50) else PAGE) for number in range(60)]
    began = time.monotonic()
    found = cleaned(records, max_record_seconds=1)
    assert {one.id: one.reason for one in found if one.reason} == {
        "web#3": "took_too_long",
        "web#50": "took_too_long",
    }
    assert len(found) == 60 and sum(bool(one.text) for one in found) == 58
    assert time.monotonic() - began < 60


def test_a_record_over_its_memory_is_passed_over_and_no_other() -> None:
    greedy = "<html><body>" + "<p><b>鉄</b>" * 1_200_000
    found = cleaned([raw(0), raw(1, greedy), raw(2)], max_record_memory_bytes=67_108_864)
    assert [one.reason for one in found][::2] == ["", ""]
    assert found[1].reason in ("took_too_much_memory", "crashed_extraction")


def test_a_process_that_somebody_ends_costs_no_record() -> None:
    given = config()
    records = [raw(number) for number in range(400)]
    with CleaningPool(given, Path(), 2, lambda: None) as pool:
        found = []
        for number, (_, _, one) in enumerate(pool.clean(_with_source(records, given.sources[0]))):
            if number in (10, 150):
                os.kill(pool._workers[0].process.pid or 0, signal.SIGKILL)
            found.append(one)
    assert [one.id for one in found] == [record.id for record in records]
    assert not any(one.reason for one in found)


def test_processes_that_cannot_begin_end_the_program_and_lose_no_record(tmp_path: Path) -> None:
    given = config()
    classifier = {"clean": {"path": "a"}, "dirty": {"path": "b"}, "threshold": 0.5, "epochs": 1}
    given = CleanConfig.model_validate(
        {
            **given.model_dump(exclude_none=True),
            "stages": [small_corpus.stage("learned", classifier=classifier)],
        }
    )
    (tmp_path / "classifier.bin").write_bytes(b"no model")
    with (
        pytest.raises(KernelError, match="ended as it began"),
        CleaningPool(given, tmp_path / "classifier.bin", 2, lambda: None) as pool,
    ):
        list(pool.clean(_with_source([raw(0), raw(1)], given.sources[0])))


def test_asked_to_stop_it_ends_at_once_whatever_a_record_does() -> None:
    asked = threading.Event()

    def stop_if_asked() -> None:
        if asked.is_set():
            raise InterruptedError

    given = config(max_record_seconds=600)
    threading.Timer(1.0, asked.set).start()
    began = time.monotonic()
    with pytest.raises(InterruptedError), CleaningPool(given, Path(), 1, stop_if_asked) as pool:
        list(pool.clean(_with_source([raw(0, SLOW)], given.sources[0])))
    assert time.monotonic() - began < 10

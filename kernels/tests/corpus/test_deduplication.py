"""What is dropped as a duplicate, judged by sets of words that know nothing of hashes."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from deduplicating import (
    chain,
    changed,
    contents,
    deduplicate,
    document,
    dropped,
    kept,
    oracle,
    pairs_as_documents,
    planted,
    summary,
    words,
    write_cleaned,
)
from small_corpus import run

from tanren_kernels.corpus import data_engine, duplicate_keys
from tanren_kernels.corpus.catalogue import Catalogue
from tanren_kernels.corpus.deduplication import Part
from tanren_kernels.corpus.documents import Document, TaskFolder
from tanren_kernels.runtime.errors import KernelError


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_similarity_asked_for_is_the_one_applied(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(7)
    bands = [(0.80, 0.82), (0.85, 0.87), (0.70, 0.79), (0.4, 0.6)]
    pairs = [pair for low, high in bands for pair in planted(rng, 400, low, high)]
    write_cleaned(pairs_as_documents(pairs), tasks=2)
    deduplicate(monkeypatch, tasks=2)
    gone = {int(entry["id"][1:]) for entry in dropped("output/deduplicate")}
    found = [sum(2 * number + 1 in gone for number in range(at, at + 400)) for at in range(0, 1600, 400)]
    assert found[0] >= 0.92 * 400
    assert found[1] >= 0.99 * 400
    assert found[2:] == [0, 0]
    assert not any(number % 2 == 0 for number in gone)


def test_a_chain_is_not_one_document(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = chain(random.Random(3), 300)
    assert oracle(texts[0], texts[1]) > 0.9 and oracle(texts[0], texts[-1]) == 0
    write_cleaned([document(number, text) for number, text in enumerate(texts)], tasks=3)
    deduplicate(monkeypatch, tasks=3)
    left = kept("output/deduplicate")
    entries = dropped("output/deduplicate")
    assert 60 <= len(left) <= 180
    for entry in entries:
        similarity = oracle(texts[int(entry["id"][1:])], left[entry["duplicate_of"]])
        assert similarity >= 0.8
        assert entry["similarity"] == pytest.approx(similarity, abs=1e-4)
    largest = summary()["largest_clusters"][0]
    assert largest["dropped"] == sum(entry["duplicate_of"] == largest["kept"] for entry in entries) >= 2


def test_pages_of_one_template_cost_no_more_each_when_they_are_many_and_their_twins_are_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = random.Random(5)
    template = words(rng, 160)
    pages = [template + words(rng, 25) for _ in range(900)]
    texts = [" ".join(page) for page in pages]
    assert 0.7 < oracle(texts[0], texts[1]) < 0.8
    twins = [" ".join(changed(rng, page, 0.05)) for page in pages[:100]]
    documents = [document(number, text) for number, text in enumerate([*texts, *twins])]
    counted: list[int] = []

    def count(part: Part) -> None:
        duplicate_keys.find_candidates(part)
        files = list(part.made("candidates").glob("pairs/*/*.parquet"))
        counted.append(
            next(part.engine.rows(f"SELECT count(*) FROM {data_engine.parquet(files, 'x INTEGER')}"))[0]
        )

    monkeypatch.setattr("tanren_kernels.deduplicate.find_candidates", count)
    write_cleaned(documents, tasks=1)
    deduplicate(monkeypatch, tasks=1)
    gone = {entry["id"] for entry in dropped("output/deduplicate")}
    # Each with each would be 450 a page, and 900 of twice as many.
    assert sum(counted) < 16 * 8 * len(documents)
    assert sum(f"d{900 + number}" in gone for number in range(100)) >= 92
    assert not any(f"d{number}" in gone for number in range(900))


def three(first: str, second: str, third: str) -> list[Document]:
    return [
        document(0, first, time="2024-05-01T00:00:00Z"),
        document(1, second, time="2026-01-01T09:00:00+09:00"),
        document(2, third, time=""),
    ]


@pytest.mark.parametrize("tasks", [1, 3])
@pytest.mark.parametrize(("rule", "stays"), [("source_order", "d0"), ("longest", "d2"), ("newest", "d1")])
def test_which_copy_stays_is_the_rules_decision_whatever_the_number_of_tasks(
    monkeypatch: pytest.MonkeyPatch, rule: str, stays: str, tasks: int
) -> None:
    text = words(random.Random(1), 100)
    write_cleaned(three(" ".join(text), " ".join([*text, "more"]), " ".join([*text, "and", "more"])), tasks)
    deduplicate(monkeypatch, tasks=tasks, keep=rule)
    assert list(kept("output/deduplicate")) == [stays]


def many(rng: random.Random) -> list[Document]:
    pairs = planted(rng, 60, 0.62, 0.97)
    repeated = [" ".join(words(rng, 50)) for _ in range(10)]
    return [
        *pairs_as_documents(pairs),
        *(document(200 + number, text) for number, text in enumerate(repeated * 3)),
        document(300, "短い文。", "ja"),
    ]


def test_pods_and_tasks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    documents = many(random.Random(11))
    seen = []
    for tasks, workers in ((1, 1), (4, 3), (7, 2)):
        root = Path(f"{tasks}-{workers}")
        root.mkdir()
        with monkeypatch.context() as inside:
            inside.chdir(root)
            write_cleaned(documents, tasks)
            deduplicate(inside, tasks, workers)
            folders = [TaskFolder(Path("output/deduplicate"), task) for task in range(tasks)]
            catalogue = Catalogue(folders, 0.2)
            held_out = {one.id for _, one in catalogue.read(catalogue.held_out)}
            entries = sorted(dropped("output/deduplicate"), key=lambda entry: entry["id"])
            told = {name: value for name, value in summary().items() if name != "tasks"}
            seen.append((kept("output/deduplicate"), entries, told, held_out))
            assert not Path("output/deduplicate/work").exists()
    assert len(seen[0][1]) > 20 and seen[0][3]
    assert [sorted(kept_.items()) for kept_, *_ in seen[1:]] == [sorted(seen[0][0].items())] * 2
    assert [rest for _, *rest in seen[1:]] == [list(seen[0][1:])] * 2


@pytest.mark.parametrize("changes", [{}, {"near": False}, {"near": False, "exact": False}])
def test_no_twin_crosses_the_held_out_split(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, bool]
) -> None:
    documents = [*pairs_as_documents(planted(random.Random(4), 150, 0.78, 0.97))]
    # Width, case and space do not tell documents apart.
    documents += [
        document(600 + number, text)
        for number, text in enumerate(document.text.upper() for document in documents[:60:2])
    ]
    write_cleaned(documents, tasks=2)
    deduplicate(monkeypatch, tasks=2, **changes)
    catalogue = Catalogue([TaskFolder(Path("output/deduplicate"), task) for task in range(2)], 0.5)
    sides = {one.id: bool(catalogue.held_out[number]) for number, one in catalogue.read(catalogue.keys >= 0)}
    pairs = [(f"d{2 * number}", f"d{2 * number + 1}") for number in range(150)]
    pairs += [(f"d{2 * number}", f"d{600 + number}") for number in range(30)]
    both = [(sides[one], sides[other]) for one, other in pairs if one in sides and other in sides]
    # Bands miss some pairs near 0.78, which nothing can know to be twins.
    assert sum(one != other for one, other in both) <= 0.03 * len(pairs)
    assert any(sides.values()) or changes
    if changes.get("exact") is False:
        assert len(both) == 180


class _Killed(BaseException):
    """Not an Exception: nothing may handle it, as nothing handles a kill."""


@pytest.mark.parametrize("workers", [1, 2])
def test_whatever_query_or_rename_it_is_killed_at_the_same_documents_stay(
    monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    write_cleaned(many(random.Random(12))[::3], tasks=3)
    deduplicate(monkeypatch, 3, workers)
    wanted = contents("output/deduplicate")
    run_query, rename = data_engine.DataEngine.run, Path.rename
    calls = [0]

    def dies(at: int, before: bool) -> None:
        def count(when: bool) -> None:
            if when == before:
                calls[0] += 1
                if calls[0] == at:
                    raise _Killed

        def run(self: data_engine.DataEngine, sql: str) -> None:
            count(True)
            run_query(self, sql)
            count(False)

        def renamed(self: Path, target: Path) -> Path:
            count(True)
            result = rename(self, target)
            count(False)
            return result

        monkeypatch.setattr(data_engine.DataEngine, "run", run)
        monkeypatch.setattr(Path, "rename", renamed)

    for before in (True, False):
        at, died = 1, True
        while died:
            Path("output/deduplicate").rename(f"done-{before}-{at}")
            calls[0] = 0
            dies(at, before)
            try:
                deduplicate(monkeypatch, 3, workers)
                died = False
            except _Killed:
                monkeypatch.setattr(data_engine.DataEngine, "run", run_query)
                monkeypatch.setattr(Path, "rename", rename)
                monkeypatch.delenv("JOB_COMPLETION_INDEX", raising=False)
                deduplicate(monkeypatch, 3, workers)
            monkeypatch.setattr(data_engine.DataEngine, "run", run_query)
            monkeypatch.setattr(Path, "rename", rename)
            assert contents("output/deduplicate") == wanted
            at += 3 * workers + 2
        assert at > 12


def test_a_step_whose_forerunner_has_not_ended_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    write_cleaned(many(random.Random(2))[:20], tasks=2)
    monkeypatch.setenv("JOB_COMPLETION_INDEX", "0")
    run("deduplicate", tasks=2, workers=2, step="keys")
    with pytest.raises(KernelError, match="step keys makes of these documents") as caught:
        run("deduplicate", tasks=2, workers=2, step="candidates")
    assert caught.value.reason == "InvalidData"

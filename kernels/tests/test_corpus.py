"""The three corpus programs one after another, on a small corpus that the test writes."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import sentences
from deduplicating import deduplicate
from small_corpus import (
    JA_PAGES,
    PROGRAMS,
    RULES,
    STAGES,
    config,
    contents,
    dropped,
    kept,
    run,
    source,
    stage,
    write_inputs,
)

from tanren_kernels.corpus.packed_tokens import PackedTokens
from tanren_kernels.runtime import manifest
from tanren_kernels.runtime.errors import KernelError
from tanren_kernels.tokenizer import tokenizer


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working directory in which all three programs have run once."""
    root = tmp_path_factory.mktemp("finished")
    write_inputs(root)
    before = Path.cwd()
    os.chdir(root)
    try:
        for program in PROGRAMS:
            run(program)
    finally:
        os.chdir(before)
    return root


@pytest.fixture
def here(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of that directory, as the current one."""
    shutil.copytree(finished, tmp_path / "work")
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


@pytest.mark.usefixtures("here")
def test_every_record_is_kept_or_dropped_for_a_reason() -> None:
    reasons: dict[str, int] = {}
    for entry in dropped("output/clean"):
        reasons[entry["reason"]] = reasons.get(entry["reason"], 0) + 1
    assert reasons == {"not_http_200": 1, "too_short": 1, "bad_json_line": 3, "truncated_record": 1}
    assert len(kept("output/clean")) == JA_PAGES + 3 + 3 + 80 + 12 + 12
    texts = kept("output/clean")
    assert texts["books/01.txt"] == sentences.japanese(501, 30)  # was written in EUC-JP
    assert texts["lines/en.jsonl#5:n5"] == sentences.english(5)


@pytest.mark.usefixtures("here")
def test_duplicates_name_the_document_they_repeat() -> None:
    texts = kept("output/clean")
    repeated = dropped("output/deduplicate")
    assert sorted(entry["reason"] for entry in repeated) == ["exact_duplicate"] * 4 + ["near_duplicate"]
    still_there = kept("output/deduplicate")
    for entry in repeated:
        assert entry["duplicate_of"] in still_there and entry["id"] not in still_there
        if entry["reason"] == "exact_duplicate":
            assert texts[entry["id"]] == texts[entry["duplicate_of"]]


@pytest.mark.usefixtures("here")
def test_the_artifact_is_what_its_manifest_says() -> None:
    made = manifest.verify(Path("output/tokenize"))
    corpus = Path("output/tokenize")
    own = tokenizer.load(corpus)
    assert made.metadata["tokenizer_digest"] == own.digest
    assert made.metadata["vocabulary_size"] == own.vocabulary_size < 600
    train = PackedTokens.of_train(corpus)
    assert (
        train.total_tokens
        == made.metadata["train_tokens"]
        == sum(made.metadata["tokens_by_language"].values())
    )
    assert {parent.name for parent in made.parents} == {
        "source/web",
        "source/lines",
        "source/books",
        "source/code",
    }
    assert {entry["licence"] for entry in made.metadata["sources"]} == {"CC0-1.0"}
    assert not (corpus / "work").exists()

    known = {text: id.split("/")[0] for id, text in kept("output/deduplicate").items()}
    tokens: dict[str, int] = {}
    whole = cut = 0
    for number in range(len(train.document_starts)):
        ids = train.document(number).tolist()
        assert ids[-1] == own.end_of_text and own.end_of_text not in ids[:-1]
        text = own.decode(ids[:-1])
        if text in known:
            language = {"lines": "en", "code": "code"}.get(known[text], "ja")
            tokens[language] = tokens.get(language, 0) + len(ids)
            whole += 1
        else:
            cut += 1  # the last document of a source, ended where its share is full
    assert cut <= 4 and whole > 60
    for language, share in made.metadata["tokens_by_language"].items():
        assert share - 1_000 < tokens[language] <= share


@pytest.mark.usefixtures("here")
def test_held_out_documents_are_in_no_training_shard() -> None:
    corpus = Path("output/tokenize")
    own = tokenizer.load(corpus)
    train = PackedTokens.of_train(corpus)
    trained_on = {tuple(train.document(number).tolist()) for number in range(len(train.document_starts))}
    assert PackedTokens.held_out_languages(corpus) == ["code", "en", "ja"]
    texts = set(kept("output/deduplicate").values())
    for language in ("ja", "en", "code"):
        held_out = PackedTokens.of_held_out(corpus, language)
        assert len(held_out.document_starts) >= 1
        for number in range(len(held_out.document_starts)):
            ids = held_out.document(number).tolist()
            assert tuple(ids) not in trained_on and own.decode(ids[:-1]) in texts


def test_the_result_carries_the_whole_funnel_in_few_bytes(here: Path) -> None:
    result = run("tokenize")
    assert (
        len(
            json.dumps(
                result.model_dump(exclude_none=True), separators=(",", ":"), ensure_ascii=False
            ).encode()
        )
        <= 4_096
    )
    rows = json.loads((here / "output/tokenize/funnel.json").read_text())
    ja = [row for row in rows if row["language"] == "ja"]
    assert [row["step"] for row in ja] == [
        "read",
        "extraction",
        "rules",
        "exact",
        "min_hash",
        "held_out",
        "mixture",
    ]
    for before, after in itertools.pairwise(ja):
        assert (
            after["documents_in"]
            == before["documents_out"]
            == before["documents_in"] - sum(before["dropped"].values())
        )
    assert (
        result.artifact is not None
        and result.artifact.tokens
        == result.metrics["tokens_ja"] + result.metrics["tokens_en"] + result.metrics["tokens_code"]
    )


def test_equal_inputs_give_equal_bytes_whatever_the_number_of_pods_and_tasks(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    once = contents("output/tokenize")
    shutil.rmtree(here / "output")
    for worker in (1, 0):
        monkeypatch.setenv("JOB_COMPLETION_INDEX", str(worker))
        run("clean", workers=2, tasks=5)
    deduplicate(monkeypatch, tasks=5, workers=2)
    run("tokenize", threads=2)
    assert contents("output/tokenize") == once


def test_another_seed_gives_another_order(here: Path) -> None:
    before = (here / "output/tokenize/train/00000.bin").read_bytes()
    run("tokenize", seed=8)
    assert (here / "output/tokenize/train/00000.bin").read_bytes() != before


def test_finished_tasks_are_not_done_again(here: Path) -> None:
    (here / "output/clean/completed/00001.json").unlink()
    before = {path: path.stat().st_mtime_ns for path in (here / "output/clean/documents").iterdir()}
    run("clean")
    changed = [path.name for path, written in before.items() if path.stat().st_mtime_ns != written]
    assert changed == ["00001.parquet"]


def test_the_classifier_judges_prose_and_leaves_code_alone(here: Path) -> None:
    for name, texts in (
        ("clean", [sentences.japanese(n) for n in range(50)]),
        ("dirty", [sentences.english(n) for n in range(50)]),
    ):
        (here / f"inputs/{name}.jsonl").write_text(
            "".join(json.dumps({"text": text}) + "\n" for text in texts)
        )
    classifier = {
        "clean": {"path": "inputs/clean.jsonl"},
        "dirty": {"path": "inputs/dirty.jsonl"},
        "threshold": 0.5,
        "epochs": 5,
    }
    before = kept("output/clean")
    result = run("clean", stages=[*STAGES, stage("learned", classifier=classifier)])
    assert {entry["id"] for entry in dropped("output/clean") if entry["reason"] == "classified_dirty"} == {
        id for id in before if id.startswith("lines/")
    }
    assert set(kept("output/clean")) == {id for id in before if not id.startswith("lines/")}
    assert (
        result.metrics["documents"] == len(kept("output/clean")) and result.metrics["learned/accuracy"] == 1
    )


def test_another_config_does_every_task_again(here: Path) -> None:
    strict = {**RULES, "min_characters": 1_000_000, "max_characters": 2_000_000}
    run("clean", stages=[stage("rules", rules=strict)], workers=2)
    assert (
        json.loads((here / "output/clean/stats/00000.json").read_text())["funnel"][-1]["documents_out"] == 0
    )


@pytest.mark.parametrize("program", ["clean", "deduplicate", "tokenize"])
def test_a_killed_program_goes_on_and_ends_with_the_same_bytes(here: Path, program: str) -> None:
    wanted = contents(f"output/{program}")
    shutil.rmtree(here / "output" / program)
    (here / "config.json").write_text(json.dumps(config(program)))
    command = [sys.executable, "-m", f"tanren_kernels.{program}", "--config", "config.json", "--port", "0"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    kills = 0
    for files in (1, 4):
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 30
        # Killed as soon as it has written that many files.
        while process.poll() is None and time.monotonic() < deadline:
            if sum(len(names) for _, _, names in os.walk(here / "output" / program)) >= files:
                process.send_signal(signal.SIGKILL)
                break
            time.sleep(0.001)
        kills += process.wait() == -signal.SIGKILL
    assert kills > 0
    assert (
        subprocess.run(
            command, env=environment, stdout=subprocess.DEVNULL, timeout=60, check=False
        ).returncode
        == 0
    )
    assert contents(f"output/{program}") == wanted


def test_a_killed_making_of_the_artifact_leaves_no_manifest(here: Path) -> None:
    (here / "output/tokenize/manifest.json").unlink()
    (here / "output/tokenize/train/00000.bin.tmp").write_bytes(b"half")
    (here / "output/tokenize/manifest.json.tmp").write_bytes(b"{")
    wanted = run("tokenize").artifact
    assert wanted is not None and manifest.verify(here / "output/tokenize").digest == wanted.digest
    assert not list((here / "output/tokenize").rglob("*.tmp"))


def test_rules_that_nothing_passes_leave_no_documents(here: Path) -> None:
    strict = {**RULES, "min_characters": 1_000_000, "max_characters": 2_000_000}
    with pytest.raises(KernelError) as early:
        run("clean", stages=[stage("rules", rules=strict)])
    with pytest.raises(KernelError) as late:
        run("deduplicate")
    for ending, directory in ((early.value, "clean"), (late.value, "deduplicate")):
        assert ending.reason == "NoDocumentsLeft"
        # What dropped everything is said, and there are documents to look at.
        assert ending.funnel is not None
        assert {row.step: row.dropped for row in ending.funnel if row.language == "en"}["rules"] == {
            "too_short": 80
        }
        report = json.loads((here / f"output/{directory}/report.json").read_bytes())
        assert (
            len([one for one in report["samples"] if one["language"] == "en" and one["step"] == "rules"])
            == 10
        )


@pytest.mark.usefixtures("here")
def test_a_mixture_that_cannot_be_met_says_what_lacks() -> None:
    mixture = config("tokenize")["mixture"]
    with pytest.raises(KernelError, match=r"code lacks \d+ of 20000000 tokens") as caught:
        run("tokenize", mixture={**mixture, "tokens": 1_000_00000})
    assert caught.value.reason == "RatiosNotMet"


def test_a_language_that_was_all_dropped_cannot_be_mixed(here: Path) -> None:
    for path in (here / "inputs/code").iterdir():
        path.write_text("x = 1")
    run("clean")
    run("deduplicate")
    with pytest.raises(KernelError, match="names code, but no document") as caught:
        run("tokenize")
    assert caught.value.reason == "RatiosNotMet"


def test_unfinished_cleaning_is_not_deduplicated(here: Path) -> None:
    (here / "output/clean/completed/00002.json").unlink()
    with pytest.raises(KernelError, match="task 2 of 3 has no completion marker") as caught:
        run("deduplicate")
    assert caught.value.reason == "InvalidData"


def test_tasks_of_different_runs_are_not_deduplicated(here: Path) -> None:
    marker = here / "output/clean/completed/00002.json"
    marker.write_text(json.dumps({**json.loads(marker.read_text()), "fingerprint": "0" * 64}))
    with pytest.raises(KernelError, match="different files or configs"):
        run("deduplicate")


@pytest.mark.parametrize(("program", "upstream"), [("deduplicate", "clean"), ("tokenize", "deduplicate")])
def test_documents_changed_after_their_marker_are_refused(here: Path, program: str, upstream: str) -> None:
    with (here / f"output/{upstream}/documents/00000.parquet").open("ab") as file:
        file.write(b"more")
    shutil.rmtree(here / f"output/{program}")
    with pytest.raises(KernelError) as caught:
        run(program)
    assert caught.value.reason == "ArtifactDamaged"


def test_the_tokenizer_of_another_corpus_is_used_as_it_is_and_checked(here: Path) -> None:
    made = manifest.read(here / "output/tokenize")
    shutil.copytree(here / "output/tokenize", here / "inputs/base")
    taken = {
        "train_tokenizer": None,
        "tokenizer": {"path": "inputs/base", "digest": made.digest},
        "output": "output/second",
    }
    result = run("tokenize", **taken)
    assert (
        result.artifact is not None and result.artifact.tokenizer_digest == made.metadata["tokenizer_digest"]
    )
    assert {"name": "base", "digest": made.digest} in [
        parent.model_dump() for parent in manifest.read(here / "output/second").parents
    ]

    (here / "inputs/base/tokenizer.json").write_bytes(
        (here / "inputs/base/tokenizer.json").read_bytes() + b" "
    )
    with pytest.raises(KernelError) as caught:
        run("tokenize", **{**taken, "output": "output/third"})
    assert caught.value.reason == "ArtifactDamaged"


def test_sources_weigh_in_the_mixture_and_licences_keep_them_out(here: Path) -> None:
    mixture = config("tokenize")["mixture"]
    run("tokenize")
    made = manifest.read(here / "output/tokenize").metadata
    assert made["tokens_by_source"]["books"] < made["tokens_by_source"]["web"]
    weighted = {**mixture, "sources": [{"name": "books", "weight": 4}]}
    run("tokenize", mixture=weighted, output="output/second")
    more = manifest.read(here / "output/second").metadata
    assert more["tokens_by_source"]["books"] > 1.5 * made["tokens_by_source"]["books"]
    assert more["tokens_by_language"]["ja"] == sum(
        more["tokens_by_source"][name] for name in ("books", "web")
    )

    books = {**source("books", "ja", "text", "*.txt"), "licence": "all rights reserved"}
    run("clean", sources=[books if one["name"] == "books" else one for one in config("clean")["sources"]])
    run("deduplicate")
    allowed = run("tokenize", mixture={**mixture, "licences": ["CC0-1.0"]}, output="output/third")
    assert set(manifest.read(here / "output/third").metadata["tokens_by_source"]) == {"web", "lines", "code"}
    (row,) = [row for row in allowed.funnel or [] if (row.step, row.language) == ("mixture", "ja")]
    assert row.dropped["licence"] == 12
    corpus = here / "output/third"
    held_out = PackedTokens.of_held_out(corpus, "ja")
    own = tokenizer.load(corpus)
    texts = [
        own.decode(held_out.document(number).tolist()[:-1]) for number in range(len(held_out.document_starts))
    ]
    from_books = {text for id, text in kept("output/deduplicate").items() if id.startswith("books/")}
    assert texts and not from_books & set(texts)


def test_the_tokenizers_sample_has_its_own_ratios(here: Path) -> None:
    training = config("tokenize")["train_tokenizer"]
    japanese = {**training, "parts": [{"language": "ja", "ratio": 1}]}
    run("tokenize", train_tokenizer=japanese, output="output/second")
    by_mixture, by_japanese = (
        manifest.read(here / f"output/{name}").metadata["characters_per_token_by_language"]
        for name in ("tokenize", "second")
    )
    assert by_japanese["ja"] > by_mixture["ja"] and by_japanese["en"] < by_mixture["en"]


def test_a_tokenizer_from_elsewhere_is_copied_as_it_is(here: Path) -> None:
    (here / "inputs/model").mkdir()
    content = (here / "output/tokenize/tokenizer.json").read_bytes()
    (here / "inputs/model/tokenizer.json").write_bytes(content)
    for path in ("inputs/model", "inputs/model/tokenizer.json"):
        run("tokenize", train_tokenizer=None, tokenizer={"path": path}, output="output/second")
        assert (here / "output/second/tokenizer.json").read_bytes() == content


def test_a_source_artifact_that_was_changed_is_refused(here: Path) -> None:
    made = manifest.write(
        here / "inputs/books", "corpus", manifest.read(here / "output/tokenize").run, [], {}
    )
    books = {
        **source("books", "ja", "text", "*.txt"),
        "input": {"path": "inputs/books", "digest": made.digest},
    }
    run("clean", sources=[books])
    (here / "inputs/books/00.txt").write_text("別の本。")
    with pytest.raises(KernelError) as caught:
        run("clean", sources=[books])
    assert caught.value.reason == "ArtifactDamaged"


@pytest.mark.parametrize(
    ("program", "changes", "reason"),
    [
        ("clean", {"sources": [source("nowhere", "ja", "text", "*")]}, "InvalidData"),
        ("clean", {"sources": [source("books", "ja", "text", "*.epub")]}, "InvalidData"),
        ("clean", {"sources": [source("books", "ja", "text", "../web/*")]}, "InvalidConfig"),
        (
            "deduplicate",
            {"min_hash": {"permutations": 100, "bands": 16, "shingle": 5, "similarity": 0.8}},
            "InvalidConfig",
        ),
        ("deduplicate", {"workers": 2}, "InvalidConfig"),
        ("tokenize", {"tokenizer": {"path": "inputs/web"}}, "InvalidConfig"),
        ("tokenize", {"train_tokenizer": None}, "InvalidConfig"),
        ("tokenize", {"input": "output/clean"}, "InvalidData"),
    ],
)
@pytest.mark.usefixtures("here")
def test_what_cannot_work_is_refused_by_name(program: str, changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(KernelError) as caught:
        run(program, **changes)
    assert caught.value.reason == reason


def test_a_tokenizer_at_hand_lets_every_document_be_read_once_beside_its_verification(here: Path) -> None:
    given = config("tokenize", output="output/second", tokenizer={"path": "output/tokenize"})
    given.pop("train_tokenizer")
    (here / "config.json").write_text(json.dumps(given))
    counting = """
import sys
from tanren_kernels import tokenize
from tanren_kernels.contract import TokenizeConfig
from tanren_kernels.corpus import catalogue
from tanren_kernels.runtime.program import ProgramContext
from tanren_kernels.runtime.progress import ProgressReporter

def hook(event, arguments):
    if event == "open" and "/documents/" in str(arguments[0]):
        print(arguments[0], file=sys.stderr)

class Told(catalogue.pq.ParquetFile):
    def __init__(self, path):
        print(path, file=sys.stderr)
        super().__init__(path)

catalogue.pq.ParquetFile = Told

sys.addaudithook(hook)
config = TokenizeConfig.model_validate_json(open("config.json").read())
tokenize.main(config, ProgramContext("tokenize", ProgressReporter("tokenize", "document")))
"""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    done = subprocess.run(
        [sys.executable, "-c", counting],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    files = sorted(Path("output/deduplicate/documents").iterdir())
    assert sorted(done.stderr.split()) == sorted(str(file) for file in files * 2)

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import tiny

from tanren_kernels import generate
from tanren_kernels.contract import GenerateConfig
from tanren_kernels.runtime.errors import KernelError
from tanren_kernels.runtime.journal import Journal
from tanren_kernels.runtime.program import ProgramContext
from tanren_kernels.runtime.progress import ProgressReporter

QUESTIONS = [
    "猫とは何ですか。",
    "川はどこへ流れますか。",
    "What is a dog?",
    "朝",
    "風はなぜ吹くのですか。",
    "鳥",
    "名前は？",
]


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    tiny.write_model(tmp_path / "inputs/model", tiny.model(scale=4.0))
    lines = [
        {"messages": [{"role": "user", "content": question}], "reference": "猫"} for question in QUESTIONS
    ]
    (tmp_path / "inputs/prompts.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return tmp_path


def config(output: str = "output", **changes: Any) -> GenerateConfig:
    inputs = {"model": {"path": "inputs/model"}, "prompts": {"path": "inputs/prompts.jsonl"}}
    sampler = {
        "samples": 2,
        "temperature": 1.0,
        "top_p": 0.95,
        "max_new_tokens": 12,
        "batch_size": 1,
        "seed": 3,
    }
    return GenerateConfig.model_validate(
        {"run": tiny.RUN, "output": output, "threads": 1, **inputs, **sampler, **changes}
    )


def context() -> ProgramContext:
    return ProgramContext("generate", ProgressReporter("generate", "prompt"))


def test_every_prompt_has_its_samples_with_seeds_and_settings(work: Path) -> None:
    result = generate.main(config(), context())
    lines = [json.loads(line) for line in (work / "output/candidates.jsonl").read_text().splitlines()]
    assert [line["messages"][0]["content"] for line in lines] == QUESTIONS
    assert all(
        line["reference"] == "猫"
        and line["sampler"] == {"temperature": 1.0, "top_p": 0.95, "max_new_tokens": 12}
        for line in lines
    )
    seeds = [sample["seed"] for line in lines for sample in line["samples"]]
    assert len(set(seeds)) == 2 * len(QUESTIONS)
    assert result.metrics["samples"] == len(seeds)
    assert json.loads((work / "output/generation.json").read_text())["prompts"] == len(QUESTIONS)


@pytest.mark.parametrize("killed_after_bytes", [0, 1, 700, 1800, 2600])
def test_a_killed_run_goes_on_and_ends_with_the_same_bytes(work: Path, killed_after_bytes: int) -> None:
    generate.main(config(), context())
    whole = (work / "output/candidates.jsonl").read_bytes()
    assert len(whole) > 2600
    # A kill leaves some beginning of the file: whole groups, single lines of a group, a torn line.
    (work / "second").mkdir()
    (work / "second/candidates.jsonl").write_bytes(whole[:killed_after_bytes])
    generate.main(config("second"), context())
    assert (work / "second/candidates.jsonl").read_bytes() == whole


def test_a_stopped_run_keeps_finished_groups(work: Path) -> None:
    asked = context()
    asked.stopping = True
    with pytest.raises(KernelError, match="asked to stop") as raised:
        generate.main(config(), asked)
    assert raised.value.reason == "Terminated"
    # A finished run has nothing left to do and is not stopped.
    generate.main(config(), context())
    before = (work / "output/candidates.jsonl").stat()
    generate.main(config(), asked)
    assert (work / "output/candidates.jsonl").stat().st_mtime_ns == before.st_mtime_ns


def test_candidates_for_other_prompts_are_generated_again_and_it_is_said(work: Path) -> None:
    generate.main(config("undisturbed", seed=4), context())
    first = generate.main(config(), context())
    assert "again" not in first.message
    second = generate.main(config(seed=4), context())
    assert "generated again because prompts, model or settings have changed" in second.message
    assert second.resumed_from_step is None
    written = (work / "output/candidates.jsonl").read_bytes()
    assert written == (work / "undisturbed/candidates.jsonl").read_bytes()


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ('{"messages": []}', "line 2: messages is not a list"),
        ('{"messages": [{"role": "user"}]}', r"messages\[0\] needs role"),
        (
            '{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}',
            "end with a turn of assistant",
        ),
        ('{"messages": [{"role": "user", "content": "a"}], "reference": 3}', "reference is not a text"),
        ("{", "line 2 is no JSON"),
        (
            json.dumps({"messages": [{"role": "user", "content": "猫" * 300}]}),
            "exceed the model's context of 256",
        ),
    ],
)
def test_a_wrong_prompt_is_named_by_its_line(work: Path, line: str, sentence: str) -> None:
    (work / "inputs/prompts.jsonl").write_text(
        '{"messages": [{"role": "user", "content": "a"}]}\n' + line + "\n"
    )
    with pytest.raises(KernelError, match=sentence) as raised:
        generate.main(config(), context())
    assert raised.value.reason == "InvalidData"


def test_a_model_that_does_not_fit_is_refused_before_it_is_loaded(
    work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TANREN_MEMORY_BYTES", "100000")
    (work / "inputs/model/model.safetensors").unlink()
    with pytest.raises(KernelError, match="MiB for its weights") as raised:
        generate.main(config(), context())
    assert raised.value.reason == "ModelTooLarge"


def test_a_journal_keeps_whole_lines_only(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    Journal(path, {"a": 1}).append([{"n": 1}, {"n": 2}])
    with path.open("ab") as file:
        file.write(b'{"n": 3, "settings"')
    journal = Journal(path, {"a": 1})
    assert [entry["n"] for entry in journal.entries] == [1, 2]
    journal.keep(1)
    journal.append([{"n": 9}])
    assert [json.loads(line)["n"] for line in path.read_text().splitlines()] == [1, 9]
    assert Journal(path, {"a": 1}).dropped == 0
    assert Journal(path, {"a": 2}).dropped == 2
    assert path.read_bytes() == b""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import tiny

from tanren_kernels import judge
from tanren_kernels.contract import JudgeConfig, JudgeRules
from tanren_kernels.evaluation import answer_text
from tanren_kernels.evaluation.answer_rules import assess
from tanren_kernels.runtime.errors import KernelError
from tanren_kernels.runtime.program import ProgramContext
from tanren_kernels.runtime.progress import ProgressReporter

RULES = {
    "min_characters": 2,
    "max_characters": 40,
    "require_ending": True,
    "max_repetition": 0.3,
    "same_script": True,
    "reference_overlap": True,
}


@pytest.fixture(autouse=True)
def _in_a_directory_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def config(**changes: Any) -> JudgeConfig:
    return JudgeConfig.model_validate(
        {
            "run": tiny.RUN,
            "output": "output",
            "threads": 1,
            "candidates": "candidates",
            "rules": RULES,
            "min_margin": 0.05,
            **changes,
        }
    )


def write_candidates(directory: Path, lines: list[dict[str, Any]], prompts: int | None = None) -> None:
    (directory / "candidates").mkdir(exist_ok=True)
    (directory / "candidates/candidates.jsonl").write_text(
        "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    )
    (directory / "candidates/generation.json").write_text(
        json.dumps({"prompts": len(lines) if prompts is None else prompts})
    )


def line(question: str, *answers: str, reference: str | None = None, finish: str = "stop") -> dict[str, Any]:
    samples = [{"seed": i, "text": answer, "tokens": 3, "finish": finish} for i, answer in enumerate(answers)]
    return {"prompt": 0, "messages": [{"role": "user", "content": question}], "samples": samples} | (
        {} if reference is None else {"reference": reference}
    )


def context() -> ProgramContext:
    return ProgramContext("judge", ProgressReporter("judge", "prompt"))


@pytest.mark.parametrize(
    ("answer", "ended", "broken"),
    [
        ("猫は動物です。", True, ()),
        ("猫は動物です。", False, ("ended",)),
        ("猫は動物です�", True, ("well_formed",)),
        ("猫は\x07動物です", True, ("well_formed",)),
        ("猫", True, ("length",)),
        ("猫は動物で、" + "犬も動物です。" * 6, True, ("length", "repetition")),
        ("ねこねこねこねこねこねこ", True, ("repetition",)),
        ("Cats are animals.", True, ("same_script",)),
    ],
)
def test_each_rule_is_seen_to_be_broken(answer: str, ended: bool, broken: tuple[str, ...]) -> None:
    assert assess(answer, ended, "猫とは何ですか。", None, JudgeRules.model_validate(RULES)).broken == broken


def test_an_answer_that_keeps_every_rule_stands_above_one_that_does_not() -> None:
    rules = JudgeRules.model_validate(RULES)
    unlike = assess("まったく違う話", True, "猫とは？", "ABC", rules)
    close_but_endless = assess("ABC", False, "猫とは？", "ABC", rules)
    assert unlike.score == 0.5 > close_but_endless.score
    assert assess("abcd", True, "cat?", "abcd", rules).score == 1.0
    assert assess("abxx", True, "cat?", "abcd", rules).score == 0.75


def test_english_prompts_ask_for_no_script() -> None:
    assert assess(
        "Cats are animals.", True, "What is a cat?", None, JudgeRules.model_validate(RULES)
    ).acceptable


@pytest.mark.parametrize(
    ("text", "japanese"),
    [
        ("猫です", True),
        ("東京", True),
        ("PyTorchを使う", True),
        ("I like the word 猫", False),
        ("hello", False),
        ("123", False),
        ("这是一只猫 and more english words", False),
    ],
)
def test_japanese_is_told_from_other_scripts(text: str, japanese: bool) -> None:
    assert answer_text.is_japanese(text) is japanese


def test_the_widest_pair_is_kept_and_ties_are_dropped(tmp_path: Path) -> None:
    write_candidates(
        tmp_path,
        [
            line("猫とは？", "猫は動物です", "猫は植物です", "Cats", reference="猫は動物です"),
            line("犬とは？", "犬は動物です", "犬は動物だよ", reference="鳥"),
            line("鳥とは？", "birds", "a", finish="length"),
        ],
    )
    result = judge.main(config(), context())
    (pair,) = [json.loads(text) for text in (tmp_path / "output/preferences.jsonl").read_text().splitlines()]
    assert pair["prompt"] == [{"role": "user", "content": "猫とは？"}]
    assert (pair["chosen"], pair["rejected"]) == ("猫は動物です", "Cats")
    assert pair["why"]["rejected"]["broken_rules"] == ["same_script"]
    assert result.metrics == {
        "prompts": 3,
        "pairs": 1,
        "ties": 1,
        "unacceptable": 1,
        "mean_margin": pytest.approx(pair["scores"]["chosen"] - pair["scores"]["rejected"]),
    }


def test_no_pair_left_is_an_ending_of_its_own(tmp_path: Path) -> None:
    write_candidates(tmp_path, [line("猫とは？", "猫です", "猫です")])
    with pytest.raises(KernelError, match="1 ties") as raised:
        judge.main(config(min_margin=0.0), context())
    assert raised.value.reason == "NoPreferencePairs"


def test_unfinished_candidates_are_refused(tmp_path: Path) -> None:
    write_candidates(tmp_path, [line("猫とは？", "猫です", "a")], prompts=2)
    with pytest.raises(KernelError, match="1 of 2 prompts"):
        judge.main(config(), context())

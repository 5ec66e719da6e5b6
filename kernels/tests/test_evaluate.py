from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tiny

from tanren_kernels import evaluate
from tanren_kernels.contract import EvaluateConfig, Input
from tanren_kernels.evaluation import answer_text, benchmark, jcommonsenseqa, jsquad
from tanren_kernels.inference.likelihood import log_likelihoods
from tanren_kernels.runtime import manifest
from tanren_kernels.runtime.errors import KernelError
from tanren_kernels.runtime.program import ProgramContext
from tanren_kernels.runtime.progress import ProgressReporter

SQUAD = {
    "version": "1.1",
    "data": [
        {
            "title": "猫",
            "paragraphs": [
                {
                    "context": "猫 [SEP] 猫は小さな動物である。名前はタマという。",
                    "qas": [
                        {
                            "id": "a0",
                            "question": "名前は？",
                            "answers": [{"text": "タマ", "answer_start": 20}],
                            "is_impossible": False,
                        },
                        {
                            "id": "a1",
                            "question": "何ですか？",
                            "answers": [{"text": "動物"}, {"text": "小さな動物"}],
                        },
                    ],
                }
            ],
        },
        {
            "title": "川",
            "paragraphs": [
                {
                    "context": "川は流れる。",
                    "qas": [
                        {"id": f"b{i}", "question": f"何{i}？", "answers": [{"text": "川"}]} for i in range(9)
                    ],
                }
            ],
        },
    ],
}


def choice_line(number: int) -> dict[str, Any]:
    choices = {f"choice{i}": word for i, word in enumerate(["猫", "犬がいる", "鳥の声", "川", "風が吹く朝"])}
    return {"q_id": number, "question": f"問い{number}は何か。", **choices, "label": number % 5}


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    tiny.write_model(tmp_path / "inputs/model", tiny.model(max_position_embeddings=1024))
    (tmp_path / "inputs/squad.json").write_text(json.dumps(SQUAD, ensure_ascii=False))
    (tmp_path / "inputs/choices.jsonl").write_text(
        "".join(json.dumps(choice_line(n), ensure_ascii=False) + "\n" for n in range(13))
    )
    return tmp_path


def suites() -> list[dict[str, Any]]:
    return [
        {"name": "jsquad", "task": "jsquad", "data": {"path": "inputs/squad.json"}, "shots": 2},
        {"name": "jcqa", "task": "jcommonsenseqa", "data": {"path": "inputs/choices.jsonl"}, "shots": 3},
    ]


def config(output: str = "output", **changes: Any) -> EvaluateConfig:
    given = {"model": {"path": "inputs/model"}, "suites": suites(), "batch_size": 1, "parents": [], "seed": 0}
    return EvaluateConfig.model_validate(
        {"run": tiny.RUN, "output": output, "threads": 1, **given, **changes}
    )


def context() -> ProgramContext:
    return ProgramContext("evaluate", ProgressReporter("evaluate", "item"))


def test_jsquad_is_read_from_squads_json(work: Path) -> None:
    assert work.exists()
    questions = jsquad.read(Input(path="inputs/squad.json"))
    assert len(questions) == 11
    assert questions[1] == jsquad.Question(
        "a1", "猫は小さな動物である。名前はタマという。", "何ですか？", ("動物", "小さな動物")
    )
    prompt = jsquad.prompt(questions[2], questions[:2])
    assert prompt.count("答え：") == 3
    assert "答え：タマ\n" in prompt
    assert prompt.endswith("質問：何0？\n答え：")


def test_jcommonsenseqa_is_read_from_json_lines(work: Path) -> None:
    assert work.exists()
    questions = jcommonsenseqa.read(Input(path="inputs/choices.jsonl"))
    assert questions[4] == jcommonsenseqa.Question(
        "4", "問い4は何か。", ("猫", "犬がいる", "鳥の声", "川", "風が吹く朝"), 4
    )
    prompt = jcommonsenseqa.prompt(questions[3], questions[:3])
    assert [prompt.count(word) for word in ("答え：\n猫\n", "答え：\n犬がいる\n", "答え：\n鳥の声\n")] == [
        1,
        1,
        1,
    ]
    assert prompt.endswith("・風が吹く朝\n答え：\n")


@pytest.mark.parametrize(
    ("name", "body", "sentence"),
    [
        (
            "squad.json",
            '{"data": [{"paragraphs": [{"context": "a", "qas": [{"id": "1", "question": "q", "answers": '
            "[]}]}]}]}",
            "qas.0.answers",
        ),
        ("squad.json", "[]", "squad.json"),
        ("choices.jsonl", '{"q_id": 1, "question": "q", "choice0": "a"}', "line 1: choice1"),
        ("choices.jsonl", json.dumps(choice_line(1) | {"label": 5}), "line 1: label"),
    ],
)
def test_data_of_another_shape_is_refused_by_field(work: Path, name: str, body: str, sentence: str) -> None:
    (work / "inputs" / name).write_text(body)
    with pytest.raises(KernelError, match=sentence) as raised:
        evaluate.main(config(), context())
    assert raised.value.reason == "InvalidData"


def test_scores_follow_from_the_result_lines_and_the_artifact_is_whole(work: Path) -> None:
    result = evaluate.main(config(), context())
    lines = [json.loads(line) for line in (work / "output/results.jsonl").read_text().splitlines()]
    squad, choices = lines[:9], lines[9:]
    # The first two and three questions are the shots and are not scored.
    assert [line["id"] for line in squad] == [f"b{i}" for i in range(9)]
    assert [line["id"] for line in choices] == [str(n) for n in range(3, 13)]
    scores = {f"{score.suite}/{score.metric}": score for score in result.scores or []}
    assert scores["jcqa/accuracy"].value == sum(line["choice"] == line["label"] for line in choices) / 10
    assert scores["jsquad/exact_match"].value == sum(line["answer"] == "川" for line in squad) / 9
    assert scores["jsquad/char_f1"].value == pytest.approx(
        sum(answer_text.character_f1(line["answer"], "川") for line in squad) / 9
    )
    assert all(score.low <= score.value <= score.high for score in scores.values())
    assert result.artifact is not None
    written = manifest.verify(work / "output", result.artifact.digest)
    assert written.type == "evaluation"
    assert {parent.name for parent in written.parents} == {"model", "squad.json", "choices.jsonl"}
    assert json.loads((work / "output/report.json").read_text())["prompts_cut"] == {"jsquad": 0, "jcqa": 0}


def test_the_chosen_answer_is_the_likeliest(work: Path) -> None:
    evaluate.main(config(suites=suites()[1:]), context())
    questions = jcommonsenseqa.read(Input(path="inputs/choices.jsonl"))
    text = tiny.text_tokenizer()
    for line, question in zip(
        (json.loads(text) for text in (work / "output/results.jsonl").read_text().splitlines()),
        questions[3:],
        strict=True,
    ):
        prompt = [text.end_of_text, *text.encode_plain(jcommonsenseqa.prompt(question, questions[:3]))]
        expected = log_likelihoods(
            tiny.model(max_position_embeddings=1024),
            [(prompt, text.encode_plain(choice)) for choice in question.choices],
            1,
        )
        assert line["log_likelihoods"] == pytest.approx(expected, abs=1e-3)
        assert line["choice"] == expected.index(max(expected))


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.8, 1.0])
def test_a_killed_evaluation_goes_on_to_the_same_bytes(work: Path, kept: float) -> None:
    first = evaluate.main(config(), context())
    whole = (work / "output/results.jsonl").read_bytes()
    # Suites are asked one after another, so a kill leaves some beginning of all that is written.
    left = int(len(whole) * kept)
    (work / "second/answers").mkdir(parents=True)
    for suite in ("jsquad", "jcqa"):
        answers = (work / f"output/answers/{suite}.jsonl").read_bytes()
        (work / f"second/answers/{suite}.jsonl").write_bytes(answers[:left])
        left = max(0, left - len(answers))
    second = evaluate.main(config("second"), context())
    assert (work / "second/results.jsonl").read_bytes() == whole
    assert first.artifact is not None and second.artifact is not None
    assert first.artifact.digest == second.artifact.digest


def mend_choices(work: Path) -> None:
    (work / "inputs/choices.jsonl").write_text(
        "".join(json.dumps(choice_line(n) | {"label": 1}, ensure_ascii=False) + "\n" for n in range(13))
    )


def replace_model(work: Path) -> None:
    tiny.write_model(work / "inputs/model", tiny.model(max_position_embeddings=512))


@pytest.mark.parametrize(
    ("change", "kept", "said"),
    [
        # The nine answers to the suite whose data stayed are kept.
        (mend_choices, 9, "; jcqa asked again, because data, model or settings have changed"),
        (replace_model, None, "; jsquad, jcqa asked again, because data, model or settings have changed"),
    ],
)
def test_what_has_changed_since_is_asked_again_and_it_is_said(
    work: Path, change: Callable[[Path], None], kept: int | None, said: str
) -> None:
    assert "asked again" not in evaluate.main(config(), context()).message
    change(work)
    again = evaluate.main(config(), context())
    assert again.message.endswith(said)
    assert again.resumed_from_step == kept
    fresh = evaluate.main(config("fresh"), context())
    assert (work / "output/results.jsonl").read_bytes() == (work / "fresh/results.jsonl").read_bytes()
    assert again.artifact is not None and fresh.artifact is not None
    assert again.artifact.digest == fresh.artifact.digest
    assert "asked again" not in evaluate.main(config(), context()).message


def test_shots_come_from_examples_and_then_all_data_is_scored(work: Path) -> None:
    given = suites()[1] | {"examples": {"path": "inputs/choices.jsonl"}, "limit": 4}
    result = evaluate.main(config(suites=[given]), context())
    assert [score.count for score in result.scores or []] == [4]
    assert json.loads((work / "output/results.jsonl").read_text().splitlines()[0])["id"] == "0"


def test_a_prompt_longer_than_the_context_loses_its_beginning_and_is_counted(work: Path) -> None:
    tiny.write_model(work / "inputs/short", tiny.model(max_position_embeddings=100))
    evaluate.main(config(model={"path": "inputs/short"}), context())
    assert json.loads((work / "output/report.json").read_text())["prompts_cut"] == {"jsquad": 9, "jcqa": 10}
    assert benchmark.keep_end([1, 2, 3], 2, "s") == [2, 3]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"suites": [suites()[0], suites()[0]]}, "equal names"),
        ({"suites": []}, "exactly one of suites and loss_by_position"),
        ({"model": None}, "name a model"),
        ({"suites": [suites()[0] | {"shots": 12}]}, "lower `shots`"),
        ({"suites": [suites()[0] | {"shots": 11}]}, "leaves no question"),
    ],
)
def test_a_config_that_cannot_be_carried_out_is_refused(
    work: Path, changes: dict[str, Any], sentence: str
) -> None:
    assert work.exists()
    with pytest.raises(KernelError, match=sentence):
        evaluate.main(config(**changes), context())


def test_exact_match_and_character_f1() -> None:
    assert answer_text.exact_match(" タマ　", ["ポチ", "タマ"])
    assert not answer_text.exact_match("タマ。", ["タマ"])
    assert answer_text.character_f1("ＡＢ c", "ABd") == pytest.approx(2 / 3)
    assert answer_text.character_f1("", "") == 1.0
    assert answer_text.character_f1("ああ", "あ") == pytest.approx(2 / 3)

"""What `tanren validate` says of a file's first record is what the programs say: both read the same cases."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import tiny

from tanren_kernels import generate
from tanren_kernels.contract import ChatObjective, DpoObjective, Input
from tanren_kernels.corpus import classifier, record_content, sources
from tanren_kernels.evaluation import jcommonsenseqa, jsquad
from tanren_kernels.model.config import read_config
from tanren_kernels.runtime.errors import KernelError
from tanren_kernels.training.dpo import DirectPreferenceOptimization
from tanren_kernels.training.sft import SupervisedFineTuning

CASES = json.loads(
    (Path(__file__).parents[2] / "operator/kinds/data-formats.cases.json").read_text(encoding="utf-8")
)


def sft(given: Input) -> None:
    SupervisedFineTuning(ChatObjective(conversations=[given], held_out_ratio=0), tiny.text_tokenizer(), 200)


def dpo(given: Input) -> None:
    try:
        objective = DpoObjective(preferences=[given], beta=0.1, held_out_ratio=0.5)
        DirectPreferenceOptimization(objective, tiny.text_tokenizer(), 200)
    except KernelError as error:
        # One pair is too few to train on and to hold out: the line itself was read.
        if error.reason != "NoPreferencePairs":
            raise


def document(given: Input) -> None:
    read = record_content._json_line(sources.Raw("a", 0, 0, Path(given.path).read_bytes(), "json"), "text")
    if read.reason:
        raise KernelError("InvalidData", read.reason)


READERS: dict[str, Callable[[Input], object]] = {
    "conversations": sft,
    "prompts": generate.read_prompts,
    "preferences": dpo,
    "examples": lambda given: list(classifier._texts(Path(given.path))),
    "jsonl": document,
    "jcommonsenseqa": jcommonsenseqa.read,
    "jsquad": jsquad.read,
    "model": lambda given: read_config(Path(given.path).parent),
}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['format']}: {case['title']}")
def test_a_record_is_accepted_or_refused_as_the_operator_says(
    case: dict[str, str | bool], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("config.json").write_text(f"{case['record']}\n", encoding="utf-8")
    try:
        READERS[str(case["format"])](Input(path="config.json"))
    except KernelError as error:
        assert not case["accepted"], error
        assert error.reason in ("InvalidData", "ArtifactDamaged")
    else:
        assert case["accepted"]

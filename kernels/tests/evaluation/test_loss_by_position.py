from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
import torch

from tanren_kernels import evaluate
from tanren_kernels.contract import EvaluateConfig, Input, RunIdentity
from tanren_kernels.corpus.packed_tokens import write_packed
from tanren_kernels.evaluation import loss_by_position, passkey
from tanren_kernels.model import pretrained
from tanren_kernels.runtime import manifest
from tanren_kernels.runtime.errors import KernelError
from tanren_kernels.runtime.program import ProgramContext, write_result
from tanren_kernels.runtime.progress import ProgressReporter

LENGTHS = {"en": [40, 300, 20, 280], "ja": [260, 30, 256]}


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A corpus artifact whose held-out documents are of LENGTHS tokens, and two models of its tokenizer."""
    monkeypatch.chdir(tmp_path)
    corpus = tmp_path / "inputs/corpus"
    (corpus / "held-out").mkdir(parents=True)
    random = np.random.default_rng(0)
    for language, lengths in LENGTHS.items():
        documents = [random.integers(3, tiny.text_tokenizer().vocabulary_size, length) for length in lengths]
        write_packed(corpus / "held-out" / language, documents, np.dtype("<u2"))
    metadata = {"dtype": "uint16", "tokenizer_digest": tiny.text_tokenizer().digest}
    manifest.write(corpus, "corpus", RunIdentity.model_validate(tiny.RUN), [], metadata)
    tiny.write_model(tmp_path / "inputs/base", tiny.model(seed=1, max_position_embeddings=128))
    tiny.write_model(tmp_path / "inputs/longer", tiny.model(seed=1, rope_factor=2.0))
    return tmp_path


def config(**changes: Any) -> EvaluateConfig:
    models = [
        {"label": "base", "model": {"path": "inputs/base"}},
        {"label": "positionInterpolation", "model": {"path": "inputs/longer"}},
    ]
    window = {"context_length": 256, "original_context_length": 128, "documents": 3, "passkey_trials": 0}
    measured = {"models": models, "corpus": {"path": "inputs/corpus"}, **window, **changes}
    return EvaluateConfig.model_validate(
        {
            "run": tiny.RUN,
            "output": "output",
            "threads": 1,
            "suites": [],
            "loss_by_position": measured,
            "batch_size": 4,
            "parents": [],
            "seed": 0,
        }
    )


def context() -> ProgramContext:
    return ProgramContext("evaluate", ProgressReporter("evaluate", "document"))


@pytest.mark.parametrize(
    ("original", "longest"), [(128, 256), (512, 2048), (2048, 8192), (256, 256), (100, 130), (8, 9)]
)
def test_bins_cover_every_position_once_and_the_old_window_ends_one(original: int, longest: int) -> None:
    edges = loss_by_position.bin_edges(original, longest)
    assert edges[0] == 1 and edges[-1] == longest and original in edges
    assert all(a < b for a, b in pairwise(edges))
    assert len(edges) <= 1 + loss_by_position.INSIDE_BINS + loss_by_position.OUTSIDE_BINS


def test_long_documents_are_chosen_by_the_corpus_alone(work: Path) -> None:
    chosen = loss_by_position.long_documents(work / "inputs/corpus", 256, 3)
    assert [(document.language, document.number) for document in chosen] == [("en", 1), ("ja", 0), ("en", 3)]
    assert all(len(document.tokens) == 256 for document in chosen)
    with pytest.raises(KernelError, match="longest has 300") as raised:
        loss_by_position.long_documents(work / "inputs/corpus", 301, 3)
    assert raised.value.reason == "NoLongDocuments"


def test_a_documents_losses_are_those_of_the_softmax() -> None:
    model = tiny.model()
    tokens = np.arange(3, 60)
    with torch.no_grad():
        log_probabilities = torch.log_softmax(model(torch.from_numpy(tokens)[None])[0].double(), dim=-1)
    expected = [-float(log_probabilities[p - 1, tokens[p]]) for p in range(1, len(tokens))]
    assert loss_by_position.document_losses(model, tokens, chunk=16) == pytest.approx(expected, abs=1e-4)


def test_every_model_is_measured_on_the_same_windows_and_the_bins_average_their_positions(work: Path) -> None:
    result = evaluate.main(config(), context())
    corpus = loss_by_position.long_documents(work / "inputs/corpus", 256, 3)
    model = tiny.model(seed=1)
    mean = np.mean([loss_by_position.document_losses(model, document.tokens) for document in corpus], axis=0)
    rows = [row for row in result.position_losses or [] if row.label == "base"]
    assert [row.from_ for row in rows] == loss_by_position.bin_edges(128, 256)[:-1]
    assert [row.loss for row in rows] == pytest.approx(
        [mean[row.from_ - 1 : row.to - 1].mean() for row in rows], abs=1e-4
    )
    assert result.metrics["inside_old_window/base"] == pytest.approx(mean[:127].mean(), abs=1e-4)
    assert result.metrics["outside_old_window/base"] == pytest.approx(mean[127:].mean(), abs=1e-4)
    assert (
        result.metrics["outside_old_window/positionInterpolation"]
        != result.metrics["outside_old_window/base"]
    )
    lines = [json.loads(line) for line in (work / "output/losses.jsonl").read_text().splitlines()]
    seen = [
        {(line["language"], line["document"]) for line in lines if line["label"] == label}
        for label in ("base", "positionInterpolation")
    ]
    assert seen[0] == seen[1] == {("en", 1), ("ja", 0), ("en", 3)}


def test_the_measurement_is_an_artifact_that_repeats_to_the_bit(work: Path) -> None:
    first = evaluate.main(config(), context())
    assert first.artifact is not None and first.artifact.type == "measurement"
    written = manifest.verify(work / "output", first.artifact.digest)
    assert {parent.name for parent in written.parents} == {"corpus", "base", "longer"}
    assert (work / "output/loss-by-position.png").read_bytes().startswith(b"\x89PNG")
    assert "<!-- old window (128 tokens) -->" in (work / "output/loss-by-position.svg").read_text()
    second = evaluate.main(config(), context())
    assert second.artifact is not None and second.artifact.digest == first.artifact.digest


def test_the_result_fits_the_termination_message_with_four_models(work: Path) -> None:
    models = [
        {"label": label, "model": {"path": f"inputs/{name}"}}
        for label, name in zip(
            ("base", "none", "positionInterpolation", "ntk"), ("base", "longer") * 2, strict=True
        )
    ]
    result = evaluate.main(config(models=models), context())
    write_result(result, work / "result.json")
    body = json.loads((work / "result.json").read_text())
    assert len(body["position_losses"]) == 40
    assert set(body["position_losses"][0]) == {"label", "from", "to", "loss"}


def test_the_old_window_is_the_first_models_unless_it_is_given(work: Path) -> None:
    evaluate.main(config(original_context_length=None), context())
    assert json.loads((work / "output/report.json").read_text())["original_context_length"] == 128


def test_passkey_prompts_hide_the_number_at_its_depth_within_the_length(work: Path) -> None:
    assert work.exists()
    ready = pretrained.load(Input(path="inputs/longer"), torch.float32, 0)
    trials = list(passkey.trials(ready, 300, 700, per_place=2, seed=5))
    assert len(trials) == 3 * len(passkey.DEPTHS) * 2
    assert trials == list(passkey.trials(ready, 300, 700, per_place=2, seed=5))
    for trial in trials:
        text = ready.tokenizer.decode(trial.prompt)
        assert trial.length - 60 < len(trial.prompt) + passkey.answer_tokens(ready) <= trial.length
        assert text.count(trial.number) == 2 and text.endswith(passkey.QUESTION)
        before, after = (part.count(passkey.FILLER) for part in text.split(passkey.needle(trial.number)))
        assert before == round(trial.depth * (before + after)) and before + after > 0
    assert [passkey.leading_digits(text) for text in ("12345です", " 123", "x1", "")] == [
        "12345",
        "123",
        "",
        "",
    ]


def test_passkey_counts_the_answers_that_begin_with_the_number(work: Path) -> None:
    result = evaluate.main(
        config(context_length=250, original_context_length=200, passkey_trials=1), context()
    )
    report = json.loads((work / "output/report.json").read_text())["passkey"]["base"]
    assert report["trials"] == 15 and len(report["places"]) == 15
    # Random weights know no number; a model that echoes the needle would.
    assert result.metrics["passkey/base"] == 0.0
    ready = pretrained.load(Input(path="inputs/longer"), torch.float32, 0)
    trials = list(passkey.trials(ready, 200, 250, 1, 0))

    texts = [trial.number + ("です" if place else "9") for place, trial in enumerate(trials)]
    assert passkey.found(trials, texts) == [False] + [True] * 14


def test_a_model_of_another_tokenizer_is_refused(work: Path) -> None:
    path = work / "inputs/base/tokenizer.json"
    path.write_bytes(path.read_bytes() + b"\n")
    with pytest.raises(KernelError, match="model base has tokenizer") as raised:
        evaluate.main(config(), context())
    assert raised.value.reason == "TokenizerMismatch"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"context_length": 100}, "shorter than the old window of 128"),
        ({"models": [{"label": "a", "model": {"path": "inputs/base"}}] * 2}, "equal labels"),
    ],
)
def test_a_config_that_makes_no_sense_is_refused(work: Path, changes: dict[str, Any], sentence: str) -> None:
    assert work.exists()
    with pytest.raises(KernelError, match=sentence):
        evaluate.main(config(**changes), context())

"""Several models measured on the same documents and the same passkey prompts: one table, one figure."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ..contract import LabelledModel, LossByPositionConfig, ManifestParent, PositionLoss
from ..model.config import read_config
from ..model.pretrained import Pretrained, load
from ..runtime import durable_file, manifest
from ..runtime.confidence import wilson
from ..runtime.errors import KernelError
from ..runtime.program import ProgramContext
from . import loss_by_position, passkey, position_plot
from .loss_by_position import LongDocument

LOSSES = "losses.jsonl"


@dataclass(frozen=True)
class ComparisonMetrics:
    position_losses: list[PositionLoss]
    metrics: dict[str, float]
    report: dict[str, Any]
    parents: list[ManifestParent]


def measure(
    config: LossByPositionConfig, output: Path, batch_size: int, seed: int, context: ProgramContext
) -> ComparisonMetrics:
    """Measures every model; writes losses.jsonl and the figure.

    Raises NoLongDocuments, TokenizerMismatch, InvalidConfig for a context that is shorter than the old one or
    labels that are equal.
    """
    labels = [labelled.label for labelled in config.models]
    if len(set(labels)) != len(labels):
        raise KernelError(
            "InvalidConfig", f"loss_by_position.models has equal labels in {labels}; give each model its own."
        )
    original = config.original_context_length
    if original is None:
        original = read_config(Path(config.models[0].model.path)).max_position_embeddings
    if config.context_length < original:
        raise KernelError(
            "InvalidConfig",
            f"loss_by_position.context_length {config.context_length} is shorter than the old window of "
            f"{original}; lengthen it.",
        )
    corpus_parent = manifest.verify_input(config.corpus)
    documents = loss_by_position.long_documents(
        Path(config.corpus.path), config.context_length, config.documents
    )
    edges = loss_by_position.bin_edges(original, config.context_length)
    parents = [corpus_parent]
    rows: list[PositionLoss] = []
    metrics: dict[str, float] = {}
    lines: list[dict[str, Any]] = []
    passkeys: dict[str, Any] = {}
    for done, labelled in enumerate(config.models):
        ready = _load(labelled, config)
        parents.append(ready.parent)
        losses = []
        for number, document in enumerate(documents, start=1):
            context.stop_if_asked()
            losses.append(loss_by_position.document_losses(ready.model, document.tokens))
            lines += _lines(
                labelled.label, document, loss_by_position.by_bin(labelled.label, losses[-1:], edges)
            )
            context.progress.update(
                done * len(documents) + number, len(config.models) * len(documents), unit="document"
            )
        rows += loss_by_position.by_bin(labelled.label, losses, edges)
        inside, outside = loss_by_position.inside_and_outside(losses, original)
        metrics[f"inside_old_window/{labelled.label}"] = inside
        if outside is not None:
            metrics[f"outside_old_window/{labelled.label}"] = outside
        if config.passkey_trials:
            passkeys[labelled.label] = _passkey(ready, config, original, batch_size, seed)
            if passkeys[labelled.label]["trials"]:
                metrics[f"passkey/{labelled.label}"] = passkeys[labelled.label]["accuracy"]
    durable_file.write(output / LOSSES, b"".join(json.dumps(line).encode() + b"\n" for line in lines))
    position_plot.draw(rows, original, len(documents), output)
    report = {
        "context_length": config.context_length,
        "original_context_length": original,
        "documents": len(documents),
        "documents_by_language": dict(Counter(document.language for document in documents)),
        "models": {
            labelled.label: parent.digest for labelled, parent in zip(config.models, parents[1:], strict=True)
        },
        "position_losses": [
            {**row.model_dump(by_alias=True), "tokens": (row.to - row.from_) * len(documents)} for row in rows
        ],
        "passkey": passkeys,
        "metrics": metrics,
    }
    return ComparisonMetrics(rows, metrics, report, parents)


def _load(labelled: LabelledModel, config: LossByPositionConfig) -> Pretrained:
    ready = load(labelled.model, torch.float32, cache_tokens=config.context_length)
    corpus_tokenizer = manifest.read(Path(config.corpus.path)).metadata.get("tokenizer_digest")
    if ready.tokenizer.digest != corpus_tokenizer:
        raise KernelError(
            "TokenizerMismatch",
            f"model {labelled.label} has tokenizer {ready.tokenizer.digest}, the corpus {corpus_tokenizer}; "
            "measure on a corpus of the model's own tokenizer.",
        )
    return ready


def _lines(label: str, document: LongDocument, bins: list[PositionLoss]) -> list[dict[str, Any]]:
    origin = {"language": document.language, "document": document.number}
    return [{"label": label, **origin, "from": row.from_, "to": row.to, "loss": row.loss} for row in bins]


def _passkey(
    ready: Pretrained, config: LossByPositionConfig, original: int, batch_size: int, seed: int
) -> dict[str, Any]:
    """Accuracy over all trials with its interval, and by length and depth."""
    trials = list(passkey.trials(ready, original, config.context_length, config.passkey_trials, seed))
    outcomes = passkey.retrieved(ready, trials, batch_size)
    if not trials:
        return {"trials": 0}
    low, high = wilson(sum(outcomes), len(outcomes))
    by_place: dict[tuple[int, float], list[bool]] = {}
    for trial, outcome in zip(trials, outcomes, strict=True):
        by_place.setdefault((trial.length, trial.depth), []).append(outcome)
    places = [
        {"length": length, "depth": depth, "found": sum(found), "of": len(found)}
        for (length, depth), found in by_place.items()
    ]
    return {
        "trials": len(trials),
        "accuracy": sum(outcomes) / len(outcomes),
        "low": low,
        "high": high,
        "places": places,
    }

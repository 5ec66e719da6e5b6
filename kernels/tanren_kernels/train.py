"""Trains a model: language modelling, chat tuning or preference optimisation;
writes a model artifact in Hugging Face layout.
"""

from __future__ import annotations

from .training import launcher

if __name__ == "__main__":
    # Before torch is loaded: a process that only starts ranks would hold hundreds of megabytes for nothing.
    launcher.become_rank("tanren_kernels.train")

import os
from collections import deque
from collections.abc import Iterable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import torch

from .contract import Input, Manifest, ManifestParent, Result, RopeScaling, TrainConfig
from .model.config import LlamaConfig, read_config
from .model.export import export_model
from .model.llama import Llama, Source, fill, initial_tensor, parameter_count
from .model.weights import StoredWeights
from .runtime import manifest, tracing
from .runtime.errors import KernelError
from .runtime.program import ProgramContext, run
from .tokenizer import tokenizer
from .tokenizer.tokenizer import TextTokenizer
from .training import activation_checkpointing, data_parallel
from .training.context_parallel import ContextParallel
from .training.dpo import DirectPreferenceOptimization
from .training.language_modelling import LanguageModelling
from .training.objective import Objective
from .training.ranks import ParallelDims, Ranks
from .training.sft import SupervisedFineTuning
from .training.trainer import Outcome, Trainer


def refuse_ambiguous(config: TrainConfig) -> None:
    """Unions of the contract that no type can say; raises InvalidConfig."""
    training = config.training
    unions = {
        "training.steps and training.epochs": (training.steps, training.epochs),
        "shape and model": (config.shape, config.model),
        "language_model, chat and dpo": (config.language_model, config.chat, config.dpo),
    }
    for names, values in unions.items():
        if sum(value is not None for value in values) != 1:
            raise KernelError("InvalidConfig", f"exactly one of {names} must be given.")
    context, length = config.parallelism.context or 1, training.sequence_length
    if context > 1 and config.language_model is None:
        raise KernelError(
            "InvalidConfig",
            f"parallelism.context {context} divides sequences of language_model alone; make it 1.",
        )
    if length % (2 * context) and context > 1:
        raise KernelError(
            "InvalidConfig",
            f"training.sequence_length {length} is no multiple of 2 x parallelism.context {context}; change "
            "one of them.",
        )
    if config.shape is not None and config.language_model is None:
        raise KernelError(
            "InvalidConfig",
            "shape starts from random weights, which only language_model can train; give model.",
        )
    if (
        config.rope_scaling is not None
        and config.rope_scaling.rope_type == "none"
        and config.rope_scaling.factor not in (None, 1)
    ):
        raise KernelError(
            "InvalidConfig",
            f"rope_scaling.factor is {config.rope_scaling.factor} with rope_type none; make it 1 or choose "
            "linear.",
        )


def inputs_of(config: TrainConfig) -> list[Input]:
    """Everything the program reads."""
    inputs = [config.model] if config.model else []
    if config.language_model:
        inputs.append(config.language_model.corpus)
    if config.chat:
        inputs.extend(config.chat.conversations)
    if config.dpo:
        inputs.extend(config.dpo.preferences)
    return inputs


def hash_of(config: TrainConfig, parents: list[ManifestParent]) -> str:
    """Identity of the weights that will come out: what was read, by digest,
    and every setting that changes them.

    Not in it: ranks, micro batches, activation checkpointing, threads, checkpoints, evaluation, paths. They
    may change between restarts.
    """
    body = config.model_dump(include={"shape", "rope_scaling", "training"}, exclude_none=True)
    for name in ("micro_batch_size", "activation_checkpointing"):
        body["training"].pop(name)
    for name in ("language_model", "chat", "dpo"):
        objective = getattr(config, name)
        if objective is not None:
            body[name] = objective.model_dump(exclude={"corpus", "conversations", "preferences"})
    if config.export_dtype is not None:
        body["export_dtype"] = config.export_dtype
    body["read"] = [parent.digest for parent in parents]
    return "sha256:" + sha256(manifest.canonical(body)).hexdigest()


def start_of(config: TrainConfig, text: TextTokenizer) -> tuple[LlamaConfig, Source]:
    """Shape and weights that training starts from, context length and RoPE scaling applied."""
    source: Source
    if config.model is not None:
        directory = Path(config.model.path)
        shape = read_config(directory)
        source = StoredWeights(directory, shape).read
    else:
        assert config.shape is not None
        shape = LlamaConfig.of_shape(config.shape, text.vocabulary_size)

        def source(name: str, size: torch.Size) -> torch.Tensor:
            return initial_tensor(shape, name, size, config.training.seed)

    shape = extended(shape, config.rope_scaling)
    if config.training.sequence_length > shape.max_position_embeddings:
        raise KernelError(
            "InvalidConfig",
            f"training.sequence_length {config.training.sequence_length} is over max_position_embeddings "
            f"{shape.max_position_embeddings}; "
            "lower it or extend the context.",
        )
    return shape, source


def extended(shape: LlamaConfig, scaling: RopeScaling | None) -> LlamaConfig:
    """A shape with another context length; raises InvalidConfig where interpolation would make it shorter."""
    if scaling is None:
        return shape
    longer = scaling.max_position_embeddings
    if scaling.rope_type == "none":
        return replace(shape, max_position_embeddings=longer)
    factor = scaling.factor or shape.rope_factor * longer / shape.max_position_embeddings
    if factor < shape.rope_factor:
        raise KernelError(
            "InvalidConfig",
            f"rope_scaling: {longer} positions and factor {factor:g} are less than the model's "
            f"{shape.max_position_embeddings} and "
            f"{shape.rope_factor:g}; give a longer context.",
        )
    return replace(shape, rope_factor=factor, max_position_embeddings=longer)


def tokenizer_of(config: TrainConfig) -> TextTokenizer:
    """The tokenizer of the model, which must be the corpus's own; raises TokenizerMismatch."""
    given = config.model if config.language_model is None else config.language_model.corpus
    assert given is not None
    text = tokenizer.load(Path(given.path))
    if config.model is not None and config.language_model is not None:
        digest = tokenizer.load(Path(config.model.path)).digest
        if digest != text.digest:
            raise KernelError(
                "TokenizerMismatch",
                f"{config.model.path} has tokenizer {digest}, {given.path} has {text.digest}; make the "
                "corpus with the tokenizer of the model's own corpus.",
            )
    return text


@tracing.span("prepare samples")
def objective_of(config: TrainConfig, text: TextTokenizer, context: ProgramContext) -> Objective:
    length = config.training.sequence_length
    if config.language_model is not None:
        modelling = LanguageModelling(config.language_model, length)
        context.log(
            "windows",
            train=len(modelling.train),
            held_out={language: len(windows) for language, windows in modelling.held_out.items()},
        )
        return modelling
    objective: SupervisedFineTuning | DirectPreferenceOptimization
    if config.chat is not None:
        objective = SupervisedFineTuning(config.chat, text, length)
    else:
        assert config.dpo is not None
        objective = DirectPreferenceOptimization(config.dpo, text, length)
    context.log(
        "samples",
        train=len(objective.train),
        held_out=sum(map(len, objective.held_out.values())),
        dropped=objective.dropped,
    )
    return objective


def result_of(output: Path, written: Manifest) -> Result:
    """The result of a finished run, read from its manifest alone, so that asking again gives the same."""
    metadata = written.metadata
    named = {
        name: metadata[name]
        for name in ("tokenizer_digest", "vocabulary_size", "context_length", "parameters")
    }
    return Result(
        reason="Completed",
        message=f"trained {metadata['steps']} steps; the model is in {output}.",
        artifact=manifest.artifact_result(output, written, **named),
        metrics=metadata["metrics"],
        step=metadata["steps"],
    )


def finished(config: TrainConfig, config_hash: str) -> Result | None:
    """The result of this very run where it was finished before;
    raises InvalidConfig where the directory is another run's.
    """
    output = Path(config.output)
    if not (output / manifest.NAME).exists():
        return None
    written = manifest.verify(output)
    if written.metadata.get("config_hash") != config_hash:
        raise KernelError(
            "InvalidConfig",
            f"{output} holds the finished model of another config; start a new run or give another output.",
        )
    return result_of(output, written)


@tracing.span("write artifact")
def write_artifact(
    config: TrainConfig,
    config_hash: str,
    parents: list[ManifestParent],
    shape: LlamaConfig,
    text: TextTokenizer,
    parameters: Iterable[tuple[str, torch.Tensor]],
    outcome: Outcome,
) -> Result:
    """Exports the model, draws its loss, and writes the manifest last.

    Nothing in the manifest depends on when or how fast the run went.
    """
    # Only here: a resumed run should be at its first step before the plotting library is loaded.
    from .training import loss_plot

    output = Path(config.output)
    files = export_model(
        output,
        shape,
        parameters,
        text,
        chat=config.language_model is None,
        dtype=config.export_dtype or "float32",
    )
    loss_plot.draw_loss(output, config.run.name)
    metadata = {
        "config_hash": config_hash,
        "tokenizer_digest": text.digest,
        "vocabulary_size": shape.vocab_size,
        "context_length": shape.max_position_embeddings,
        "parameters": parameter_count(shape),
        "steps": outcome.steps,
        "metrics": outcome.metrics,
        "training": config.training.model_dump(exclude_none=True),
    }
    return result_of(output, manifest.write(output, "model", config.run, parents, metadata, files))


def main(config: TrainConfig, context: ProgramContext) -> Result:
    refuse_ambiguous(config)
    torch.set_num_threads(max(1, config.threads // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))))
    read = [manifest.verify_input(given) for given in inputs_of(config)]
    config_hash = hash_of(config, read)
    if (result := finished(config, config_hash)) is not None:
        context.log("already finished", output=config.output)
        return result
    output = Path(config.output)
    output.mkdir(parents=True, exist_ok=True)
    text = tokenizer_of(config)
    shape, source = start_of(config, text)
    objective = objective_of(config, text, context)

    with Ranks.joined() as ranks:
        dims = ParallelDims.of(config.parallelism, ranks.size)
        with torch.device("meta"):
            model = Llama(shape)
        sequences = ContextParallel(dims, ranks)
        sequences.apply(model)
        activation_checkpointing.apply(model, config.training.activation_checkpointing)
        parallel = data_parallel.data_parallel_of(dims, ranks, config.training.precision)
        parallel.apply(model)
        fill(model, source, parallel.assign)
        outcome = Trainer(config, config_hash, model, objective, ranks, parallel, sequences, context).run()
        whole = ((name, parallel.full(parameter)) for name, parameter in model.named_parameters())
        if ranks.rank != 0:
            # Every rank gives its part of each.
            deque(whole, maxlen=0)
            return Result(
                reason="Completed",
                message=f"rank {ranks.rank} is done; rank 0 writes the model.",
                metrics={},
                step=outcome.steps,
            )
        lineage = {
            (parent.name, parent.digest): parent
            for parent in (*read, *(manifest.verify_input(given) for given in config.parents))
        }
        result = write_artifact(config, config_hash, list(lineage.values()), shape, text, whole, outcome)
    return result.model_copy(
        update={
            "resumed_from_step": outcome.resumed_from_step,
            "checkpoints_passed_over": outcome.checkpoints_passed_over or None,
        }
    )


if __name__ == "__main__":
    run("train", TrainConfig, main)

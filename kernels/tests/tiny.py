"""A tokenizer and models small enough to run in milliseconds, with random weights;
directories in Hugging Face layout.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import torch

from tanren_kernels.model.config import LlamaConfig
from tanren_kernels.model.export import export_model
from tanren_kernels.model.llama import Llama, fill, initial_tensor
from tanren_kernels.tokenizer import tokenizer, training
from tanren_kernels.tokenizer.tokenizer import TextTokenizer

# The machine is shared, and so small a model is slower on two threads than on one.
torch.set_num_threads(1)

TEXTS = [
    "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。",
    "川は静かに流れ、鳥は木の上で鳴いている。風が吹き、また朝が来る。",
    "次の文章を読み、質問の答えを文章の中から書き出してください。文章：質問：答え：",
    "The quick brown fox jumps over the lazy dog, and the dog sleeps on.",
] * 4

RUN = {
    "kind": "Evaluation",
    "namespace": "default",
    "name": "tiny",
    "uid": "1",
    "stage": "test",
    "attempt": 1,
}


@functools.cache
def text_tokenizer(vocabulary_size: int = 400) -> TextTokenizer:
    return TextTokenizer(tokenizer.serialise(training.train(TEXTS, 0, vocabulary_size, 1_000_000)), "tiny")


def config(**changes: Any) -> LlamaConfig:
    shape = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
    }
    return LlamaConfig(
        **{"vocab_size": text_tokenizer().vocabulary_size, **shape, "max_position_embeddings": 256, **changes}
    )


def model(seed: int = 0, scale: float = 10.0, **changes: Any) -> Llama:
    """Matrices are scaled up from their initial size: a fresh model's logits are all but equal,
    and greedy choices would be chance.
    """
    llama = Llama(config(**changes))
    fill(
        llama,
        lambda name, shape: (
            initial_tensor(llama.config, name, shape, seed) * (scale if len(shape) > 1 else 1.0)
        ),
    )
    return llama.eval()


def write_model(directory: Path, llama: Llama) -> Path:
    export_model(
        directory,
        llama.config,
        ((name, parameter.detach()) for name, parameter in llama.named_parameters()),
        text_tokenizer(),
        chat=True,
    )
    return directory

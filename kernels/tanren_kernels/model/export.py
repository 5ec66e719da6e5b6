"""The model artifact: Hugging Face layout, so that transformers and vLLM load it as it is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor

from ..runtime import durable_file
from ..tokenizer import chatml, tokenizer
from ..tokenizer.tokenizer import TextTokenizer
from .config import LlamaConfig
from .weights import to_hugging_face

WEIGHTS = "model.safetensors"
FILES = ("config.json", WEIGHTS, tokenizer.NAME, "tokenizer_config.json", "generation_config.json")


def export_model(
    directory: Path, config: LlamaConfig, parameters: Mapping[str, Tensor], text: TextTokenizer, chat: bool
) -> list[Path]:
    """Writes the files of a model directory, each whole or not at all, and returns them;
    the manifest is the caller's.

    `parameters` are full float32 tensors under our names. `chat`: the end-of-turn token ends a generation
    too.
    """
    directory.mkdir(parents=True, exist_ok=True)
    weights = to_hugging_face(config, dict(parameters))
    durable_file.write_with(
        directory / WEIGHTS, lambda path: save_file(weights, path, metadata={"format": "pt"})
    )
    special = {
        "bos_token_id": text.end_of_text,
        "eos_token_id": text.end_of_text,
        "pad_token_id": text.end_of_text,
    }
    _write_json(directory / "config.json", {**config.to_json(), **special})
    ends = [text.end_of_text, text.message_end] if chat else text.end_of_text
    end_of_text = text.core.id_to_token(text.end_of_text)
    _write_json(
        directory / "generation_config.json",
        {**special, "eos_token_id": ends, "max_length": config.max_position_embeddings},
    )
    _write_json(
        directory / "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "bos_token": end_of_text,
            "eos_token": tokenizer.MESSAGE_END if chat else end_of_text,
            "pad_token": end_of_text,
            "model_max_length": config.max_position_embeddings,
            "clean_up_tokenization_spaces": False,
            **(
                {
                    "additional_special_tokens": [tokenizer.MESSAGE_START, tokenizer.MESSAGE_END],
                    "chat_template": chatml.TEMPLATE,
                }
                if text.knows_chatml
                else {}
            ),
        },
    )
    # The very bytes of the parent's file: its digest is what ties models and corpora together.
    durable_file.write(directory / tokenizer.NAME, text.content)
    return [directory / name for name in FILES]


def _write_json(path: Path, body: dict[str, Any]) -> None:
    durable_file.write(path, json.dumps(body, indent=2, ensure_ascii=False).encode() + b"\n")

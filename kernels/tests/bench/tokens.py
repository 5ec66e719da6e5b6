"""Tokens beside the peers: training of a tokenizer, its characters per token, encoding, and packing.

Run in the bench environment: `make bench-corpus`, on the text of the quickstart's pages and program code, as
`warc_to_text.py` extracts it. Rounds alternate; seconds are a processor's, the median of all rounds. Prints
one JSON line and with --into adds to the figures of a file.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

os.environ["RAYON_NUM_THREADS"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import numpy as np
import rustbpe
import sentencepiece
import tiktoken
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

sys.path.insert(0, str(Path(__file__).parents[2]))
sys.path.insert(0, str(Path(__file__).parents[1]))
from bench.warc_to_text import ours as extract
from bench.warc_to_text import read

from tanren_kernels.corpus.encoding import CorpusEncoder
from tanren_kernels.tokenizer import tokenizer
from tanren_kernels.tokenizer.tokenizer import TextTokenizer
from tanren_kernels.tokenizer.training import train

VOCABULARY = 16_384

# What rustbpe has by default: the one of GPT-4.
GPT4 = (
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]"
    r"|\s+(?!\S)|\s+"
)


def texts_of(archives: list[Path], code: Path) -> list[str]:
    texts = [extract(html) for html in read(archives)]
    texts += [file.read_text(errors="replace") for file in sorted(code.rglob("*.py"))]
    texts = [text for text in texts if text]
    random.Random(0).shuffle(texts)
    return texts


def train_ours(texts: list[str]) -> TextTokenizer:
    return TextTokenizer(tokenizer.serialise(train(texts, 0, VOCABULARY, 5_000_000)), "ours")


def train_rustbpe(texts: list[str]) -> tiktoken.Encoding:
    core = rustbpe.Tokenizer()
    core.train_from_iterator(iter(texts), VOCABULARY, pattern=GPT4)
    ranks = {bytes(token): rank for token, rank in core.get_mergeable_ranks()}
    return tiktoken.Encoding("rustbpe", pat_str=GPT4, mergeable_ranks=ranks, special_tokens={})


def train_sentencepiece(texts: list[str]) -> sentencepiece.SentencePieceProcessor:
    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=(line for text in texts for line in text.splitlines() if line),
        model_writer=written,
        model_type="bpe",
        vocab_size=VOCABULARY,
        byte_fallback=True,
        character_coverage=0.9995,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        max_sentence_length=100_000,
        num_threads=1,
        minloglevel=3,
    )
    return sentencepiece.SentencePieceProcessor(model_proto=written.getvalue())


def train_tokenizers(texts: list[str]) -> Tokenizer:
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    core.train_from_iterator(
        texts, trainers.BpeTrainer(vocab_size=VOCABULARY, initial_alphabet=alphabet, show_progress=False)
    )
    return core


TRAINED: dict[str, Callable[[list[str]], Any]] = {
    "tanren": train_ours,
    "rustbpe": train_rustbpe,
    "sentencepiece": train_sentencepiece,
    "tokenizers": train_tokenizers,
}

# Of SentencePiece a line's end is no token: it is encoded line by line, and each end is counted as one.
COUNTED: dict[str, Callable[[Any, str], int]] = {
    "tanren": lambda one, text: len(one.encode_plain(text)),
    "rustbpe": lambda one, text: len(one.encode_ordinary(text)),
    "sentencepiece": lambda one, text: sum(len(ids) + 1 for ids in one.encode(text.split("\n"))) - 1,
    "tokenizers": lambda one, text: len(one.encode(text).ids),
}


def seconds_of(work: Callable[[], Any]) -> tuple[float, Any]:
    began = time.process_time()
    result = work()
    return time.process_time() - began, result


def training(texts: list[str], test: list[str], rounds: int) -> tuple[dict[str, Any], TextTokenizer]:
    seconds: dict[str, list[float]] = {name: [] for name in TRAINED}
    made: dict[str, Any] = {}
    for _ in range(rounds):
        for name, train_one in TRAINED.items():
            took, made[name] = seconds_of(partial(train_one, texts))
            seconds[name].append(took)
    median = {name: statistics.median(own) for name, own in seconds.items()}
    characters = sum(map(len, test))
    per_token = {
        name: characters / sum(COUNTED[name](one, text) for text in test) for name, one in made.items()
    }
    peers = [name for name in TRAINED if name != "tanren"]
    figures = {
        "bpe_train_vs_fastest": round(min(median[name] for name in peers) / median["tanren"], 3),
        "characters_per_token_vs_best": round(
            per_token["tanren"] / max(per_token[name] for name in peers), 4
        ),
        "bpe_train_seconds": {name: round(own, 2) for name, own in median.items()},
        "characters_per_token": {name: round(own, 4) for name, own in per_token.items()},
    }
    return figures, made["tanren"]


def encoding(own: TextTokenizer, texts: list[str], rounds: int) -> dict[str, Any]:
    size = sum(len(text.encode()) for text in texts)
    seconds: dict[str, list[float]] = {"ours": [], "library": []}
    for _ in range(rounds):
        # A new one each time: nothing is remembered from one to the next.
        encoder = CorpusEncoder(own, np.dtype("<u2"))
        took, fast = seconds_of(partial(encoder.encode, texts))
        seconds["ours"].append(took)
        took, slow = seconds_of(lambda: own.encode_plain_batch(texts))
        seconds["library"].append(took)
        if [ids[:-1].tolist() for ids in fast] != slow:
            raise SystemExit("the ids are not the library's")
    ours, library = (statistics.median(seconds[name]) for name in ("ours", "library"))
    return {
        "encode_vs_hf": round(library / ours, 2),
        "encode_megabytes_per_second": round(size / ours / 1e6, 2),
        "encode_megabytes_per_second_hf": round(size / library / 1e6, 2),
        "encode_documents_equal": len(texts),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("archives", type=Path, nargs="+", help="WARC files")
    parser.add_argument("--code", type=Path, required=True, help="directory of Python files")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--into", type=Path, help="JSON file whose figures are added to")
    arguments = parser.parse_args()
    texts = texts_of(arguments.archives, arguments.code)
    cut = int(0.7 * len(texts))
    figures, own = training(texts[:cut], texts[cut:], arguments.rounds)
    figures |= encoding(own, texts, arguments.rounds)
    print(json.dumps(figures))
    if arguments.into is not None:
        before = json.loads(arguments.into.read_text()) if arguments.into.exists() else {}
        arguments.into.write_text(json.dumps({**before, **figures}, indent=2) + "\n")


if __name__ == "__main__":
    main()

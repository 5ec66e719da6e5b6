"""A SentencePiece model as a tokenizer.json: what models that came before it have instead of one.

The model file holds pieces and scores. Of BPE, the merges that the tokenizers library wants are the splits of
each piece into two others, in the order of the pieces' scores. Whether the ids are the library's is not taken
on trust: `differing_text` compares them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

from ..runtime.errors import KernelError

_SPACE = "▁"
_UNIGRAM, _BPE = 1, 2
_NORMAL, _UNKNOWN, _CONTROL, _USER_DEFINED = 1, 2, 3, 4


def tokenizer_json(content: bytes, origin: str) -> bytes:
    """Equal models give equal bytes. Raises TokenizerMismatch."""
    model = sentencepiece_model_pb2.ModelProto()
    try:
        model.ParseFromString(content)
    except Exception as error:  # protobuf's DecodeError, by which of its implementations is installed
        raise KernelError("TokenizerMismatch", f"{origin} is no SentencePiece model: {error}.") from error
    pieces = [(piece.piece, piece.score) for piece in model.pieces]
    if not pieces or model.trainer_spec.model_type not in (_UNIGRAM, _BPE):
        raise KernelError(
            "TokenizerMismatch",
            f"{origin} is no SentencePiece model of unigrams or BPE; give one that is.",
        )
    if model.trainer_spec.treat_whitespace_as_suffix:
        raise KernelError(
            "TokenizerMismatch",
            f"{origin} treats white space as suffix, which a tokenizer.json cannot say; give another model.",
        )
    unigram = model.trainer_spec.model_type == _UNIGRAM
    core = Tokenizer(_unigram(model, pieces) if unigram else _bpe(model, pieces))
    special = [piece.piece for piece in model.pieces if piece.type in (_CONTROL, _UNKNOWN)]
    own = [piece.piece for piece in model.pieces if piece.type == _USER_DEFINED]
    core.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in special])
    core.add_tokens([AddedToken(name, special=False, normalized=False) for name in own])
    core.normalizer = _normalizer(model.normalizer_spec)
    if unigram:
        # Its trie holds special tokens too, and text must never become one.
        spelled = "|".join(f"(?<={re.escape(name[0])})(?={re.escape(name[1:])})" for name in special)
        core.pre_tokenizer = pre_tokenizers.Split(Regex(spelled), behavior="isolated")
    strip = [decoders.Strip(" ", 1, 0)] if model.normalizer_spec.add_dummy_prefix else []
    core.decoder = decoders.Sequence(
        [decoders.Replace(_SPACE, " "), decoders.ByteFallback(), decoders.Fuse(), *strip]
    )
    return json.dumps(json.loads(core.to_str()), ensure_ascii=False, indent=1).encode() + b"\n"


def differing_text(content: bytes, core: Tokenizer, texts: Iterable[str]) -> str | None:
    """The first text whose ids the library gives otherwise."""
    library = sentencepiece.SentencePieceProcessor(model_proto=content)
    for text in texts:
        if library.encode(text) != core.encode(text, add_special_tokens=False).ids:
            return text
    return None


def _unigram(model: Any, pieces: list[tuple[str, float]]) -> Any:
    return models.Unigram(pieces, model.trainer_spec.unk_id, model.trainer_spec.byte_fallback)


def _bpe(model: Any, pieces: list[tuple[str, float]]) -> Any:
    ids = {piece: number for number, (piece, _) in enumerate(pieces)}
    merged = {piece.piece for piece in model.pieces if piece.type == _NORMAL}
    ordered = sorted(merged, key=lambda piece: (-pieces[ids[piece]][1], ids[piece]))
    merges = [
        (piece[:at], piece[at:])
        for piece in ordered
        for at in range(1, len(piece))
        if piece[:at] in merged and piece[at:] in merged
    ]
    return models.BPE(
        ids,
        merges,
        unk_token=pieces[model.trainer_spec.unk_id][0],
        fuse_unk=True,
        byte_fallback=model.trainer_spec.byte_fallback,
    )


def _normalizer(rules: Any) -> Any:
    steps: list[Any] = []
    if rules.precompiled_charsmap:
        steps.append(normalizers.Precompiled(rules.precompiled_charsmap))
    if rules.remove_extra_whitespaces:
        steps += [normalizers.Replace(Regex("^ +| +$"), ""), normalizers.Replace(Regex(" {2,}"), " ")]
    if rules.add_dummy_prefix:
        steps.append(normalizers.Prepend(_SPACE))
    if rules.escape_whitespaces:
        steps.append(normalizers.Replace(" ", _SPACE))
    return normalizers.Sequence(steps)

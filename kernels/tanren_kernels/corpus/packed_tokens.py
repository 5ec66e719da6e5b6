"""Packed tokens: how a corpus artifact holds its documents,
written by `tokenize` and read by `train` and `evaluate`.

A shard is two files. `NNNNN.bin` holds the tokens of whole documents one after another, little-endian, each
document ended by `<|endoftext|>`; `NNNNN.idx` holds the documents' start offsets within the shard, in tokens,
as little-endian int64.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType

import numpy as np
import numpy.typing as npt

from ..runtime import durable_file, manifest
from ..runtime.durable_file import DurableFile
from ..runtime.errors import KernelError

Tokens = npt.NDArray[np.integer]


def dtype_for(vocabulary_size: int) -> np.dtype[np.unsignedinteger]:
    """Two bytes per token as long as every id fits."""
    return np.dtype("<u2") if vocabulary_size <= 65_536 else np.dtype("<u4")


class PackedWriter:
    """Appends documents to numbered shards in `directory`.

    Documents never straddle shards: a document that does not fit opens the next shard, and one longer than
    `shard_tokens` has a shard of its own. Use as a context manager; the last shard is finished on leaving
    without an error.
    """

    def __init__(self, directory: Path, dtype: np.dtype[np.unsignedinteger], shard_tokens: int) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.dtype = dtype
        self.shard_tokens = shard_tokens
        self.total_tokens = 0
        self._shards = 0
        self._shard: _PackedFile | None = None

    def add(self, tokens: Tokens) -> None:
        """Appends one document; `tokens` already end with `<|endoftext|>`."""
        if self._shard is not None and self._shard.length + len(tokens) > self.shard_tokens:
            self._finish()
        if self._shard is None:
            self._shard = _PackedFile(self.directory / f"{self._shards:05d}", self.dtype)
        self._shard.add(tokens)
        self.total_tokens += len(tokens)

    def _finish(self) -> None:
        if self._shard is not None:
            self._shard.commit()
            self._shards += 1
        self._shard = None

    def __enter__(self) -> PackedWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._finish()
        elif self._shard is not None:
            self._shard.discard()


def write_packed(stem: Path, documents: Iterable[Tokens], dtype: np.dtype[np.unsignedinteger]) -> int:
    """Writes `<stem>.idx` and `<stem>.bin`; returns the number of tokens."""
    file = _PackedFile(stem, dtype)
    try:
        for tokens in documents:
            file.add(tokens)
        file.commit()
    finally:
        file.discard()
    return file.length


class _PackedFile:
    """A packed file under way, which holds one document at a time. Where its .bin stands, its .idx stands."""

    def __init__(self, stem: Path, dtype: np.dtype[np.unsignedinteger]) -> None:
        self.length = 0
        self._dtype = dtype
        self._starts: list[int] = []
        self._index = stem.with_name(stem.name + ".idx")
        self._file = DurableFile(stem.with_name(stem.name + ".bin"))

    def add(self, tokens: Tokens) -> None:
        self._file.write(tokens.astype(self._dtype, copy=False).tobytes())
        self._starts.append(self.length)
        self.length += len(tokens)

    def commit(self) -> None:
        durable_file.write(self._index, np.asarray(self._starts, dtype="<i8").tobytes())
        self._file.commit()

    def discard(self) -> None:
        """Does nothing after a commit."""
        self._file.discard()


class PackedTokens:
    """Read-only view of one or more packed files as a single row of tokens; the files are memory-mapped.

    `total_tokens`: length of the row. `document_starts`: int64 array [documents] of global start offsets,
    ascending from 0.
    """

    def __init__(self, files: Sequence[Path], dtype: np.dtype[np.unsignedinteger]) -> None:
        """`files` are the .bin files in order.

        Raises ArtifactDamaged where one has no .idx or a length that its type does not divide.
        """
        self._shards: list[Tokens] = []
        starts: list[npt.NDArray[np.int64]] = []
        offsets = [0]
        for file in files:
            size = file.stat().st_size
            index = file.with_suffix(".idx")
            if size % dtype.itemsize or not index.is_file():
                raise KernelError(
                    "ArtifactDamaged",
                    f"{file} is no packed shard of {dtype.name} with an .idx beside it; run the corpus's "
                    "tokenize stage again.",
                )
            shard = np.memmap(file, dtype=dtype, mode="r") if size else np.empty(0, dtype=dtype)
            self._shards.append(shard)
            starts.append(np.fromfile(index, dtype="<i8").astype(np.int64) + offsets[-1])
            offsets.append(offsets[-1] + len(shard))
        self._offsets = np.asarray(offsets, dtype=np.int64)
        self.total_tokens = offsets[-1]
        self.document_starts: npt.NDArray[np.int64] = (
            np.concatenate(starts) if starts else np.empty(0, dtype=np.int64)
        )

    @classmethod
    def of_train(cls, corpus: Path) -> PackedTokens:
        """The training documents of a corpus artifact, in their final mixed order."""
        return cls(sorted((corpus / "train").glob("*.bin")), _dtype_of(corpus))

    @classmethod
    def of_held_out(cls, corpus: Path, language: str) -> PackedTokens:
        """The held-out documents of one language of a corpus artifact; empty where it has none."""
        file = corpus / "held-out" / f"{language}.bin"
        return cls([file] if file.is_file() else [], _dtype_of(corpus))

    @staticmethod
    def held_out_languages(corpus: Path) -> list[str]:
        """Languages that have held-out documents, sorted."""
        return sorted(file.stem for file in (corpus / "held-out").glob("*.bin"))

    def __len__(self) -> int:
        return self.total_tokens

    def slice(self, start: int, length: int) -> npt.NDArray[np.int64]:
        """Tokens start <= p < start + length, int64 [length], across shards; beyond either end IndexError."""
        if start < 0 or length < 0 or start + length > self.total_tokens:
            raise IndexError(f"tokens {start} to {start + length} of {self.total_tokens}")
        pieces = []
        shard = int(np.searchsorted(self._offsets, start, side="right")) - 1
        while length > 0:
            within = start - int(self._offsets[shard])
            piece = self._shards[shard][within : within + length]
            pieces.append(piece.astype(np.int64))
            start, length, shard = start + len(piece), length - len(piece), shard + 1
        return np.concatenate(pieces) if pieces else np.empty(0, dtype=np.int64)

    def document(self, number: int) -> npt.NDArray[np.int64]:
        """One whole document with its `<|endoftext|>`, as int64."""
        start = int(self.document_starts[number])
        end = (
            int(self.document_starts[number + 1])
            if number + 1 < len(self.document_starts)
            else self.total_tokens
        )
        return self.slice(start, end - start)


def _dtype_of(corpus: Path) -> np.dtype[np.unsignedinteger]:
    names = {"uint16": "<u2", "uint32": "<u4"}
    name = manifest.read(corpus).metadata.get("dtype")
    if name not in names:
        raise KernelError(
            "InvalidData",
            f"{corpus} is no corpus artifact: its manifest's metadata.dtype is {name!r}, not uint16 or "
            "uint32.",
        )
    return np.dtype(names[name])

"""Encodes whole corpora: the ids of the Hugging Face file, where it is possible several times as fast."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from ..runtime import tracing
from ..runtime.program import ProgramContext
from ..tokenizer.fast_encoding import fast_encoder
from ..tokenizer.tokenizer import TextTokenizer
from .catalogue import Catalogue
from .documents import HashedParquet
from .packed_tokens import Tokens, dtype_for

# Text encoded at once, in characters.
_BATCH = 2_000_000


class CorpusEncoder:
    """Encodes documents and ends each with `<|endoftext|>`, or what ends a text in a tokenizer from
    elsewhere.
    """

    def __init__(
        self, tokenizer: TextTokenizer, dtype: np.dtype[np.unsignedinteger], threads: int = 1
    ) -> None:
        self.tokenizer = tokenizer
        self.dtype = dtype
        # A tokenizer from elsewhere cuts text in its own way; only its library knows how.
        self._fast = fast_encoder(tokenizer)
        self._pool = ThreadPoolExecutor(threads)

    def encode(self, texts: Sequence[str]) -> list[Tokens]:
        """Ids of each text, that of the end last."""
        every: Iterable[npt.ArrayLike] = (
            self.tokenizer.encode_plain_batch(texts)
            if self._fast is None
            else self._pool.map(self._fast.encode, texts)
        )
        return [np.append(ids, self.tokenizer.end_of_text).astype(self.dtype) for ids in every]


SCHEMA = pa.schema(
    [
        pa.field("number", pa.int64(), nullable=False),
        pa.field("length", pa.int64(), nullable=False),
        pa.field("tokens", pa.binary(), nullable=False),
    ]
)
"""`number` of the document in the catalogue; `tokens` of it as they stand in shards, so many."""


class EncodedDocuments:
    """Tokens of the wanted documents, in one Parquet file per task.

    `lengths` int64 [N], 0 of documents that are not wanted.
    """

    def __init__(self, files: Sequence[Path], dtype: np.dtype[np.unsignedinteger], documents: int) -> None:
        self.files = list(files)
        self.dtype = dtype
        self.lengths: npt.NDArray[np.int64] = np.zeros(documents, dtype=np.int64)
        for file in files:
            own = pq.read_table(file, columns=["number", "length"])
            self.lengths[own["number"].to_numpy()] = own["length"].to_numpy()


@tracing.span("encode documents")
def encode_documents(
    catalogue: Catalogue,
    tokenizer: TextTokenizer,
    wanted: npt.NDArray[np.bool_],
    work: Path,
    context: ProgramContext,
    threads: int = 1,
) -> EncodedDocuments:
    """Encodes the documents that `wanted` [N] marks into `work`, task by task; finished tasks are not done
    again.
    """
    dtype = dtype_for(tokenizer.vocabulary_size)
    encoder = CorpusEncoder(tokenizer, dtype, threads)
    files = [work / f"{folder.documents.stem}-encoded.parquet" for folder in catalogue.folders]
    seconds, encoded_bytes = 0.0, 0
    for number, file in enumerate(files):
        if not file.exists():
            began = time.perf_counter()
            _encode_task(catalogue, number, file, wanted, encoder, context)
            seconds += time.perf_counter() - began
            own = catalogue.numbers_of_file(number)
            encoded_bytes += int((catalogue.sizes * wanted)[own.start : own.stop].sum())
        speed = (
            {"encode_megabytes_per_second": round(encoded_bytes / seconds / 1e6, 2)} if encoded_bytes else {}
        )
        context.progress.update(catalogue.ends[number], len(catalogue.keys), speed)
    return EncodedDocuments(files, dtype, len(catalogue.keys))


def _encode_task(
    catalogue: Catalogue,
    number: int,
    file: Path,
    wanted: npt.NDArray[np.bool_],
    encoder: CorpusEncoder,
    context: ProgramContext,
) -> None:
    waiting: dict[int, str] = {}
    characters = 0
    output = HashedParquet(file, SCHEMA, compression="lz4")
    try:

        def flush() -> None:
            context.stop_if_asked()
            tokens = encoder.encode(list(waiting.values()))
            if tokens:
                output.write([list(waiting), list(map(len, tokens)), [own.tobytes() for own in tokens]])
            waiting.clear()

        for at, document in catalogue.read(wanted, number):
            waiting[at] = document.text
            characters += len(document.text)
            if characters >= _BATCH:
                flush()
                characters = 0
        flush()
        output.commit()
    finally:
        output.discard()

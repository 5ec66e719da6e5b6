"""What is known of every document without reading it: language, source, size, place, and the hash that
decides its fate. `deduplicate` writes it down as it writes the documents; `tokenize` reads it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import TracebackType

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from .documents import Document, HashedParquet, TaskFolder, TaskWriter, documents_of_group

# Rows that are Python's before they are packed.
_ROWS = 10_000

SCHEMA = pa.schema(
    [
        pa.field("key", pa.uint64(), nullable=False),
        pa.field("language", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("size", pa.int64(), nullable=False),
        pa.field("characters", pa.int64(), nullable=False),
        pa.field("place", pa.uint64(), nullable=False),
        pa.field("twin", pa.bool_(), nullable=False),
    ]
)
"""`key`: first eight bytes of the sha256 of the normalised text; `size`: bytes of the text in UTF-8;
`characters` of it; `place` of the document; `twin`: another kept document is alike."""


class CataloguingWriter(TaskWriter):
    """Writes a task's documents and the catalogue's row of each."""

    def __init__(self, folder: TaskFolder) -> None:
        super().__init__(folder)
        folder.catalogue.parent.mkdir(exist_ok=True)
        self._catalogue = HashedParquet(folder.catalogue, SCHEMA)
        self._rows: list[tuple[int, str, str, int, int, int, bool]] = []

    def catalogue(self, document: Document, key: int, twin: bool) -> None:
        """Keeps a document."""
        self.keep(document)
        size, characters = len(document.text.encode()), len(document.text)
        row = (key, document.language, document.source, size, characters, document.place, twin)
        self._rows.append(row)
        if len(self._rows) == _ROWS:
            self._pack()

    def _pack(self) -> None:
        if self._rows:
            self._catalogue.write([list(column) for column in zip(*self._rows, strict=True)])
        self._rows = []

    def complete(self, stats: dict[str, object], fingerprint: str, **digests: str) -> None:
        self._pack()
        super().complete(stats, fingerprint, catalogue=self._catalogue.commit(), **digests)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._catalogue.discard()
        super().__exit__(kind, error, trace)


class Catalogue:
    """Columns over all N documents, numbered in the order of tasks and rows; what is chosen of them depends
    on their keys and places, not on their numbers.

    `keys` uint64, `sizes` and `characters` int64, `held_out` bool; `languages` and `sources` are places in
    `language_names` and `source_names`, uint16: 38 bytes per document.
    """

    def __init__(self, folders: Sequence[TaskFolder], held_out_ratio: float) -> None:
        """Raises ArtifactDamaged where a task's catalogue is not the one its marker names."""
        for folder in folders:
            folder.check_catalogue()
        # Names that repeat are read as places in a dictionary: one document costs its numbers only.
        tables = [
            pq.read_table(folder.catalogue, read_dictionary=["language", "source"]) for folder in folders
        ]
        self.folders = list(folders)
        self.ends: list[int] = np.cumsum([len(own) for own in tables]).tolist()
        every = pa.concat_tables(tables)
        self.keys: npt.NDArray[np.uint64] = every["key"].to_numpy()
        self.sizes: npt.NDArray[np.int64] = every["size"].to_numpy()
        self.characters: npt.NDArray[np.int64] = every["characters"].to_numpy()
        self.language_names, self.languages = _places(every["language"])
        self.source_names, self.sources = _places(every["source"])
        self._places: npt.NDArray[np.uint64] = every["place"].to_numpy()
        self._twins: npt.NDArray[np.bool_] = every["twin"].to_numpy()
        self.held_out = self._split(held_out_ratio)
        self._checked: set[int] = set()

    def _split(self, ratio: float) -> npt.NDArray[np.bool_]:
        """Held out are the texts whose hash is below `ratio` of all hashes: the same text is always on the
        same side, in every corpus. A text with a twin is not held out, so that no twin crosses the split.

        A language of several texts whose hashes are all above it gives the text with the smallest: a loss can
        be measured in every language.
        """
        held_out = (self.keys < np.uint64(ratio * 2.0**64)) & ~self._twins
        for language in range(len(self.language_names)):
            own = self.languages == language
            keys = np.unique(self.keys[own & ~self._twins])
            if len(keys) and own.sum() > 1 and not held_out[own].any():
                held_out |= own & (self.keys == keys[0])
        return held_out

    def numbers_of_file(self, file: int) -> range:
        """Numbers of one task's documents."""
        return range(self.ends[file - 1] if file else 0, self.ends[file])

    def read(self, wanted: npt.NDArray[np.bool_], file: int | None = None) -> Iterator[tuple[int, Document]]:
        """The documents that `wanted` [N] marks, with their numbers, in order; of all files or of one.

        Row groups without one are not read. A file is compared with its marker just before it is first read,
        which brings it into the system's cache. Raises ArtifactDamaged.
        """
        for one in range(len(self.folders)) if file is None else [file]:
            own = self.numbers_of_file(one)
            if not wanted[own.start : own.stop].any():
                continue
            if one not in self._checked:
                self.folders[one].check_documents()
                self._checked.add(one)
            number = own.start
            with pq.ParquetFile(self.folders[one].documents) as rows:
                for group in range(rows.num_row_groups):
                    end = number + rows.metadata.row_group(group).num_rows
                    if wanted[number:end].any():
                        for at, document in enumerate(documents_of_group(rows, group), number):
                            if wanted[at]:
                                yield at, document
                    number = end

    def _in_order(self, numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        return numbers[np.argsort(self._places[numbers], kind="stable")]

    def is_language(self, *names: str) -> npt.NDArray[np.bool_]:
        """Which documents are in one of these languages."""
        return np.isin(self.languages, np.flatnonzero(np.isin(self.language_names, names)))

    def is_source(self, *names: str) -> npt.NDArray[np.bool_]:
        """Which documents are of one of these sources."""
        return np.isin(self.sources, np.flatnonzero(np.isin(self.source_names, names)))

    def training(self, wanted: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
        """Numbers of the wanted training documents, in the order of their places."""
        return self._in_order(np.flatnonzero(wanted & ~self.held_out))

    def held_out_of(self, language: str) -> npt.NDArray[np.int64]:
        """Numbers of a language's held-out documents, in the order of their hashes."""
        own = self._in_order(np.flatnonzero(self.is_language(language) & self.held_out))
        return own[np.argsort(self.keys[own], kind="stable")]


def _places(column: pa.ChunkedArray) -> tuple[list[str], npt.NDArray[np.uint16]]:
    """The distinct values, sorted, and of each row the place of its own."""
    column = column.unify_dictionaries()
    names: list[str] = sorted(column.chunk(0).dictionary.to_pylist()) if column.num_chunks else []
    places = [
        pc.index_in(chunk.dictionary, pa.array(names)).to_numpy().astype(np.uint16)[chunk.indices.to_numpy()]
        for chunk in column.chunks
    ]
    return names, np.concatenate(places) if places else np.empty(0, dtype=np.uint16)

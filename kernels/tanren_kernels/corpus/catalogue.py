"""What is known of every document without reading it: language, size, place, and the hash that decides
its fate. `deduplicate` writes it down as it writes the documents; `tokenize` reads it.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from ..runtime import durable_file
from .documents import Document, TaskFolder, TaskWriter, documents_of_group

# Rows that are Python's before they are packed.
_ROWS = 10_000

LANGUAGE_BYTES = 16

ROW = np.dtype(
    [
        ("key", "<u8"),
        ("language", f"S{LANGUAGE_BYTES}"),
        ("size", "<i8"),
        ("characters", "<i8"),
        ("place", "<u8"),
        ("twin", "?"),
    ]
)
"""`key`: first eight bytes of the sha256 of the normalised text; `language`: its tag; `size`:
bytes of the text in UTF-8; `characters` of it; `place` of the document; `twin`: another kept document is
alike."""


class CataloguingWriter(TaskWriter):
    """Writes a task's documents and the catalogue's row of each."""

    def __init__(self, folder: TaskFolder) -> None:
        super().__init__(folder)
        folder.catalogue.parent.mkdir(exist_ok=True)
        self._rows: list[np.ndarray[Any, np.dtype[np.void]]] = []
        self._waiting: list[tuple[int, bytes, int, int, int, bool]] = []

    def catalogue(self, document: Document, key: int, twin: bool) -> None:
        """Keeps a document."""
        self.keep(document)
        self._waiting.append(
            (
                key,
                document.language.encode(),
                len(document.text.encode()),
                len(document.text),
                document.place,
                twin,
            )
        )
        if len(self._waiting) == _ROWS:
            self._pack()

    def _pack(self) -> None:
        self._rows.append(np.array(self._waiting, dtype=ROW))
        self._waiting = []

    def complete(self, stats: dict[str, object], fingerprint: str, **digests: str) -> None:
        self._pack()
        content = io.BytesIO()
        np.save(content, np.concatenate(self._rows))
        durable_file.write(self.folder.catalogue, content.getvalue())
        catalogue = hashlib.sha256(content.getvalue()).hexdigest()
        super().complete(stats, fingerprint, catalogue=catalogue, **digests)


class Catalogue:
    """Columns over all N documents, numbered in the order of tasks and rows; what is chosen of them depends
    on their keys and places, not on their numbers.

    `keys` uint64, `languages` uint16, places in `language_names`, `sizes` and `characters` int64, `held_out`
    bool: 36 bytes per document.
    """

    def __init__(self, folders: Sequence[TaskFolder], held_out_ratio: float) -> None:
        """Raises ArtifactDamaged where a task's catalogue is not the one its marker names."""
        for folder in folders:
            folder.check_catalogue()
        rows = [np.load(folder.catalogue) for folder in folders]
        self.files = [folder.documents for folder in folders]
        self.ends: list[int] = np.cumsum([len(own) for own in rows]).tolist()
        every = np.concatenate(rows)
        self.keys: npt.NDArray[np.uint64] = every["key"].astype(np.uint64)
        self.language_names = sorted({name.decode() for own in rows for name in np.unique(own["language"])})
        self.languages: npt.NDArray[np.uint16] = np.searchsorted(
            np.array([name.encode() for name in self.language_names], dtype=f"S{LANGUAGE_BYTES}"),
            every["language"],
        ).astype(np.uint16)
        self.sizes: npt.NDArray[np.int64] = every["size"].astype(np.int64)
        self.characters: npt.NDArray[np.int64] = every["characters"].astype(np.int64)
        self._places: npt.NDArray[np.uint64] = every["place"].astype(np.uint64)
        self._twins: npt.NDArray[np.bool_] = every["twin"].astype(np.bool_)
        self.held_out = self._split(held_out_ratio)

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

        Row groups without one are not read.
        """
        for one in range(len(self.files)) if file is None else [file]:
            number = self.numbers_of_file(one).start
            with pq.ParquetFile(self.files[one]) as rows:
                for group in range(rows.num_row_groups):
                    end = number + rows.metadata.row_group(group).num_rows
                    if wanted[number:end].any():
                        for at, document in enumerate(documents_of_group(rows, group), number):
                            if wanted[at]:
                                yield at, document
                    number = end

    def _in_order(self, numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        return numbers[np.argsort(self._places[numbers], kind="stable")]

    def of_languages(self, languages: Sequence[str]) -> npt.NDArray[np.bool_]:
        """Marks [N] the documents in one of them."""
        places = [number for number, name in enumerate(self.language_names) if name in languages]
        return np.isin(self.languages, places)

    def training(self, language: str) -> npt.NDArray[np.int64]:
        """Numbers of a language's training documents, in the order of their places."""
        return self._in_order(np.flatnonzero(self.of_languages([language]) & ~self.held_out))

    def held_out_of(self, language: str) -> npt.NDArray[np.int64]:
        """Numbers of a language's held-out documents, in the order of their hashes."""
        own = self._in_order(np.flatnonzero(self.of_languages([language]) & self.held_out))
        return own[np.argsort(self.keys[own], kind="stable")]

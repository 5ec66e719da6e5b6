"""What is known of every document without reading it: language, size, place, and the hash that decides
its fate. `deduplicate` writes it down as it writes the documents; `tokenize` reads it.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from ..runtime import durable_file
from .documents import LANGUAGES, Document, TaskFolder, TaskWriter

ROW = np.dtype([("key", "<u8"), ("language", "u1"), ("size", "<i8"), ("characters", "<i8"), ("place", "<i8")])
"""`key`: first eight bytes of the sha256 of the text; `language`: index into LANGUAGES; `size`: bytes of the
text in UTF-8; `characters` of it; `place`: where the document's line begins in its file."""


class CataloguingWriter(TaskWriter):
    """Writes a task's documents and the catalogue's row of each."""

    def __init__(self, folder: TaskFolder) -> None:
        super().__init__(folder)
        folder.catalogue.parent.mkdir(exist_ok=True)
        self._rows: list[tuple[int, int, int, int, int]] = []

    def keep(self, document: Document) -> int:
        place = super().keep(document)
        text = document.text.encode()
        key = int.from_bytes(hashlib.sha256(text).digest()[:8], "big")
        language = LANGUAGES.index(document.language)
        self._rows.append((key, language, len(text), len(document.text), place))
        return place

    def complete(self, stats: dict[str, object], fingerprint: str, **digests: str) -> None:
        content = io.BytesIO()
        np.save(content, np.array(self._rows, dtype=ROW))
        durable_file.write(self.folder.catalogue, content.getvalue())
        catalogue = hashlib.sha256(content.getvalue()).hexdigest()
        super().complete(stats, fingerprint, catalogue=catalogue, **digests)


class Catalogue:
    """Columns over all N documents, numbered in the order of tasks and lines.

    `keys` uint64, `languages` uint8, `sizes` and `characters` int64, `held_out` bool: 34 bytes per document.
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
        self.languages: npt.NDArray[np.uint8] = every["language"].astype(np.uint8)
        self.sizes: npt.NDArray[np.int64] = every["size"].astype(np.int64)
        self.characters: npt.NDArray[np.int64] = every["characters"].astype(np.int64)
        self._places: npt.NDArray[np.int64] = every["place"].astype(np.int64)
        self.held_out = self._split(held_out_ratio)

    def _split(self, ratio: float) -> npt.NDArray[np.bool_]:
        """Held out are the texts whose hash is below `ratio` of all hashes: the same text is always on the
        same side, in every corpus.

        A language of several texts whose hashes are all above it gives the text with the smallest: a loss can
        be measured in every language.
        """
        held_out = self.keys < np.uint64(ratio * 2.0**64)
        for language in range(len(LANGUAGES)):
            own = self.languages == language
            keys = np.unique(self.keys[own])
            if len(keys) > 1 and not held_out[own].any():
                held_out |= own & (self.keys == keys[0])
        return held_out

    def numbers_of_file(self, file: int) -> range:
        """Numbers of one task's documents."""
        return range(self.ends[file - 1] if file else 0, self.ends[file])

    def read(self, wanted: npt.NDArray[np.bool_], file: int | None = None) -> Iterator[tuple[int, Document]]:
        """The documents that `wanted` [N] marks, with their numbers, in order; of all files or of one.

        Only their lines are read.
        """
        for one in range(len(self.files)) if file is None else [file]:
            own = self.numbers_of_file(one)
            with self.files[one].open("rb") as lines:
                for number in own.start + np.flatnonzero(wanted[own.start : own.stop]):
                    lines.seek(int(self._places[number]))
                    yield int(number), Document(**json.loads(lines.readline()))

    def training(self, language: str) -> npt.NDArray[np.int64]:
        """Numbers of a language's training documents."""
        return np.flatnonzero((self.languages == LANGUAGES.index(language)) & ~self.held_out)

    def held_out_of(self, language: str) -> npt.NDArray[np.int64]:
        """Numbers of a language's held-out documents, in the order of their hashes."""
        own = np.flatnonzero((self.languages == LANGUAGES.index(language)) & self.held_out)
        return own[np.argsort(self.keys[own], kind="stable")]

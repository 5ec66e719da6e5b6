"""What `tokenize` knows of every document without holding its text: language, size,
and the hash that decides its fate.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from .documents import LANGUAGES, Document, read_documents


class Catalogue:
    """Columns over all N documents, numbered in the order of tasks and lines.

    `keys` uint64 [N]: first eight bytes of the sha256 of the text; `languages` uint8 [N]: index into
    LANGUAGES; `sizes` and `characters` int64 [N]: UTF-8 bytes and characters; `held_out` bool [N]. 26 bytes
    per document.
    """

    def __init__(self, files: Sequence[Path], held_out_ratio: float) -> None:
        keys, languages, sizes, characters = array("Q"), array("B"), array("q"), array("q")
        self.files = files
        self.ends: list[int] = []
        for file in files:
            for document in read_documents(file):
                text = document.text.encode()
                keys.append(int.from_bytes(hashlib.sha256(text).digest()[:8], "big"))
                languages.append(LANGUAGES.index(document.language))
                sizes.append(len(text))
                characters.append(len(document.text))
            self.ends.append(len(keys))
        self.keys: npt.NDArray[np.uint64] = np.asarray(keys, dtype=np.uint64)
        self.languages: npt.NDArray[np.uint8] = np.asarray(languages, dtype=np.uint8)
        self.sizes: npt.NDArray[np.int64] = np.asarray(sizes, dtype=np.int64)
        self.characters: npt.NDArray[np.int64] = np.asarray(characters, dtype=np.int64)
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

    def documents(self, file: int) -> Iterator[tuple[int, Document]]:
        """Numbered documents of one task's file."""
        start = self.ends[file - 1] if file else 0
        return enumerate(read_documents(self.files[file]), start=start)

    def training(self, language: str) -> npt.NDArray[np.int64]:
        """Numbers of a language's training documents."""
        return np.flatnonzero((self.languages == LANGUAGES.index(language)) & ~self.held_out)

    def held_out_of(self, language: str) -> npt.NDArray[np.int64]:
        """Numbers of a language's held-out documents, in the order of their hashes."""
        own = np.flatnonzero((self.languages == LANGUAGES.index(language)) & self.held_out)
        return own[np.argsort(self.keys[own], kind="stable")]

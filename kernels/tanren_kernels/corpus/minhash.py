"""Near duplicates by MinHash (Broder 1997) and banding (Leskovec, Rajaraman and Ullman,
Mining of Massive Datasets, section 3.4).

Shapes: N documents, P permutations.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import rensa

from ..contract import MinHashConfig

Signatures = npt.NDArray[np.uint32]
Hashes = npt.NDArray[np.uint64]

_WORD = re.compile(r"\w+|[^\w\s]")
_BASE = np.uint64(0x9E3779B97F4A7C15)


def normalised(text: str) -> str:
    """A text without what does not tell documents apart: width and compatibility forms, case, white space."""
    return " ".join(unicodedata.normalize("NFKC", text).lower().split())


def shingle_hashes(text: str, language: str, size: int) -> Hashes:
    """One hash per shingle of `size` characters (Japanese) or words (other languages);
    a text shorter than that is one shingle.
    """
    if language == "ja":
        units = np.frombuffer(text.replace(" ", "").encode("utf-32-le"), dtype="<u4").astype(np.uint64)
    else:
        units = np.fromiter((zlib.crc32(word.encode()) for word in _WORD.findall(text)), dtype=np.uint64)
    count = max(len(units) - size + 1, 1)
    hashes = np.zeros(count, dtype=np.uint64)
    for offset in range(min(size, len(units))):
        hashes = hashes * _BASE + units[offset : offset + count] + np.uint64(1)
    return _mixed(hashes)


def _mixed(values: Hashes) -> Hashes:
    """Spreads every bit over all others (the finaliser of SplitMix64, Steele et al. 2014)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def signatures(texts: Sequence[tuple[str, str]], config: MinHashConfig, seed: int) -> Signatures:
    """Signatures [N, P] of (normalised text, language) pairs."""
    if not texts:
        return np.empty((0, config.permutations), dtype=np.uint32)
    hashes = [shingle_hashes(text, language, config.shingle) for text, language in texts]
    offsets = np.concatenate([[0], np.cumsum([len(h) for h in hashes])]).astype(np.uint64)
    matrix = rensa.RMinHash.digest_matrix_from_flat_token_hashes(
        np.concatenate(hashes), offsets, config.permutations, seed
    )
    return np.asarray(matrix.to_rows(), dtype=np.uint32)


def clusters(signatures: Signatures, config: MinHashConfig) -> npt.NDArray[np.int64]:
    """For each of N documents the first document of its cluster (its own
    number where it has no earlier duplicate).

    A pair is a candidate where all rows of a band agree, and joins two clusters where at least `similarity`
    of the P values agree: that share estimates the Jaccard similarity of the two sets of shingles. Clusters
    are closed under such pairs.
    """
    parents = np.arange(len(signatures), dtype=np.int64)
    threshold = config.similarity * config.permutations
    for group in _groups(signatures, config):
        for position, one in enumerate(group[:-1]):
            rest = group[position + 1 :]
            root = _find(parents, int(one))
            others = rest[
                np.fromiter(
                    (_find(parents, int(other)) != root for other in rest), dtype=bool, count=len(rest)
                )
            ]
            if len(others) == 0:
                break  # what is left of the group is one cluster already
            agreeing = (signatures[others] == signatures[one]).sum(axis=1)
            for other in others[agreeing >= threshold]:
                _join(parents, int(one), int(other))
    return np.fromiter(
        (_find(parents, document) for document in range(len(parents))), dtype=np.int64, count=len(parents)
    )


def _groups(signatures: Signatures, config: MinHashConfig) -> Iterator[npt.NDArray[np.int64]]:
    """Documents that agree in a whole band, band by band, each group in ascending order."""
    rows = config.permutations // config.bands
    for band in range(config.bands):
        keys = np.zeros(len(signatures), dtype=np.uint64)
        for row in range(band * rows, (band + 1) * rows):
            keys = _mixed(keys + signatures[:, row].astype(np.uint64) + _BASE)
        order = np.argsort(keys, kind="stable")
        cuts = np.flatnonzero(np.diff(keys[order])) + 1
        for group in np.split(order, cuts):
            if len(group) > 1:
                yield group


def _find(parents: npt.NDArray[np.int64], document: int) -> int:
    while parents[document] != document:
        parents[document] = parents[parents[document]]
        document = int(parents[document])
    return document


def _join(parents: npt.NDArray[np.int64], one: int, other: int) -> None:
    """The smaller root stays a root, so that a cluster is named by its first document."""
    first, second = sorted((_find(parents, one), _find(parents, other)))
    parents[second] = first

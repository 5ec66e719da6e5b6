"""Near duplicates by MinHash (Broder 1997) and banding (Leskovec, Rajaraman and Ullman,
Mining of Massive Datasets, section 3.4).

Shapes: N documents, P permutations.
"""

from __future__ import annotations

import math
import re
import unicodedata
import zlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import rensa

from ..contract import MinHashConfig

Signatures = npt.NDArray[np.uint32]
Hashes = npt.NDArray[np.uint64]

_WORD = re.compile(r"\w+|[^\w\s]")
# Languages that are written without spaces between words.
_WITHOUT_SPACES = frozenset(["ja", "zh", "yue", "wuu", "th", "lo", "km", "my", "dz", "bo"])
_BASE = np.uint64(0x9E3779B97F4A7C15)


def normalised(text: str) -> str:
    """A text without what does not tell documents apart: width and compatibility forms, case, white space."""
    return " ".join(unicodedata.normalize("NFKC", text).lower().split())


def shingle_hashes(text: str, language: str, size: int) -> Hashes:
    """One hash per shingle of `size` characters (languages without spaces) or words (others);
    a text shorter than that is one shingle.
    """
    if language.split("-")[0] in _WITHOUT_SPACES:
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


def band_hashes(signatures: Signatures, config: MinHashConfig, languages: Sequence[str]) -> Hashes:
    """One hash per band [N, bands]: documents of a language that agree in all rows of a band have it in
    common, and no others.
    """
    rows = config.permutations // config.bands
    salt = np.fromiter((zlib.crc32(language.encode()) for language in languages), dtype=np.uint64)
    hashes = np.empty((len(signatures), config.bands), dtype=np.uint64)
    for band in range(config.bands):
        keys = _mixed(salt + np.uint64(band))
        for row in range(band * rows, (band + 1) * rows):
            keys = _mixed(keys + signatures[:, row].astype(np.uint64) + _BASE)
        hashes[:, band] = keys
    return hashes


def least_agreement(similarity: float, permutations: int) -> float:
    """How many values of two signatures agree at least where the sets are this similar: of such pairs 3 in
    100,000 agree in fewer (four standard deviations of the binomial distribution).
    """
    return permutations * similarity - 4 * math.sqrt(permutations * similarity * (1 - similarity))


def jaccard(one: Hashes, other: Hashes) -> float:
    """Similarity of two sets, each sorted and without repetition."""
    common = len(np.intersect1d(one, other, assume_unique=True))
    return common / (len(one) + len(other) - common)

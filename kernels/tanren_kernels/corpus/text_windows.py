"""Hashes of all windows of so many characters (or other units) of a text, at the price of a few operations of
numpy whatever their length: h(i, n) = sum of u[i + k] * B^k over k < n, modulo 2^64.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Units = npt.NDArray[np.uint64]

# Odd, so that it can be divided by.
_BASE = 0x9E3779B97F4A7C15
_INVERSE = pow(_BASE, -1, 1 << 64)
_SPREAD = np.uint64(0xD6E8FEB86659FD93)


def units_of(text: str) -> Units:
    """The text's code points, spread over 64 bits."""
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4").astype(np.uint64)
    return spread(points)


def spread(numbers: Units) -> Units:
    mixed = (numbers + np.uint64(1)) * _SPREAD
    return (mixed ^ (mixed >> np.uint64(32))) * _SPREAD


class TextWindows:
    """Windows over `units`, of any length."""

    def __init__(self, units: Units) -> None:
        self.length = len(units)
        powers = _powers(_BASE, self.length)
        self._sums = np.zeros(self.length + 1, dtype=np.uint64)
        np.cumsum(units * powers, out=self._sums[1:])
        self._inverse = _powers(_INVERSE, self.length)

    def hashes(self, size: int) -> Units:
        """One per window of `size` units, in order; equal windows have equal hashes."""
        if self.length < size:
            return np.zeros(0, dtype=np.uint64)
        sums = (self._sums[size:] - self._sums[: self.length + 1 - size]) * self._inverse[
            : self.length + 1 - size
        ]
        return spread(sums + np.uint64(size))


_KEPT = 1 << 16
_known: dict[int, Units] = {}


def _powers(base: int, count: int) -> Units:
    if count > _KEPT:
        return _computed(base, count)
    if base not in _known:
        _known[base] = _computed(base, _KEPT)
    return _known[base][:count]


def _computed(base: int, count: int) -> Units:
    powers = np.full(count, base, dtype=np.uint64)
    powers[:1] = 1
    return np.multiply.accumulate(powers)

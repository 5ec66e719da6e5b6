"""A file's bytes, unpacked by what they are (gzip, zstd, bz2, xz, or nothing), read once and hashed on the
way.

Archives are packed record by record, or whole. Damage to a packed stretch costs that stretch: reading goes on
at the next place where one may begin.
"""

from __future__ import annotations

import bz2
import hashlib
import lzma
import re
import zlib
from collections import deque
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Protocol

from backports import zstd

_CHUNK = 1 << 18
_XZ_MEMORY = 1 << 28

_GZIP, _ZSTD, _BZ2, _XZ = b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"BZh", b"\xfd7zXZ\x00"
_LONGEST_MAGIC = 6
_KEPT = 4

_BLANK_LINE = re.compile(rb"\n\r?\n")
_BINARY = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


class Damaged(Exception):
    """The packed bytes are not what their format says."""


class Truncated(Damaged):
    """The file ends within a packed stretch."""


class _Unpacker(Protocol):
    """What the standard library's unpackers have in common: one stretch each."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _Gzip:
    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=31)
        self._rest = b""

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        return not self._rest

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        out = self._inner.decompress(self._rest + data, max_length)
        self._rest = self._inner.unconsumed_tail
        return out


_UNPACKERS: dict[bytes, Callable[[], _Unpacker]] = {
    _GZIP: _Gzip,
    _ZSTD: zstd.ZstdDecompressor,
    _BZ2: bz2.BZ2Decompressor,
    _XZ: lambda: lzma.LZMADecompressor(memlimit=_XZ_MEMORY),
}
_ERRORS = (zlib.error, OSError, EOFError, ValueError, lzma.LZMAError, zstd.ZstdError)


class Unpacked:
    """`position` counts unpacked bytes. Reading methods raise Damaged; `resume` then goes on behind it."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self._sha256 = hashlib.sha256()
        self._hashed = 0
        self._raw = self._file.read(_CHUNK)
        self._hash(0, self._raw)
        self._raw_end = len(self._raw)
        self._magic = _magic_of(self._raw)
        self._unpacker: _Unpacker | None = None
        self._stretch = 0
        self._buffer = bytearray()
        self._place = 0
        self._before = 0
        self._begins: deque[tuple[int, int]] = deque()

    def __enter__(self) -> Unpacked:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    @property
    def position(self) -> int:
        return self._before + self._place

    @property
    def offset(self) -> int:
        """Where in the file the stretch begins that holds the next byte."""
        while len(self._begins) > 1 and self._begins[1][0] <= self.position:
            self._begins.popleft()
        return self._begins[0][1] if self._magic and self._begins else self.position

    def sha256(self) -> str:
        """Of the file's own bytes; what nobody asked for is read now."""
        self._file.seek(self._hashed)
        while chunk := self._file.read(_CHUNK):
            self._sha256.update(chunk)
            self._hashed += len(chunk)
        return self._sha256.hexdigest()

    @property
    def is_packed(self) -> bool:
        return bool(self._magic)

    def line(self, limit: int) -> bytes:
        """The next line with its end; at most `limit` bytes of it; b"" at the end of the file."""
        return self.until(b"\n", limit)

    def until(self, end: bytes, limit: int) -> bytes:
        """What comes up to `end`, and that; at most `limit` bytes of it; b"" at the end of the file."""
        searched = 0
        while True:
            found = self._buffer.find(end, self._place + searched, self._place + limit)
            if found >= 0:
                return self._take(found + len(end) - self._place)
            length = len(self._buffer) - self._place
            # The end may have begun already.
            searched = max(length + 1 - len(end), 0)
            if length >= limit or not self._fill():
                return self._take(min(limit, len(self._buffer) - self._place))

    def head(self, limit: int) -> bytes:
        """Lines up to a blank one, and that; at most `limit` bytes of them."""
        searched = self._place
        while True:
            end = _BLANK_LINE.search(self._buffer, searched, self._place + limit)
            if end is not None:
                return self._take(end.end() - self._place)
            # The blank line may have begun already.
            before = max(len(self._buffer) - self._place - 3, 0)
            if before >= limit or not self._fill():
                return self._take(min(limit, len(self._buffer) - self._place))
            searched = self._place + before

    def read(self, length: int, unless: bytes = b"\x00\x00") -> bytes:
        """At most `length` bytes, fewer at the end of the file, and where a stretch begins with `unless`."""
        pieces: list[bytes] = []
        while length > 0:
            if self._place == len(self._buffer):
                stretches = len(self._begins)
                if not self._fill():
                    break
                if len(self._begins) > stretches and self._buffer.startswith(unless, self._place):
                    break
            piece = self._take(min(length, len(self._buffer) - self._place))
            pieces.append(piece)
            length -= len(piece)
        return b"".join(pieces)

    def skip(self, length: int, unless: bytes) -> int:
        """How many bytes were passed over."""
        left = length
        while left > 0 and (passed := len(self.read(min(left, _CHUNK), unless))):
            left -= passed
        return length - left

    def push_back(self, piece: bytes) -> None:
        """The last bytes that were read are the next ones again."""
        self._place -= len(piece)

    def resume(self) -> bool:
        """Goes on where another stretch may begin, behind the beginning of the damaged one; False where none
        may.
        """
        self._before, self._place = self.position, 0
        self._buffer.clear()
        self._begins.clear()
        found = self._find_magic(self._stretch + 1) if self._magic else -1
        if found < 0:
            return False
        self._seek(found)
        self._unpacker = None
        return True

    def _take(self, length: int) -> bytes:
        piece = bytes(memoryview(self._buffer)[self._place : self._place + length])
        self._place += length
        return piece

    def _fill(self) -> bool:
        """Unpacks some more; False at the end of the file."""
        more = self._unpack() if self._magic else self._plain()
        # A few bytes stay, so that they can be pushed back.
        passed = max(self._place - _KEPT, 0)
        self._before += passed
        del self._buffer[:passed]
        self._buffer += more
        self._place -= passed
        return bool(more)

    def _plain(self) -> bytes:
        if not self._raw:
            self._more()
        out, self._raw = self._raw, b""
        return out

    def _unpack(self) -> bytes:
        while True:
            if self._unpacker is None and not self._begin():
                return b""
            unpacker = self._unpacker
            assert unpacker is not None
            if unpacker.needs_input and not self._raw and not self._more():
                raise Truncated
            given, self._raw = self._raw, b""
            try:
                out = unpacker.decompress(given, _CHUNK)
            except _ERRORS as error:
                raise Damaged from error
            if unpacker.eof:
                self._raw = unpacker.unused_data
                self._unpacker = None
            if out:
                return out

    def _begin(self) -> bool:
        """Whether another stretch follows. Zeros are padding; anything else is damage."""
        while True:
            self._raw = self._raw.lstrip(b"\0")
            if len(self._raw) >= _LONGEST_MAGIC:
                break
            before = len(self._raw)
            if not self._more(keep=True) or len(self._raw) == before:
                break
        self._stretch = self._raw_end - len(self._raw)
        if not self._raw:
            return False
        if not self._raw.startswith(self._magic):
            raise Truncated if self._magic.startswith(self._raw) else Damaged
        self._unpacker = _UNPACKERS[self._magic]()
        self._begins.append((self._before + len(self._buffer), self._stretch))
        return True

    def _more(self, keep: bool = False) -> bool:
        chunk = self._file.read(_CHUNK)
        self._hash(self._raw_end, chunk)
        self._raw = self._raw + chunk if keep else chunk
        self._raw_end += len(chunk)
        return bool(chunk)

    def _hash(self, start: int, chunk: bytes) -> None:
        """Bytes that are read again after damage were hashed the first time."""
        fresh = chunk[max(self._hashed - start, 0) :]
        self._sha256.update(fresh)
        self._hashed += len(fresh)

    def _seek(self, offset: int) -> None:
        self._file.seek(offset)
        self._raw_end = offset
        self._raw = b""

    def _find_magic(self, start: int) -> int:
        self._seek(start)
        while True:
            chunk_start = self._raw_end - len(self._raw)
            if not self._more(keep=True):
                return -1
            found = self._raw.find(self._magic)
            if found >= 0:
                return chunk_start + found
            self._raw = self._raw[-_LONGEST_MAGIC:]


def _magic_of(start: bytes) -> bytes:
    """What a file is packed with; b"": nothing. Where its first bytes are garbled, later ones say it."""
    for magic in _UNPACKERS:
        if start.startswith(magic):
            return magic
    if b"WARC-" in start or not _BINARY.search(start[:512]):
        return b""
    return next((magic for magic in (_GZIP, _ZSTD, _XZ) if magic in start), b"")

"""API keys as files of a directory, one key each, so that they are rotated by changing files.

The name of a file is the caller's: in metrics, and where limits are given by name.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from ..runtime.errors import KernelError
from .fair_queue import Caller

Stamp = tuple[tuple[str, int, int, int], ...]


class ApiKeys:
    """The keys that are valid now. A directory that has lost all its keys lets nobody in."""

    def __init__(self, directory: Path, callers: Mapping[str, Caller] | None = None) -> None:
        """`callers` are those that have limits, by name.

        Raises InvalidConfig when the directory is missing or holds no key.
        """
        self._directory = directory
        self._callers = callers or {}
        self._stamp: Stamp = ()
        self._digests: dict[str, bytes] = {}
        self._read_when_changed()
        if not self._digests:
            raise KernelError(
                "InvalidConfig",
                f"api_keys: {directory} holds no file with a key; mount a Secret whose entries each hold one "
                "key.",
            )

    def caller(self, authorization: str | None) -> Caller | None:
        """Whose valid key an Authorization header bears;
        takes the same time whichever key it is like, and how far.
        """
        self._read_when_changed()
        scheme, _, key = (authorization or "").partition(" ")
        digest = _digest(key.strip().encode())
        names = [name for name, valid in self._digests.items() if hmac.compare_digest(digest, valid)]
        if not names or scheme.lower() != "bearer":
            return None
        return self._callers.get(names[0], Caller(names[0]))

    def _read_when_changed(self) -> None:
        """Reads the files again when a name, time, size or inode is another one.

        The kubelet changes a mounted Secret by pointing a hidden link at a new directory: names stay, inodes
        do not.
        """
        stamp, contents = [], []
        for path in sorted(self._directory.glob("[!.]*")):
            try:
                status = path.stat()
                contents.append(path)
                stamp.append((path.name, status.st_mtime_ns, status.st_size, status.st_ino))
            except FileNotFoundError:
                continue  # removed between listing and reading: no longer a key
        if tuple(stamp) != self._stamp:
            keys = {path.name: _content(path) for path in contents}
            self._digests = {name: _digest(key) for name, key in keys.items() if key}
            self._stamp = tuple(stamp)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes().strip() if path.is_file() else b""
    except FileNotFoundError:
        return b""


def _digest(key: bytes) -> bytes:
    """Digests are of one length, so that comparing says nothing of a key's."""
    return sha256(key).digest()

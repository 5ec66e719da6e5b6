"""API keys as files of a directory, one key each, so that they are rotated by changing files."""

from __future__ import annotations

import hmac
from hashlib import sha256
from pathlib import Path

from ..runtime.errors import KernelError

Stamp = tuple[tuple[str, int, int, int], ...]


class ApiKeys:
    """The keys that are valid now. A directory that has lost all its keys lets nobody in."""

    def __init__(self, directory: Path) -> None:
        """Raises InvalidConfig when the directory is missing or holds no key."""
        self._directory = directory
        self._stamp: Stamp = ()
        self._digests: list[bytes] = []
        self._read_when_changed()
        if not self._digests:
            raise KernelError(
                "InvalidConfig",
                f"api_keys: {directory} holds no file with a key; mount a Secret whose entries each hold one "
                "key.",
            )

    def accepts(self, authorization: str | None) -> bool:
        """Whether an Authorization header bears a valid key;
        takes the same time whichever key it is like, and how far.
        """
        self._read_when_changed()
        scheme, _, key = (authorization or "").partition(" ")
        digest = _digest(key.strip().encode())
        matches = [hmac.compare_digest(digest, valid) for valid in self._digests]
        return any(matches) and scheme.lower() == "bearer"

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
            keys = [_content(path) for path in contents]
            self._digests = [_digest(key) for key in keys if key]
            self._stamp = tuple(stamp)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes().strip() if path.is_file() else b""
    except FileNotFoundError:
        return b""


def _digest(key: bytes) -> bytes:
    """Digests are of one length, so that comparing says nothing of a key's."""
    return sha256(key).digest()

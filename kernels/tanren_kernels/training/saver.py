"""Saving beside the training: a step waits for a copy in main memory alone; a thread of each rank writes its
file while the next steps compute, and the checkpoint exists once every rank has told that it has written.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from ..runtime import fence, manifest
from . import shards
from .checkpoint import CheckpointStore, State
from .ranks import Ranks
from .shards import HostCopy, Shard

# Between two questions whether all have written; far below the time that a rank waits for the others.
POLL_SECONDS = 5.0


class Saver:
    """At most one checkpoint is under way: the next waits for it. Every rank must make the same calls."""

    def __init__(self, store: CheckpointStore, ranks: Ranks, on_published: Callable[[int], object]) -> None:
        """`on_published` is told the step of every checkpoint as soon as it exists."""
        self._store, self._ranks, self._on_published = store, ranks, on_published
        self._copy = HostCopy()
        self._state: State | None = None
        self._thread: threading.Thread | None = None
        self._digest = b""
        self._error: BaseException | None = None

    @property
    def has_written(self) -> bool:
        """Whether this rank's part of the checkpoint under way is on disk; raises what kept it from it."""
        # Asked first: a thread that fails notes its error before it ends.
        has_ended = self._thread is not None and not self._thread.is_alive()
        if self._error is not None:
            raise self._error
        return has_ended

    def begin(self, state: State, tensors: Mapping[str, Shard]) -> None:
        """Returns as soon as the tensors may change again."""
        self.finish()
        if self._ranks.rank == 0:
            self._store.begin(state.step)
        self._ranks.wait()
        self._state = state
        path = self._store.building(state.step) / shards.file_name(self._ranks.rank)
        self._thread = threading.Thread(
            target=self._write, args=(path, self._copy.of(tensors)), name="checkpoint", daemon=True
        )
        self._thread.start()

    def _write(self, path: Path, copies: Mapping[str, Shard]) -> None:
        try:
            fence.require_newest()
            shards.write(path, copies)
            with path.open("rb") as file:
                os.fsync(file.fileno())
            self._digest = bytes.fromhex(manifest.file_sha256(path))
        except BaseException as error:
            self._error = error

    def publish_if(self, written: int) -> None:
        """`written` is the number of ranks that have, as all of them know it."""
        if self._state is None or written < self._ranks.size:
            return
        digests = self._ranks.gathered(self._digest)
        if self._ranks.rank == 0:
            sums = {shards.file_name(rank): digest.hex() for rank, digest in enumerate(digests)}
            self._store.publish(self._state, sums)
        step = self._state.step
        self._state, self._thread = None, None
        self._on_published(step)

    def finish(self) -> None:
        """Waits until what is under way is a checkpoint, however long a rank writes."""
        while self._state is not None:
            assert self._thread is not None
            self._thread.join(POLL_SECONDS)
            self.publish_if(int(self._ranks.total_of(float(self.has_written))))

"""Checkpoints: one directory per step, with a file per rank; complete when its marker is, which comes last
and names the sha256 of every other file.

step-00000123/  rank-00000.safetensors ...  state.json  complete.json
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from ..contract import Checkpoints
from ..runtime import durable_file, manifest
from ..runtime.errors import KernelError
from ..runtime.program import ProgramContext
from .ranks import Ranks
from .shards import ShardReader

MARKER = "complete.json"
STATE = "state.json"


@dataclass(frozen=True)
class State:
    """Everything beside tensors that a restart resumes from."""

    step: int
    consumed_samples: int
    seed: int
    config_hash: str
    metrics: dict[str, float]
    """Of this step, without figures of speed."""


@dataclass(frozen=True)
class Found:
    """The checkpoint that a restart resumes from, if there is any."""

    state: State | None
    passed_over: int
    """Newer ones that are damaged."""


class CheckpointStore:
    """The checkpoints of one run. Rank 0 chooses, publishes and removes; every rank verifies and reads."""

    def __init__(self, config: Checkpoints, config_hash: str, ranks: Ranks) -> None:
        self._root = Path(config.directory)
        self._config = config
        self._config_hash = config_hash
        self._ranks = ranks
        self._damaged: set[int] = set()

    def path(self, step: int) -> Path:
        return self._root / f"step-{step:08d}"

    def steps(self) -> list[int]:
        """Steps that have a directory, ascending; whether each is whole is only known by `newest`."""
        return sorted(
            int(path.name.removeprefix("step-")) for path in self._root.glob("step-[0-9]*") if path.is_dir()
        )

    def due(self, step: int) -> bool:
        return step % self._config.every_steps == 0

    def begin(self, step: int) -> None:
        """Makes the empty directory that ranks write a checkpoint's files to."""
        durable_file.begin_directory(self.path(step))

    def building(self, step: int) -> Path:
        """Where the files of a checkpoint lie before it exists."""
        return durable_file.building(self.path(step))

    def publish(self, state: State, sums: Mapping[str, str]) -> None:
        """Makes a checkpoint of the directory that was begun and whose files have these digests; then removes
        those that are no longer kept.
        """
        path = self.path(state.step)
        directory = self.building(state.step)
        (directory / STATE).write_text(json.dumps(asdict(state), indent=2) + "\n")
        sums = {**sums, STATE: manifest.file_sha256(directory / STATE)}
        (directory / MARKER).write_text(json.dumps({"sha256": sums}, indent=2) + "\n")
        durable_file.publish_directory(path)
        self._damaged.discard(state.step)
        self._prune(state.step)

    def newest(self, context: ProgramContext) -> Found:
        """The newest checkpoint whose every byte is as it was written; damaged ones are logged, counted and
        passed over. All ranks must call it: each verifies a part of the files.

        Raises CheckpointsDamaged where there are checkpoints and none is whole, InvalidConfig when the one
        found belongs to another config.
        """
        if self._ranks.rank == 0:
            durable_file.remove_unfinished(self._root)
        steps = [int(step) for step in self._ranks.from_first([float(step) for step in self.steps()])]
        for passed_over, step in enumerate(reversed(steps)):
            damage = self._damage(step)
            if damage is not None:
                context.log("checkpoint passed over", checkpoint=str(self.path(step)), damage=damage)
            if self._ranks.total_of(float(damage is not None)) > 0:
                self._damaged.add(step)
                continue
            state = State(**json.loads((self.path(step) / STATE).read_bytes()))
            if state.config_hash != self._config_hash:
                raise KernelError(
                    "InvalidConfig",
                    f"{self.path(step)} was written under another config (data, seed, batch, schedule, shape "
                    "or objective changed); "
                    "start a new run or give an empty checkpoints.directory.",
                )
            return Found(state, passed_over)
        if steps:
            raise KernelError(
                "CheckpointsDamaged",
                f"none of the {len(steps)} checkpoints in {self._root} is as it was written; restore one, or "
                "remove the directory to begin at step 0, and raise spec.retry.",
            )
        return Found(None, 0)

    def read(self, step: int) -> ShardReader:
        return ShardReader([self.path(step) / name for name in sorted(self._sums(step)) if name != STATE])

    def _sums(self, step: int) -> dict[str, str]:
        sums: dict[str, str] = json.loads((self.path(step) / MARKER).read_bytes())["sha256"]
        return sums

    def _damage(self, step: int) -> str | None:
        """What is wrong with this rank's part of the files."""
        try:
            sums = self._sums(step)
            part = sorted(sums)[self._ranks.rank :: self._ranks.size]
            differing = [name for name in part if manifest.file_sha256(self.path(step) / name) != sums[name]]
        except (OSError, ValueError, KeyError, TypeError) as error:
            return repr(error)
        if STATE not in sums:
            return f"{MARKER} does not name {STATE}"
        return f"{', '.join(differing)} changed since written" if differing else None

    def _prune(self, newest: int) -> None:
        """The checkpoint just written is always among those kept, and damaged ones never take the place of
        one that is whole.

        Later ones are damaged leftovers and will be overwritten.
        """
        steps = [step for step in self.steps() if step <= newest]
        whole = [step for step in steps if step not in self._damaged]
        kept = set(whole[-self._config.keep_last :])
        if self._config.keep_every is not None:
            kept.update(step for step in whole if step % self._config.keep_every == 0)
        for step in steps:
            if step not in kept:
                durable_file.remove_directory(self.path(step))

"""Checkpoints: one directory per step, complete when its marker is,
the marker naming the sha256 of every other file.

step-00000123/  model.safetensors  optimizer.safetensors  state.json  complete.json
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from safetensors.torch import load_file, save_file
from torch import Tensor

from ..contract import Checkpoints
from ..runtime import durable_file, manifest
from ..runtime.errors import KernelError
from ..runtime.program import ProgramContext

MARKER = "complete.json"
MODEL = "model.safetensors"
OPTIMIZER = "optimizer.safetensors"
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


class CheckpointStore:
    """The checkpoints of one run. Only rank 0 writes and chooses; every rank reads."""

    def __init__(self, config: Checkpoints, config_hash: str) -> None:
        self._root = Path(config.directory)
        self._config = config
        self._config_hash = config_hash

    def path(self, step: int) -> Path:
        return self._root / f"step-{step:08d}"

    def steps(self) -> list[int]:
        """Steps that have a directory, ascending; whether each is whole is only known by `newest`."""
        return sorted(
            int(path.name.removeprefix("step-")) for path in self._root.glob("step-[0-9]*") if path.is_dir()
        )

    def due(self, step: int) -> bool:
        return step % self._config.every_steps == 0

    def save(self, state: State, model: Mapping[str, Tensor], optimizer: Mapping[str, Tensor]) -> None:
        """Writes a whole checkpoint or none; then removes those that are no longer kept."""

        def fill(directory: Path) -> None:
            save_file(dict(model), directory / MODEL)
            save_file(dict(optimizer), directory / OPTIMIZER)
            (directory / STATE).write_text(json.dumps(asdict(state), indent=2) + "\n")
            sums = {name: manifest.file_sha256(directory / name) for name in (MODEL, OPTIMIZER, STATE)}
            (directory / MARKER).write_text(json.dumps({"sha256": sums}, indent=2) + "\n")

        durable_file.write_directory(self.path(state.step), fill)
        self._prune(state.step)

    def newest(self, context: ProgramContext) -> State | None:
        """State of the newest checkpoint whose every byte is as it was written;
        damaged ones are logged and passed over.

        Raises InvalidConfig when that checkpoint belongs to another config.
        """
        durable_file.remove_unfinished(self._root)
        for step in reversed(self.steps()):
            damage = self._damage(self.path(step))
            if damage is not None:
                context.log("checkpoint passed over", checkpoint=str(self.path(step)), damage=damage)
                continue
            state = State(**json.loads((self.path(step) / STATE).read_bytes()))
            if state.config_hash != self._config_hash:
                raise KernelError(
                    "InvalidConfig",
                    f"{self.path(step)} was written under another config (data, seed, batch, schedule, shape "
                    "or objective changed); "
                    "start a new run or give an empty checkpoints.directory.",
                )
            return state
        return None

    def tensors(self, step: int) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Full tensors of model and optimizer."""
        return load_file(self.path(step) / MODEL), load_file(self.path(step) / OPTIMIZER)

    @staticmethod
    def _damage(directory: Path) -> str | None:
        try:
            sums = json.loads((directory / MARKER).read_bytes())["sha256"]
            differing = [
                name
                for name in (MODEL, OPTIMIZER, STATE)
                if manifest.file_sha256(directory / name) != sums[name]
            ]
        except (OSError, ValueError, KeyError, TypeError) as error:
            return repr(error)
        return f"{', '.join(differing)} changed since written" if differing else None

    def _prune(self, newest: int) -> None:
        """The checkpoint just written is always among those kept.

        Later ones are damaged leftovers and will be overwritten.
        """
        steps = [step for step in self.steps() if step <= newest]
        for step in steps[: -self._config.keep_last]:
            if self._config.keep_every is None or step % self._config.keep_every != 0:
                durable_file.remove_directory(self.path(step))

"""Lists that people bring: an entry on each line; what follows # is a comment."""

from __future__ import annotations

from pathlib import Path

from ..contract import Input
from ..runtime.errors import KernelError


def read_list(file: Input | None) -> list[str]:
    """Raises InvalidData."""
    if file is None:
        return []
    path = Path(file.path)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise KernelError(
            "InvalidData", f"list {path} cannot be read: {error.strerror}; check cleaning.stages."
        ) from error
    except UnicodeDecodeError as error:
        raise KernelError(
            "InvalidData", f"list {path} is no UTF-8 at byte {error.start}; convert it."
        ) from error
    entries = (line.partition("#")[0].strip() for line in lines)
    return [entry for entry in entries if entry]

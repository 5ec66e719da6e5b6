"""Files of JSON lines that people bring: conversations and preferences."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ..contract import Input
from .errors import KernelError


def read(inputs: Sequence[Input]) -> Iterator[tuple[dict[str, Any], str]]:
    """Every object of every file, with the words "file line n"; a directory stands for its *.jsonl files,
    in order of name.

    Raises InvalidData for what is no JSON object, and where there is no file at all.
    """
    for given in inputs:
        path = Path(given.path)
        files = sorted(path.glob("*.jsonl")) if path.is_dir() else [path]
        if not files:
            raise KernelError(
                "InvalidData", f"{path} holds no .jsonl file; put the data there or name the file."
            )
        for file in files:
            yield from _lines(file)


def _lines(file: Path) -> Iterator[tuple[dict[str, Any], str]]:
    with file.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                body = json.loads(line)
            except ValueError as error:
                raise KernelError(
                    "InvalidData", f"{file} line {number} is no JSON: {error}; correct or remove the line."
                ) from error
            if not isinstance(body, dict):
                raise KernelError(
                    "InvalidData", f"{file} line {number} is no JSON object; correct or remove the line."
                )
            yield body, f"{file} line {number}"

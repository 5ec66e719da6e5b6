"""Rows of Parquet files as documents: the text's column, and what stands beside it under the names that JSON
lines have too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ..runtime.errors import KernelError

MORE_FIELDS = ("id", "url", "title", "time", "licence")
"""What is taken where a row or line has it as a text; `id` also as a number."""

# Rows that are Python's at a time.
_ROWS = 64


@dataclass(frozen=True, slots=True)
class Row:
    number: int
    text: str
    more: dict[str, str]


@dataclass(frozen=True, slots=True)
class UnreadRow:
    """A row, or all rows from this one to the end of what is damaged, and why."""

    number: int
    reason: str
    size: int = 0


def read_rows(path: Path, text_field: str, max_record_bytes: int) -> Iterator[Row | UnreadRow]:
    """Rows in order. A damaged row group costs itself. Raises InvalidData where there is no such column."""
    try:
        file = pq.ParquetFile(path, memory_map=False, page_checksum_verification=True)
    except (pa.ArrowException, OSError):
        yield UnreadRow(0, "corrupt_file")
        return
    with file:
        columns = _columns(path, file.schema_arrow, text_field)
        first = 0
        for group in range(file.num_row_groups):
            rows = file.metadata.row_group(group).num_rows
            yield from _group(file, group, first, columns, text_field, max_record_bytes)
            first += rows


def _columns(path: Path, schema: pa.Schema, text_field: str) -> list[str]:
    if text_field not in schema.names or not _is_text(schema.field(text_field).type):
        raise KernelError(
            "InvalidData",
            f"{path} has no column of texts {text_field!r}, but {', '.join(schema.names[:20])}; name the "
            "texts' column in textField of the source.",
        )
    more = [name for name in MORE_FIELDS if name in schema.names and name != text_field]
    return [
        text_field,
        *(
            name
            for name in more
            if _is_text(schema.field(name).type)
            or (name == "id" and pa.types.is_integer(schema.field(name).type))
        ),
    ]


def _is_text(type: pa.DataType) -> bool:
    value = type.value_type if pa.types.is_dictionary(type) else type
    return bool(
        pa.types.is_string(value) or pa.types.is_large_string(value) or pa.types.is_string_view(value)
    )


def _group(
    file: pq.ParquetFile, group: int, first: int, columns: list[str], text_field: str, max_record_bytes: int
) -> Iterator[Row | UnreadRow]:
    number = first
    try:
        for batch in file.iter_batches(_ROWS, row_groups=[group], columns=columns, use_threads=False):
            for row in batch.to_pylist():
                text = row.pop(text_field)
                if not text:
                    yield UnreadRow(number, "no_text")
                elif (size := len(text.encode())) > max_record_bytes:
                    yield UnreadRow(number, "record_too_large", size)
                else:
                    yield Row(
                        number, text, {name: str(value) for name, value in row.items() if value is not None}
                    )
                number += 1
    except (pa.ArrowException, OSError, UnicodeError):
        yield UnreadRow(number, "corrupt_row_group")

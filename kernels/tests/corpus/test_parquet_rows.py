"""Parquet files of other tools: columns by name, and what damage costs."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tanren_kernels.corpus.parquet_rows import Row, UnreadRow, read_rows
from tanren_kernels.runtime.errors import KernelError


def write(path: Path, columns: dict[str, Any], **options: Any) -> Path:
    pq.write_table(pa.table(columns), path, **options)
    return path


def told(found: list[Row | UnreadRow]) -> list[str]:
    return [one.text if isinstance(one, Row) else one.reason for one in found]


def test_columns_are_taken_by_their_names(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a",
        {
            "content": pa.array(["一", "二"]).dictionary_encode(),
            "id": [7, None],
            "url": pa.array(["https://example.org/", None], type=pa.large_string()),
            "licence": ["CC0-1.0", "MIT"],
            "time": [1, 2],
            "score": [0.5, 0.25],
        },
    )
    assert list(read_rows(path, "content", 100)) == [
        Row(0, "一", {"id": "7", "url": "https://example.org/", "licence": "CC0-1.0"}),
        Row(1, "二", {"licence": "MIT"}),
    ]


def test_rows_without_text_or_over_the_limit_are_told(tmp_path: Path) -> None:
    path = write(tmp_path / "a", {"text": ["一", None, "", "長" * 40, "五"]})
    assert told(list(read_rows(path, "text", 100))) == ["一", "no_text", "no_text", "record_too_large", "五"]


@pytest.mark.parametrize("column", [{"body": ["a"]}, {"text": [1]}, {"text": [["a"]]}])
def test_a_file_without_a_column_of_texts_is_refused(tmp_path: Path, column: dict[str, Any]) -> None:
    path = write(tmp_path / "a", column)
    with pytest.raises(
        KernelError, match=r"has no column of texts 'text', but .*; name the texts' column in textField"
    ):
        list(read_rows(path, "text", 100))


def test_a_damaged_row_group_costs_itself(tmp_path: Path) -> None:
    texts = [f"{number:04d} " + "字" * 200 for number in range(40)]
    path = write(
        tmp_path / "a",
        {"text": texts},
        row_group_size=10,
        write_page_checksum=True,
        write_statistics=False,
        use_dictionary=False,
    )
    chunk = pq.ParquetFile(path).metadata.row_group(1).column(0)
    content = bytearray(path.read_bytes())
    middle = chunk.data_page_offset + chunk.total_compressed_size // 2
    content[middle : middle + 20] = bytes(20)
    path.write_bytes(content)
    found = list(read_rows(path, "text", 10_000))
    assert told(found) == [*texts[:10], "corrupt_row_group", *texts[20:]]
    assert [one.number for one in found][10:12] == [10, 20]


@pytest.mark.parametrize("keep", [0, 3, 300, -1])
def test_a_cut_file_is_one_corrupt_file(tmp_path: Path, keep: int) -> None:
    path = write(tmp_path / "a", {"text": ["文" * 500] * 10})
    path.write_bytes(path.read_bytes()[:keep])
    assert told(list(read_rows(path, "text", 10_000))) == ["corrupt_file"]


def test_no_bytes_make_the_reader_fail(tmp_path: Path) -> None:
    whole = write(tmp_path / "a", {"text": [f"文{number}" * 20 for number in range(200)]}, row_group_size=50)
    content = whole.read_bytes()
    rng = random.Random(1)
    for _ in range(200):
        garbled = bytearray(content)
        for _ in range(rng.randrange(1, 6)):
            garbled[rng.randrange(len(garbled))] = rng.randrange(256)
        (tmp_path / "b").write_bytes(garbled)
        try:
            found = list(read_rows(tmp_path / "b", "text", 10_000))
        except KernelError as error:
            assert error.reason == "InvalidData"  # the column's name was hit
            continue
        assert found

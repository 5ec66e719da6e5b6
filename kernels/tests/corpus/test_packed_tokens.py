import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tanren_kernels.contract import RunIdentity
from tanren_kernels.corpus.packed_tokens import PackedTokens, PackedWriter, dtype_for, write_packed
from tanren_kernels.runtime import manifest
from tanren_kernels.runtime.errors import KernelError

RUN = RunIdentity(kind="Corpus", namespace="default", name="c", uid="u", stage="tokenize", attempt=1)

documents_of_tokens = st.lists(
    st.lists(st.integers(0, 60_000), min_size=1, max_size=12), min_size=1, max_size=20
)


@settings(max_examples=40, deadline=None)
@given(documents=documents_of_tokens, shard_tokens=st.integers(1, 25), data=st.data())
def test_what_is_packed_is_read_back_across_shards(
    tmp_path_factory: pytest.TempPathFactory,
    documents: list[list[int]],
    shard_tokens: int,
    data: st.DataObject,
) -> None:
    directory = tmp_path_factory.mktemp("packed")
    dtype = dtype_for(60_001)
    with PackedWriter(directory, dtype, shard_tokens) as writer:
        for document in documents:
            writer.add(np.asarray(document))
    tokens = PackedTokens(sorted(directory.glob("*.bin")), dtype)
    flat = [token for document in documents for token in document]
    assert tokens.total_tokens == writer.total_tokens == len(flat)
    assert [tokens.document(number).tolist() for number in range(len(documents))] == documents
    start = data.draw(st.integers(0, len(flat)))
    length = data.draw(st.integers(0, len(flat) - start))
    assert tokens.slice(start, length).tolist() == flat[start : start + length]
    assert tokens.slice(start, length).dtype == np.int64


def test_documents_never_straddle_shards(tmp_path: Path) -> None:
    with PackedWriter(tmp_path, dtype_for(100), shard_tokens=10) as writer:
        for length in (6, 6, 25, 3, 3):
            writer.add(np.arange(length))
    sizes = [file.stat().st_size // 2 for file in sorted(tmp_path.glob("*.bin"))]
    assert sizes == [6, 6, 25, 6]


def test_an_abandoned_writer_leaves_no_last_shard(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), PackedWriter(tmp_path, dtype_for(100), shard_tokens=10) as writer:
        writer.add(np.arange(5))
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_vocabularies_beyond_two_bytes_are_packed_in_four() -> None:
    assert dtype_for(65_536).itemsize == 2
    assert dtype_for(65_537).itemsize == 4


def test_slices_beyond_the_end_are_refused(tmp_path: Path) -> None:
    write_packed(tmp_path / "00000", [np.arange(4)], dtype_for(10))
    tokens = PackedTokens([tmp_path / "00000.bin"], dtype_for(10))
    for start, length in ((0, 5), (4, 1), (-1, 1)):
        with pytest.raises(IndexError):
            tokens.slice(start, length)


def test_a_corpus_is_opened_by_its_manifest(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    (tmp_path / "held-out").mkdir()
    write_packed(tmp_path / "train" / "00000", [np.asarray([70_000, 0])], dtype_for(100_000))
    write_packed(tmp_path / "held-out" / "ja", [np.asarray([5, 0]), np.asarray([6, 0])], dtype_for(100_000))
    manifest.write(tmp_path, "corpus", RUN, [], {"dtype": "uint32"})
    assert PackedTokens.of_train(tmp_path).slice(0, 2).tolist() == [70_000, 0]
    assert PackedTokens.of_held_out(tmp_path, "ja").document_starts.tolist() == [0, 2]
    assert PackedTokens.of_held_out(tmp_path, "en").total_tokens == 0
    assert PackedTokens.held_out_languages(tmp_path) == ["ja"]


def test_a_model_is_no_corpus(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({}))
    manifest.write(tmp_path, "model", RUN, [], {})
    with pytest.raises(KernelError, match="no corpus artifact"):
        PackedTokens.of_train(tmp_path)


def test_a_shard_without_its_index_is_damaged(tmp_path: Path) -> None:
    write_packed(tmp_path / "00000", [np.arange(4)], dtype_for(10))
    (tmp_path / "00000.idx").unlink()
    with pytest.raises(KernelError) as caught:
        PackedTokens([tmp_path / "00000.bin"], dtype_for(10))
    assert caught.value.reason == "ArtifactDamaged"

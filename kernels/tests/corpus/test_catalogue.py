"""The catalogue says of every document what reading it would say."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from tanren_kernels.corpus.catalogue import Catalogue, CataloguingWriter
from tanren_kernels.corpus.documents import Document, TaskFolder, TaskWriter, read_documents
from tanren_kernels.runtime.errors import KernelError

TASKS = [
    [
        ("a", "川は静かに流れる。", "ja"),
        ("b", "The quick brown fox\nand a dog.", "en"),
        ("c", "x = 1\n", "code"),
    ],
    [],
    [("d", "", "en"), ("e", "吾輩は猫である😀", "ja")],
]


def key_of(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


@pytest.fixture
def folders(tmp_path: Path) -> list[TaskFolder]:
    made = [TaskFolder(tmp_path, task) for task in range(len(TASKS))]
    for folder, documents in zip(made, TASKS, strict=True):
        with CataloguingWriter(folder) as writer:
            for id, text, language in documents:
                writer.catalogue(Document(id, text, language, "web", "", place=ord(id)), key_of(text), False)
            writer.complete({}, "mark")
    return made


def test_every_column_is_what_reading_the_documents_gives(folders: list[TaskFolder]) -> None:
    catalogue = Catalogue(folders, 0.5)
    documents = [document for folder in folders for document in read_documents(folder.documents)]
    assert len(documents) == len(catalogue.keys) == 5
    for number, document in enumerate(documents):
        text = document.text.encode()
        assert int(catalogue.keys[number]) == key_of(document.text)
        assert catalogue.language_names[catalogue.languages[number]] == document.language
        assert (catalogue.sizes[number], catalogue.characters[number]) == (len(text), len(document.text))
    assert [list(catalogue.numbers_of_file(file)) for file in range(3)] == [[0, 1, 2], [], [3, 4]]


def test_only_the_wanted_documents_are_read(folders: list[TaskFolder]) -> None:
    catalogue = Catalogue(folders, 0.5)
    wanted = np.array([False, True, True, False, True])
    assert [(number, document.id) for number, document in catalogue.read(wanted)] == [
        (1, "b"),
        (2, "c"),
        (4, "e"),
    ]
    assert [document.text for _, document in catalogue.read(wanted, file=2)] == ["吾輩は猫である😀"]


def test_another_catalogue_than_the_marker_names_is_refused(folders: list[TaskFolder]) -> None:
    content = bytearray(folders[0].catalogue.read_bytes())
    content[-1] ^= 1
    folders[0].catalogue.write_bytes(content)
    with pytest.raises(KernelError, match=r"catalogue/00000\.parquet is not what") as changed:
        Catalogue(folders, 0.5)
    assert changed.value.reason == "ArtifactDamaged"


def test_a_task_without_a_catalogue_is_refused(folders: list[TaskFolder]) -> None:
    with TaskWriter(folders[1]) as writer:
        writer.complete({}, "mark")
    with pytest.raises(KernelError, match="run that stage again"):
        Catalogue(folders, 0.5)


def test_a_text_with_a_twin_is_held_out_in_no_case(tmp_path: Path) -> None:
    folder = TaskFolder(tmp_path, 0)
    keys = [1, 2**62, 2**63]  # of all hashes: 0, 1/4, 1/2
    with CataloguingWriter(folder) as writer:
        for number, key in enumerate(keys):
            writer.catalogue(Document(f"d{number}", "text", "en", "web", "", place=number), key, number == 0)
        writer.complete({}, "mark")
    assert Catalogue([folder], 0.3).held_out.tolist() == [False, True, False]
    # None is below the share: then the smallest that has no twin.
    assert Catalogue([folder], 0.1).held_out.tolist() == [False, True, False]

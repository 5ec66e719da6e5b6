"""Artifacts: digests, damage, lineage."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tanren_kernels.contract import Input, ManifestParent, RunIdentity
from tanren_kernels.runtime import manifest
from tanren_kernels.runtime.errors import KernelError

RUN = RunIdentity(kind="Corpus", namespace="default", name="web", uid="u-1", stage="tokenize", attempt=1)


def make_artifact(directory: Path, run: RunIdentity = RUN) -> str:
    (directory / "train").mkdir(parents=True)
    (directory / "train" / "00000.bin").write_bytes(bytes(range(200)))
    (directory / "tokenizer.json").write_text("{}")
    parent = ManifestParent(name="raw", digest="sha256:" + "0" * 64)
    return manifest.write(directory, "corpus", run, [parent], {"train_tokens": 100}).digest


def test_an_intact_artifact_verifies_and_names_its_files(tmp_path: Path) -> None:
    digest = make_artifact(tmp_path / "a")
    read = manifest.verify(tmp_path / "a", digest)
    assert [entry.path for entry in read.files] == ["tokenizer.json", "train/00000.bin"]
    assert read.parents[0].name == "raw"


def test_equal_content_has_an_equal_digest_whoever_made_it(tmp_path: Path) -> None:
    other = RUN.model_copy(update={"uid": "u-2", "attempt": 7})
    assert make_artifact(tmp_path / "a") == make_artifact(tmp_path / "b", other)


@pytest.mark.parametrize("position", [0, 57, 199])
def test_a_single_flipped_bit_is_found(tmp_path: Path, position: int) -> None:
    digest = make_artifact(tmp_path / "a")
    victim = tmp_path / "a" / "train" / "00000.bin"
    damaged = bytearray(victim.read_bytes())
    damaged[position] ^= 1
    victim.write_bytes(damaged)
    with pytest.raises(KernelError, match=r"00000\.bin") as caught:
        manifest.verify(tmp_path / "a", digest)
    assert caught.value.reason == "ArtifactDamaged"


def test_missing_files_changed_manifests_and_replaced_artifacts_are_refused(tmp_path: Path) -> None:
    digest = make_artifact(tmp_path / "a")
    with pytest.raises(KernelError, match="not sha256:1"):
        manifest.verify(tmp_path / "a", "sha256:" + "1" * 64)

    body = json.loads((tmp_path / "a" / manifest.NAME).read_text())
    body["metadata"]["train_tokens"] = 101
    (tmp_path / "a" / manifest.NAME).write_text(json.dumps(body))
    with pytest.raises(KernelError, match="was changed"):
        manifest.verify(tmp_path / "a", digest)

    make_artifact(tmp_path / "b")
    (tmp_path / "b" / "tokenizer.json").unlink()
    with pytest.raises(KernelError, match=r"tokenizer\.json is missing"):
        manifest.verify(tmp_path / "b")
    with pytest.raises(KernelError, match=r"has no manifest\.json"):
        manifest.verify(tmp_path / "nowhere")


def test_what_people_bring_is_hashed_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "inputs" / "raw").mkdir(parents=True)
    (tmp_path / "inputs" / "raw" / "a.txt").write_text("one")
    first = manifest.verify_input(Input(path="inputs/raw"))
    assert first.name == "raw"
    assert manifest.verify_input(Input(path="inputs/raw")) == first
    (tmp_path / "inputs" / "raw" / "a.txt").write_text("two")
    assert manifest.verify_input(Input(path="inputs/raw")).digest != first.digest
    with pytest.raises(KernelError, match="does not exist"):
        manifest.verify_input(Input(path="inputs/none"))


@given(
    st.dictionaries(
        st.text(),
        st.recursive(st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3), max_leaves=5),
    )
)
def test_the_digest_ignores_order_and_only_run_and_digest(body: dict[str, object]) -> None:
    body.pop("run", None)
    body.pop("digest", None)
    reversed_body = dict(reversed(list(body.items())))
    assert manifest.digest_of(body) == manifest.digest_of({**reversed_body, "run": 1, "digest": 2})
    assert manifest.digest_of(body) != manifest.digest_of({**body, "another field": 1})


def test_what_a_killed_writer_left_is_no_part_of_an_artifact(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "figures.json.tmp").write_text("{")
    make_artifact(tmp_path / "a")
    assert "figures.json.tmp" not in [entry.path for entry in manifest.read(tmp_path / "a").files]

"""Artifacts: a directory is one when its manifest.json exists;
the manifest is written last and names every file's sha256.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ..contract import ArtifactResult, Input, Manifest, ManifestParent, RunIdentity
from . import durable_file, tracing
from .errors import KernelError

NAME = "manifest.json"


def file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def canonical(value: object) -> bytes:
    """Canonical JSON: sorted keys, no spaces, UTF-8."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def digest_of(manifest: dict[str, Any]) -> str:
    """Digest of a manifest without `digest` and `run`: equal content and parents have an equal digest."""
    body = {key: value for key, value in manifest.items() if key not in ("digest", "run")}
    return "sha256:" + hashlib.sha256(canonical(body)).hexdigest()


def write(
    directory: Path,
    artifact_type: str,
    run: RunIdentity,
    parents: Iterable[ManifestParent],
    metadata: dict[str, Any],
    files: Iterable[Path] | None = None,
) -> Manifest:
    """Writes manifest.json over `files` (default: every file below `directory`) and returns it."""
    chosen = files if files is not None else _whole_files(directory)
    entries = sorted(
        (
            {
                "path": p.relative_to(directory).as_posix(),
                "size_bytes": p.stat().st_size,
                "sha256": file_sha256(p),
            }
            for p in chosen
        ),
        key=lambda entry: str(entry["path"]),
    )
    body: dict[str, Any] = {
        "api_version": "tanren.dev/v1alpha1",
        "type": artifact_type,
        "run": run.model_dump(),
        "files": entries,
        "parents": sorted((p.model_dump() for p in parents), key=lambda p: (p["name"], p["digest"])),
        "metadata": metadata,
    }
    body["digest"] = digest_of(body)
    manifest = Manifest.model_validate(body)
    durable_file.write(directory / NAME, json.dumps(body, indent=2, ensure_ascii=False).encode() + b"\n")
    return manifest


def _whole_files(directory: Path) -> Iterator[Path]:
    for path in directory.rglob("*"):
        if path.is_file() and path.name != NAME and path.suffix != durable_file.SUFFIX:
            yield path


def read(directory: Path, expected_digest: str | None = None) -> Manifest:
    """Reads a manifest and checks that its digest is its own, and the expected one; files are not read."""
    path = directory / NAME
    try:
        body = json.loads(path.read_bytes())
        manifest = Manifest.model_validate(body)
    except FileNotFoundError as error:
        raise KernelError(
            "ArtifactDamaged",
            f"{directory} has no {NAME}: the artifact was not finished or was removed; run its maker again.",
        ) from error
    except (ValueError, ValidationError) as error:
        raise KernelError(
            "ArtifactDamaged", f"{path} is not a manifest: {str(error)[:200]}; run its maker again."
        ) from error
    if digest_of(body) != manifest.digest:
        raise KernelError(
            "ArtifactDamaged",
            f"{path} was changed: its content does not have the digest it names; run its maker again.",
        )
    if expected_digest is not None and manifest.digest != expected_digest:
        raise KernelError(
            "ArtifactDamaged",
            f"{directory} holds {manifest.digest}, not {expected_digest} as referenced; it was replaced "
            "after the reference was resolved.",
        )
    return manifest


def verify(directory: Path, expected_digest: str | None = None) -> Manifest:
    """Reads the manifest and every file it names; raises ArtifactDamaged at the first that differs."""
    manifest = read(directory, expected_digest)
    for entry in manifest.files:
        path = directory / entry.path
        if not path.is_file():
            raise KernelError(
                "ArtifactDamaged", f"{path} is missing; restore it or run the artifact's maker again."
            )
        if path.stat().st_size != entry.size_bytes or file_sha256(path) != entry.sha256:
            raise KernelError(
                "ArtifactDamaged",
                f"{path} does not have the sha256 its manifest names; restore it or run the artifact's maker "
                "again.",
            )
    return manifest


@tracing.span("verify input")
def verify_input(given: Input) -> ManifestParent:
    """Verifies an input before use and returns it as a parent for the manifest.

    An artifact (with digest) is checked file by file. What people bring without a manifest is hashed as it
    is, so that lineage names the very bytes that were read. Raises ArtifactDamaged or InvalidData.
    """
    path = Path(given.path)
    if given.digest is not None:
        return ManifestParent(name=path.name, digest=verify(path, given.digest).digest)
    if not path.exists():
        raise KernelError("InvalidData", f"{path} does not exist; check the reference's claim and path.")
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    listing = [[p.relative_to(path).as_posix(), file_sha256(p)] for p in files]
    return ManifestParent(name=path.name, digest="sha256:" + hashlib.sha256(canonical(listing)).hexdigest())


def artifact_result(directory: Path, manifest: Manifest, **figures: Any) -> ArtifactResult:
    """The artifact as it stands in a program's result."""
    size = sum(entry.size_bytes for entry in manifest.files)
    return ArtifactResult.model_validate(
        {
            "path": directory.as_posix(),
            "type": manifest.type,
            "digest": manifest.digest,
            "size_bytes": size,
            **figures,
        }
    )

"""Makes an environment for CPUs alone out of the locked one, inside an image's build.

The locked torch is built for CUDA: its own libraries name CUDA's, so those must be there for `import torch`
even without a GPU. What only a GPU's work opens later (cuDNN's engines, Triton's compiler) is deleted:
whatever this process does not have mapped after loading all of torch.
"""

from __future__ import annotations

import shutil
import sysconfig
from importlib import metadata
from pathlib import Path

import torch

SITE = Path(sysconfig.get_path("purelib"))
# Directories of packages that serve CUDA and nothing else.
CUDA = ("nvidia", "triton")


def mapped() -> set[Path]:
    """Files that are mapped into this process."""
    lines = Path("/proc/self/maps").read_text().splitlines()
    return {
        Path(fields[5]).resolve()
        for line in lines
        if len(fields := line.split(maxsplit=5)) == 6 and fields[5].startswith("/")
    }


def main() -> None:
    torch.ones(8, 8) @ torch.ones(8, 8)
    keep = mapped()
    freed = 0
    for directory in CUDA:
        for file in (SITE / directory).rglob("*"):
            if file.is_file() and file.resolve() not in keep:
                freed += file.stat().st_size
                file.unlink()
        # An empty directory would still be a package to Python.
        for folder in sorted((SITE / directory).rglob("*"), reverse=True):
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()
        if not any((SITE / directory).iterdir()):
            (SITE / directory).rmdir()
    # A package of which nothing is left is no longer installed, and no list of packages should say so.
    for distribution in list(metadata.distributions()):
        files = [
            Path(str(distribution.locate_file(name)))
            for name in distribution.files or []
            if name.parts[0] in CUDA
        ]
        if files and not any(file.exists() for file in files):
            shutil.rmtree(
                SITE / f"{distribution.metadata['Name'].replace('-', '_')}-{distribution.version}.dist-info"
            )
    print(f"left out {freed / 1e9:.1f} GB that only a GPU needs")


if __name__ == "__main__":
    main()

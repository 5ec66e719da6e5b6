"""One attempt at a time: the last to begin owns what its stage writes, and earlier ones publish nothing more.

A node that is cut off goes on with its pods, and the cluster may have replaced them meanwhile. Attempts take
numbered places in a directory of the claim that they share; whoever does not have the last place ends before
its next rename. Looking and renaming are two steps, so a rename that has been decided on still happens: it
publishes a whole file, as before the other attempt began.
"""

from __future__ import annotations

from pathlib import Path

from .errors import KernelError

DIRECTORY = ".attempts"

place: tuple[Path, str] | None = None
"""Where this process takes its place, and as whom."""


def take_over(directory: Path, holder: str) -> None:
    """`holder` names the attempt; all its processes have the same. Raises PeerLost where another attempt has
    begun since this one took its place.
    """
    global place
    directory.mkdir(parents=True, exist_ok=True)
    places = _places(directory)
    if holder not in places:
        (directory / f"{len(places) + 1:06}-{holder}").touch()
    place = (directory, holder)
    require_newest()


def require_predecessor(directory: Path, uid: str) -> None:
    """Raises InvalidConfig where `directory`, which is to be continued, holds nothing that another run left:
    a misspelt name would silently begin from nothing.
    """
    left = [path.name for path in directory.iterdir() if path.name != DIRECTORY] if directory.exists() else []
    others = [path for path in directory.glob(f"{DIRECTORY}/*/*") if f"-{uid}-" not in path.name]
    if not left and not others:
        raise KernelError(
            "InvalidConfig",
            "the directory that spec.storage.adopt names holds nothing; correct the name, or leave adopt out "
            "to begin from nothing.",
        )


def require_newest() -> None:
    """Raises PeerLost where another attempt has begun. Does nothing in a process that took no place."""
    if place is None:
        return
    directory, holder = place
    newest = _places(directory)[-1]
    if newest != holder:
        raise KernelError(
            "PeerLost",
            f"attempt {newest} has begun at stage {directory.name} and owns its files: "
            f"attempt {holder} writes no more.",
        )


def _places(directory: Path) -> list[str]:
    """Holders in the order of their places; of two that took one number the name decides."""
    return [name.partition("-")[2] for name in sorted(path.name for path in directory.iterdir())]

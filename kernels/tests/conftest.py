"""tests/bench needs peers that only the bench environment has; it runs where it is named:
`pytest tests/bench`.
"""

from pathlib import Path

import pytest

BENCH = Path(__file__).parent / "bench"


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """True ignores; None leaves it to others."""
    named = any(Path(argument.split("::")[0]).resolve().is_relative_to(BENCH) for argument in config.args)
    return True if collection_path == BENCH and not named else None

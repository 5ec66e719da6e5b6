import numpy as np
import pytest

from tanren_kernels.corpus.text_windows import TextWindows, units_of


@pytest.mark.parametrize("size", [1, 2, 5, 40])
def test_windows_are_equal_exactly_where_their_texts_are(size: int) -> None:
    rng = np.random.default_rng(1)
    text = "".join(rng.choice(list("あいa😀"), 3_000).tolist()) + "x" * 70_000
    hashes = TextWindows(units_of(text)).hashes(size)
    windows = [text[at : at + size] for at in range(len(text) - size + 1)]
    assert len(hashes) == len(windows)
    by_text: dict[str, int] = {}
    for window, found in zip(windows, hashes.tolist(), strict=True):
        assert by_text.setdefault(window, found) == found
    assert len(set(by_text.values())) == len(by_text)


def test_a_text_shorter_than_the_window_has_none() -> None:
    assert len(TextWindows(units_of("短い")).hashes(3)) == 0
    assert len(TextWindows(units_of("")).hashes(1)) == 0

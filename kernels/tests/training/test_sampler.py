import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tanren_kernels.training.sampler import SampleOrder, permute

sizes = st.integers(1, 3000)
seeds = st.integers(0, 2**31 - 1)


@given(sizes, st.text(max_size=8))
@settings(max_examples=60, deadline=None)
def test_permute_is_a_permutation(size: int, key: str) -> None:
    assert sorted(permute(np.arange(size), size, key).tolist()) == list(range(size))


@given(sizes, seeds)
@settings(max_examples=40, deadline=None)
def test_every_epoch_has_every_sample_once(size: int, seed: int) -> None:
    order = SampleOrder(size, seed)
    for epoch in range(2):
        assert sorted(order.indices(epoch * size, size).tolist()) == list(range(size))


@given(sizes, seeds, st.integers(0, 5000), st.lists(st.integers(1, 200), min_size=1, max_size=6))
@settings(max_examples=60, deadline=None)
def test_the_order_does_not_depend_on_how_it_is_asked_for(
    size: int, seed: int, start: int, counts: list[int]
) -> None:
    order = SampleOrder(size, seed)
    positions = np.cumsum([start, *counts])
    pieces = [order.indices(int(position), count) for position, count in zip(positions, counts, strict=False)]
    assert np.concatenate(pieces).tolist() == order.indices(start, sum(counts)).tolist()


def test_seeds_and_epochs_give_unlike_orders() -> None:
    first = SampleOrder(1000, 1).indices(0, 1000)
    for other in (
        SampleOrder(1000, 2).indices(0, 1000),
        SampleOrder(1000, 1).indices(1000, 1000),
        np.arange(1000),
    ):
        assert (first == other).mean() < 0.02


def test_neighbours_are_scattered() -> None:
    """Correlation of position and sample, and of adjoining samples, as of independent draws:
    |r| < 4 / sqrt(n).
    """
    order = SampleOrder(20_000, 3).indices(0, 20_000)
    assert abs(np.corrcoef(order, np.arange(20_000))[0, 1]) < 0.03
    assert abs(np.corrcoef(order[:-1], order[1:])[0, 1]) < 0.03

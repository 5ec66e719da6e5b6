import cmath

import torch

from tanren_kernels.model import rope


def rotate_slowly(vector: list[float], position: float, theta: float) -> list[float]:
    """Each pair as a complex number, turned by its angle (Su et al. 2021, equation 34)."""
    half = len(vector) // 2
    turned = [
        complex(vector[i], vector[i + half]) * cmath.exp(1j * position * theta ** (-2 * i / len(vector)))
        for i in range(half)
    ]
    return [z.real for z in turned] + [z.imag for z in turned]


def rotated(x: torch.Tensor, positions: torch.Tensor, factor: float) -> torch.Tensor:
    frequencies = rope.inverse_frequencies(x.shape[-1], 10000.0, factor)
    return rope.rotate(x, *rope.rotation(positions, frequencies))


def test_equals_rotation_of_complex_numbers() -> None:
    x = torch.randn(1, 1, 5, 8, generator=torch.Generator().manual_seed(0))
    positions = torch.tensor([0, 1, 7, 100, 2000])
    for factor in (1.0, 4.0):
        expected = [rotate_slowly(x[0, 0, t].tolist(), int(positions[t]) / factor, 10000.0) for t in range(5)]
        torch.testing.assert_close(
            rotated(x, positions, factor)[0, 0], torch.tensor(expected), atol=2e-4, rtol=0
        )


def test_factor_one_has_the_bits_of_plain_rope() -> None:
    plain = 1.0 / (10000.0 ** (torch.arange(0, 64, 2, dtype=torch.int64).float() / 64))
    assert torch.equal(rope.inverse_frequencies(64, 10000.0, 1.0), plain)


def test_interpolated_positions_stay_within_the_trained_window() -> None:
    x = torch.randn(1, 1, 1, 16, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(rotated(x, torch.tensor([400]), 4.0), rotated(x, torch.tensor([100]), 1.0))


def test_scores_depend_on_distance_alone() -> None:
    q, k = torch.randn(2, 1, 1, 1, 16, generator=torch.Generator().manual_seed(2))
    near = (rotated(q, torch.tensor([9]), 1.0) * rotated(k, torch.tensor([4]), 1.0)).sum()
    far = (rotated(q, torch.tensor([509]), 1.0) * rotated(k, torch.tensor([504]), 1.0)).sum()
    torch.testing.assert_close(near, far, atol=1e-4, rtol=0)

import pytest
import tiny
import torch

from tanren_kernels.model.attention import KeyValueCache, causal


def attend_slowly(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    out = torch.zeros_like(q)
    repeats = q.shape[1] // k.shape[1]
    for b in range(q.shape[0]):
        for h in range(q.shape[1]):
            for t in range(q.shape[2]):
                scores = k[b, h // repeats, : t + 1] @ q[b, h, t] / q.shape[-1] ** 0.5
                out[b, h, t] = scores.softmax(0) @ v[b, h // repeats, : t + 1]
    return out


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 2e-2)])
@pytest.mark.parametrize("groups", [1, 2, 4])
def test_equals_attention_written_as_loops(dtype: torch.dtype, tolerance: float, groups: int) -> None:
    generator = torch.Generator().manual_seed(groups)
    q = torch.randn(2, 4, 7, 8, generator=generator).to(dtype)
    k, v = torch.randn(2, 2, groups, 7, 8, generator=generator).to(dtype)
    torch.testing.assert_close(
        causal(q, k, v).float(), attend_slowly(q.float(), k.float(), v.float()), atol=tolerance, rtol=0
    )


def test_gradients_of_the_bfloat16_path_are_those_of_float32() -> None:
    generator = torch.Generator().manual_seed(0)
    inputs = [torch.randn(1, heads, 6, 8, generator=generator) for heads in (4, 2, 2)]
    gradients = []
    for dtype in (torch.float32, torch.bfloat16):
        leaves = [x.to(dtype).requires_grad_() for x in inputs]
        gradients.append(torch.autograd.grad(causal(*leaves).float().square().sum(), leaves))
    for exact, rounded in zip(*gradients, strict=True):
        torch.testing.assert_close(rounded.float(), exact, atol=0.06, rtol=0.05)


def test_cache_gives_the_logits_of_the_whole_sequence() -> None:
    model = tiny.model()
    tokens = torch.randint(3, 300, (2, 12), generator=torch.Generator().manual_seed(0))
    cache = KeyValueCache(model.config, 2, 12)
    with torch.no_grad():
        whole = model(tokens)
        parts = torch.cat(
            [model(tokens[:, start:end], cache) for start, end in ((0, 5), (5, 6), (6, 12))], dim=1
        )
    torch.testing.assert_close(parts, whole, atol=1e-4, rtol=0)


def test_rows_of_unlike_length_share_a_cache() -> None:
    model = tiny.model()
    tokens = torch.randint(3, 300, (3, 12), generator=torch.Generator().manual_seed(1))
    lengths = torch.tensor([5, 1, 9])
    cache = KeyValueCache(model.config, 3, 12)
    with torch.no_grad():
        whole = model(tokens)
        first = model(tokens[:, :9], cache, lengths)
        following = model(torch.stack([tokens[row, lengths[row]] for row in range(3)])[:, None], cache)
    assert cache.lengths.tolist() == [6, 2, 10]
    for row in range(3):
        torch.testing.assert_close(first[row, : lengths[row]], whole[row, : lengths[row]], atol=1e-4, rtol=0)
        torch.testing.assert_close(following[row, 0], whole[row, lengths[row]], atol=1e-4, rtol=0)


def test_padding_may_reach_over_the_end_of_the_cache_but_tokens_may_not() -> None:
    model = tiny.model()
    cache = KeyValueCache(model.config, 2, 8)
    tokens = torch.randint(3, 300, (2, 6), generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        model(tokens, cache, torch.tensor([6, 3]))
        model(tokens, cache, torch.tensor([2, 5]))
        assert cache.lengths.tolist() == [8, 8]
        with pytest.raises(ValueError, match="room for 8"):
            model(tokens[:, :1], cache)

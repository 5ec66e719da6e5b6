from __future__ import annotations

import pytest
import tiny
import torch

from tanren_kernels.inference.likelihood import log_likelihoods

TEXT = tiny.text_tokenizer()
PAIRS = [
    (TEXT.encode_plain(context), TEXT.encode_plain(following))
    for context in ("吾輩は", "川は静かに", "x")
    for following in ("猫である。", "dog", "また朝が来る。")
]


def test_log_likelihoods_are_those_of_the_softmax() -> None:
    model = tiny.model()
    expected = []
    with torch.no_grad():
        for context, following in PAIRS:
            log_probabilities = torch.log_softmax(
                model(torch.tensor([context + following]))[0].double(), dim=-1
            )
            places = range(len(context) - 1, len(context) + len(following) - 1)
            expected.append(
                float(
                    sum(
                        log_probabilities[place, token]
                        for place, token in zip(places, following, strict=True)
                    )
                )
            )
    for batch_size in (1, 2, 4, 16):
        assert log_likelihoods(model, PAIRS, batch_size) == pytest.approx(expected, abs=1e-4)


def test_a_continuation_without_context_is_refused() -> None:
    with pytest.raises(ValueError, match="context"):
        log_likelihoods(tiny.model(), [([], [1])], 1)

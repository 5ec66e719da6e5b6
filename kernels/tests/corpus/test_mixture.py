import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tanren_kernels.contract import MixtureConfig, MixturePart
from tanren_kernels.corpus import mixture
from tanren_kernels.runtime.errors import KernelError


def config(ratios: dict[str, float], tokens: int | None = None, max_epochs: float = 1) -> MixtureConfig:
    parts = [
        MixturePart.model_validate({"language": language, "ratio": ratio})
        for language, ratio in ratios.items()
    ]
    return MixtureConfig(tokens=tokens, parts=parts, max_epochs=max_epochs)


def keys(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2**63, count).astype(np.uint64)


lengths_of_documents = st.lists(st.integers(2, 40), min_size=1, max_size=30)


@settings(max_examples=150, deadline=None)
@given(
    ja=lengths_of_documents,
    en=lengths_of_documents,
    share=st.integers(1, 99),
    max_epochs=st.sampled_from([1, 1.5, 4]),
    seed=st.integers(0, 2**31 - 1),
)
def test_every_language_gives_exactly_its_share(
    ja: list[int], en: list[int], share: int, max_epochs: float, seed: int
) -> None:
    asked = config({"ja": share / 100, "en": 1 - share / 100}, max_epochs=max_epochs)
    available = {"ja": sum(ja), "en": sum(en)}
    shares = mixture.quotas(available, asked)
    whole = sum(shares.values())
    lengths = {"ja": np.asarray(ja), "en": np.asarray(en)}
    chosen = {
        language: mixture.choose(keys(len(own)), own, shares[language], seed)
        for language, own in lengths.items()
    }
    given_ = {"ja": 0, "en": 0}
    for language, document, tokens in mixture.interleave(chosen, shares):
        assert 0 < tokens <= lengths[language][document]
        given_[language] += tokens
    assert given_ == shares
    for part in asked.parts:
        assert abs(shares[part.language] - whole * part.ratio) < 1
        assert shares[part.language] <= available[part.language] * max_epochs
    # The language that has most for its ratio is never repeated.
    assert min(shares[language] / available[language] for language in shares) <= 1


@settings(max_examples=60, deadline=None)
@given(tokens=st.integers(1, 10_000), ratios=st.lists(st.integers(1, 50), min_size=3, max_size=3))
def test_whole_shares_sum_to_the_whole(tokens: int, ratios: list[int]) -> None:
    parts = {
        language: ratio / sum(ratios) for language, ratio in zip(["ja", "en", "code"], ratios, strict=True)
    }
    shares = mixture.quotas(dict.fromkeys(parts, 1_000_000), config(parts, tokens=tokens))
    assert sum(shares.values()) == tokens


def test_every_stretch_of_the_corpus_has_the_ratios() -> None:
    lengths = {"ja": np.full(700, 10), "en": np.full(200, 10), "code": np.full(100, 10)}
    shares = {"ja": 7_000, "en": 2_000, "code": 1_000}
    order = [
        language
        for language, _, _ in mixture.interleave(
            {name: mixture.choose(keys(len(own)), own, shares[name], 1) for name, own in lengths.items()},
            shares,
        )
    ]
    for start in range(0, 1_000, 100):
        stretch = order[start : start + 100]
        assert abs(stretch.count("ja") - 70) <= 2 and abs(stretch.count("en") - 20) <= 2


def test_a_language_is_read_whole_before_it_is_repeated_in_another_order() -> None:
    lengths = np.full(50, 3)
    documents = [document for document, _ in mixture.choose(keys(50), lengths, 300, seed=1)]
    first, second = documents[:50], documents[50:]
    assert sorted(first) == sorted(second) == list(range(50))
    assert first != second


def test_the_order_depends_on_the_seed_and_not_on_other_documents() -> None:
    some = keys(40)
    assert mixture.shuffled(some, 1, 0).tolist() == mixture.shuffled(some, 1, 0).tolist()
    assert mixture.shuffled(some, 1, 0).tolist() != mixture.shuffled(some, 2, 0).tolist()
    without = [place for place in mixture.shuffled(some, 1, 0).tolist() if place != 39]
    assert mixture.shuffled(some[:39], 1, 0).tolist() == without


@pytest.mark.parametrize(
    ("available", "max_epochs", "expected"),
    [
        ({"ja": 1_000, "en": 1_000}, 1, {"ja": 1_000, "en": 1_000}),
        ({"ja": 1_000, "en": 5_000}, 1, {"ja": 1_000, "en": 1_000}),
        ({"ja": 1_000, "en": 5_000}, 2, {"ja": 2_000, "en": 2_000}),
        ({"ja": 1_000, "en": 1_500}, 4, {"ja": 1_500, "en": 1_500}),
    ],
    ids=["even", "the scarce one decides", "the scarce one is repeated", "nothing is repeated beyond need"],
)
def test_without_tokens_the_ratios_say_how_many(
    available: dict[str, int], max_epochs: float, expected: dict[str, int]
) -> None:
    assert mixture.quotas(available, config({"ja": 0.5, "en": 0.5}, max_epochs=max_epochs)) == expected


def test_what_each_language_lacks_is_said() -> None:
    with pytest.raises(KernelError) as caught:
        mixture.quotas(
            {"ja": 1_000, "en": 100, "code": 9_000},
            config({"ja": 0.5, "en": 0.3, "code": 0.2}, tokens=6_000, max_epochs=2),
        )
    assert caught.value.reason == "RatiosNotMet"
    assert "ja lacks 1000 of 3000 tokens" in caught.value.message
    assert "en lacks 1600 of 1800 tokens" in caught.value.message
    assert "code" not in caught.value.message


def test_a_language_without_documents_is_said() -> None:
    with pytest.raises(KernelError, match="names en, but no document") as caught:
        mixture.check_languages({"ja": 3, "en": 0}, config({"ja": 0.5, "en": 0.5}))
    assert caught.value.reason == "RatiosNotMet"


@pytest.mark.parametrize("ratios", [{"ja": 0.5, "en": 0.4}, {"ja": 1, "en": 0.1}])
def test_ratios_that_do_not_sum_to_one_are_refused(ratios: dict[str, float]) -> None:
    with pytest.raises(KernelError) as caught:
        mixture.check(config(ratios))
    assert caught.value.reason == "InvalidConfig"


def test_a_language_named_twice_is_refused() -> None:
    part = MixturePart(language="ja", ratio=0.5)
    with pytest.raises(KernelError, match="twice"):
        mixture.check(MixtureConfig(parts=[part, part], max_epochs=1))

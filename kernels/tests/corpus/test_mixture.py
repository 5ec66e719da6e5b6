import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tanren_kernels.contract import MixtureConfig, MixturePart, MixtureSource
from tanren_kernels.corpus import mixture
from tanren_kernels.corpus.mixture import Group
from tanren_kernels.runtime.errors import KernelError


def config(
    ratios: dict[str, float],
    tokens: int | None = None,
    max_epochs: float = 1,
    sources: dict[str, tuple[float, float | None]] | None = None,
) -> MixtureConfig:
    parts = [
        MixturePart.model_validate({"language": language, "ratio": ratio})
        for language, ratio in ratios.items()
    ]
    own = [
        MixtureSource(name=name, weight=weight, max_epochs=most)
        for name, (weight, most) in (sources or {}).items()
    ]
    return MixtureConfig(tokens=tokens, parts=parts, max_epochs=max_epochs, sources=own)


def quotas(available: dict[str, int], asked: MixtureConfig) -> dict[str, int]:
    """Of languages that have one source each."""
    given = mixture.quotas(
        {Group(language, f"{language}-web"): tokens for language, tokens in available.items()}, asked
    )
    return {group.language: tokens for group, tokens in given.items()}


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
    shares = quotas(available, asked)
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
    shares = quotas(dict.fromkeys(parts, 1_000_000), config(parts, tokens=tokens))
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
    assert quotas(available, config({"ja": 0.5, "en": 0.5}, max_epochs=max_epochs)) == expected


def test_what_each_language_lacks_is_said() -> None:
    with pytest.raises(KernelError) as caught:
        quotas(
            {"ja": 1_000, "en": 100, "code": 9_000},
            config({"ja": 0.5, "en": 0.3, "code": 0.2}, tokens=6_000, max_epochs=2),
        )
    assert caught.value.reason == "RatiosNotMet"
    assert "ja lacks 1000 of 3000 tokens" in caught.value.message
    assert "en lacks 1600 of 1800 tokens" in caught.value.message
    assert "code" not in caught.value.message


def test_a_language_without_documents_is_said() -> None:
    with pytest.raises(KernelError, match="names en, but no document") as caught:
        mixture.check_languages({"ja": 3, "en": 0}, config({"ja": 0.5, "en": 0.5}).parts, "mixture.parts")
    assert caught.value.reason == "RatiosNotMet"


def test_a_name_given_twice_is_refused() -> None:
    part = MixturePart(language="ja", ratio=0.5)
    with pytest.raises(KernelError, match="names a language twice"):
        mixture.check(MixtureConfig(parts=[part, part], max_epochs=1, sources=[]))
    source = MixtureSource(name="web", weight=2)
    with pytest.raises(KernelError, match="names a source twice"):
        mixture.check(MixtureConfig(parts=[part], max_epochs=1, sources=[source, source]))


def test_ratios_are_relative_so_tokens_by_language_are_met_to_the_token() -> None:
    asked = {"ja": 130_000_000_001, "en": 119_600_000_000, "code": 10_400_000_007}
    available = dict.fromkeys(asked, 200_000_000_000)
    assert quotas(available, config({**asked}, tokens=sum(asked.values()))) == asked


WEB, WIKI, BOOKS = (Group("ja", name) for name in ("web", "wiki", "books"))


@pytest.mark.parametrize(
    ("sources", "tokens", "expected"),
    [
        ({}, 600, {WEB: 400, WIKI: 200}),
        ({"wiki": (2, None)}, 600, {WEB: 300, WIKI: 300}),
        # The encyclopedia has been read as often as may be: the web gives what it cannot.
        ({"wiki": (10, 1.5)}, 1_000, {WEB: 400, WIKI: 600}),
        ({"wiki": (1, 3)}, 1_800, {WEB: 800, WIKI: 1_000}),
        ({"web": (1, 0.25)}, 600, {WEB: 200, WIKI: 400}),
    ],
    ids=["by their tokens", "weighted", "capped", "capped above the mixture's", "less than once"],
)
def test_sources_of_a_language_give_by_weight_and_within_their_caps(
    sources: dict[str, tuple[float, float | None]], tokens: int, expected: dict[Group, int]
) -> None:
    asked = config({"ja": 1}, tokens=tokens, max_epochs=1, sources=sources)
    assert mixture.quotas({WEB: 800, WIKI: 400}, asked) == expected


@settings(max_examples=100, deadline=None)
@given(
    tokens=st.integers(1, 3_000),
    available=st.lists(st.integers(1, 900), min_size=3, max_size=3),
    weights=st.lists(st.floats(0.01, 100), min_size=3, max_size=3),
    caps=st.lists(st.sampled_from([0.5, 1, 2.5]), min_size=3, max_size=3),
)
def test_no_source_gives_more_than_its_cap_and_all_of_them_the_whole(
    tokens: int, available: list[int], weights: list[float], caps: list[float]
) -> None:
    groups = dict(zip((WEB, WIKI, BOOKS), available, strict=True))
    sources = {group.source: (weight, cap) for group, weight, cap in zip(groups, weights, caps, strict=True)}
    limits = {group: int(have * sources[group.source][1]) for group, have in groups.items()}
    asked = config({"ja": 1}, tokens=tokens, sources={**sources})
    if tokens > sum(limits.values()):
        with pytest.raises(KernelError, match=f"ja lacks {tokens - sum(limits.values())} of {tokens}"):
            mixture.quotas(groups, asked)
        return
    given_ = mixture.quotas(groups, asked)
    assert sum(given_.values()) == tokens
    assert all(0 <= given_[group] <= limits[group] for group in groups)


def test_only_sources_with_an_allowed_licence_are_used() -> None:
    licences = {"web": "CC-BY-4.0", "wiki": "CC-BY-SA-4.0"}
    asked = config({"ja": 1})
    assert mixture.allowed(licences, asked) == {"web", "wiki"}
    assert mixture.allowed(licences, asked.model_copy(update={"licences": ["CC-BY-4.0"]})) == {"web"}

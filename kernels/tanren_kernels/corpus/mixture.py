"""The mixture: how many tokens each source gives in each language, which documents, and in which order."""

from __future__ import annotations

import heapq
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from ..contract import MixtureConfig, MixturePart
from ..runtime.errors import KernelError

Keys = npt.NDArray[np.uint64]
Name = TypeVar("Name", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Group:
    """The training documents of one source in one language."""

    language: str
    source: str


def check(config: MixtureConfig) -> None:
    """Raises InvalidConfig where something is named twice."""
    check_parts(config.parts, "mixture.parts")
    _check_once([source.name for source in config.sources], "mixture.sources", "source")


def check_parts(parts: Sequence[MixturePart], field: str) -> None:
    _check_once([part.language for part in parts], field, "language")


def _check_once(names: list[str], field: str, what: str) -> None:
    if len(set(names)) < len(names):
        raise KernelError("InvalidConfig", f"{field} names a {what} twice: {', '.join(names)}.")


def check_languages(documents: Mapping[str, int], parts: Sequence[MixturePart], field: str) -> None:
    """Raises RatiosNotMet where a part's language has no training documents."""
    empty = [part.language for part in parts if documents[part.language] == 0]
    if empty:
        raise KernelError(
            "RatiosNotMet",
            f"{field} names {', '.join(empty)}, but no document in that language is left; add a source, "
            "allow its licence, or drop the part.",
        )


def allowed(licences: Mapping[str, str], config: MixtureConfig) -> frozenset[str]:
    """Sources, of those that `licences` has the licence of, whose documents may be used."""
    return frozenset(
        name for name, licence in licences.items() if config.licences is None or licence in config.licences
    )


def quotas(available: Mapping[Group, int], config: MixtureConfig) -> dict[Group, int]:
    """Training tokens of each group. They sum to the whole, and those of a language differ from its ratio by
    less than one token.

    `available`: tokens of each group's documents, read once; none is 0. Without `tokens`, the language that
    has most for its ratio is read once, and the others as often as may be; where that is not enough, the
    scarcest language is read as often as may be. Within a language, sources give in proportion to their
    tokens times their weight, until one has been read as often as may be: then the others give more. Raises
    RatiosNotMet.
    """
    limits = {group: int(tokens * _max_epochs(group, config)) for group, tokens in available.items()}
    once, most = _by_language(available), _by_language(limits)
    if config.tokens is not None:
        shares = _whole_shares(config.tokens, config.parts)
    else:
        whole = int(
            min(
                max(once[part.language] / Fraction(part.ratio) for part in config.parts),
                min(most[part.language] / Fraction(part.ratio) for part in config.parts),
            )
            * sum(Fraction(part.ratio) for part in config.parts)
        )
        shares = _whole_shares(whole, config.parts)
        while any(share > most[language] for language, share in shares.items()):  # rounded up past its limit
            whole -= 1
            shares = _whole_shares(whole, config.parts)
    lacking = [
        f"{language} lacks {share - most[language]} of {share} tokens ({once[language]} tokens, read as often"
        f" as max_epochs allows, give {most[language]})"
        for language, share in shares.items()
        if share > most[language]
    ]
    if lacking:
        raise KernelError(
            "RatiosNotMet",
            f"mixture: {'; '.join(lacking)}; add documents, lower tokens or that ratio, or raise max_epochs.",
        )
    weights = {source.name: Fraction(source.weight) for source in config.sources}
    given: dict[Group, int] = {}
    for language, share in shares.items():
        own = {
            group: tokens * weights.get(group.source, Fraction(1))
            for group, tokens in available.items()
            if group.language == language
        }
        given |= _within_limits(share, own, limits)
    return given


def _max_epochs(group: Group, config: MixtureConfig) -> Fraction:
    own = [source.max_epochs for source in config.sources if source.name == group.source]
    return Fraction(own[0] if own and own[0] is not None else config.max_epochs)


def _by_language(tokens: Mapping[Group, int]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for group, own in tokens.items():
        sums[group.language] = sums.get(group.language, 0) + own
    return sums


def _within_limits(
    share: int, weights: Mapping[Group, Fraction], limits: Mapping[Group, int]
) -> dict[Group, int]:
    """Divides `share` by weight; what is more than a limit goes to the others."""
    given: dict[Group, int] = {}
    left = dict(weights)
    while over := [
        group for group, weight in left.items() if share * weight / sum(left.values()) > limits[group]
    ]:
        for group in over:
            given[group] = limits[group]
            share -= limits[group]
            del left[group]
    return given | _largest_remainder(share, left)


def _whole_shares(whole: int, parts: Sequence[MixturePart]) -> dict[str, int]:
    return _largest_remainder(whole, {part.language: Fraction(part.ratio) for part in parts})


def _largest_remainder(whole: int, weights: Mapping[Name, Fraction]) -> dict[Name, int]:
    """Shares that are whole, sum to the whole, and differ from their exact value by less than one."""
    total = sum(weights.values())
    exact = {name: whole * weight / total for name, weight in weights.items()}
    shares = {name: int(share) for name, share in exact.items()}
    by_remainder = sorted(shares, key=lambda name: shares[name] - exact[name])
    for name in by_remainder[: whole - sum(shares.values())]:
        shares[name] += 1
    return shares


def shuffled(keys: Keys, seed: int, epoch: int) -> npt.NDArray[np.int64]:
    """Order of documents in one epoch: sorted by a hash of their key, the seed and the epoch;
    equal keys in their given order.

    A document's place depends on its key alone, so that one added document does not move the others about.
    """
    return np.argsort(_hashed(keys, seed, epoch), kind="stable").astype(np.int64)


def _hashed(keys: Keys, seed: int, epoch: int) -> Keys:
    """SplitMix64 (Steele et al. 2014) of key, seed and epoch."""
    salt = np.array([seed * 2**20 + epoch], dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    values = (keys ^ salt) + np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def choose(keys: Keys, lengths: npt.NDArray[np.int64], quota: int, seed: int) -> Iterator[tuple[int, int]]:
    """(document, tokens of it) of one group until exactly `quota` tokens are given;
    only the last document may be cut.
    """
    epoch = 0
    while quota > 0:
        for document in shuffled(keys, seed, epoch):
            taken = min(quota, int(lengths[document]))
            yield int(document), taken
            quota -= taken
            if quota == 0:
                return
        epoch += 1


def interleave(
    groups: Mapping[Name, Iterator[tuple[int, int]]], shares: Mapping[Name, int]
) -> Iterator[tuple[Name, int, int]]:
    """(group, document, tokens) of all groups: always of the one that has given the least of its share,
    so that every stretch of the corpus has the mixture's ratios.
    """
    # A heap, for there may be hundreds of groups; ties in their given order.
    order = [(0.0, place, name) for place, name in enumerate(groups) if shares[name] > 0]
    given = dict.fromkeys(groups, 0)
    while order:
        _, place, name = order[0]
        chosen = next(groups[name], None)
        if chosen is None:
            heapq.heappop(order)
            continue
        given[name] += chosen[1]
        heapq.heapreplace(order, (given[name] / shares[name], place, name))
        yield name, *chosen

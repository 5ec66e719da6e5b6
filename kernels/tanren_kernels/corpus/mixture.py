"""The mixture: how many tokens each language gives, which documents, and in which order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from ..contract import MixtureConfig, MixturePart
from ..runtime.errors import KernelError

Keys = npt.NDArray[np.uint64]

_TOLERANCE = 1e-6


def check(config: MixtureConfig) -> None:
    """Raises InvalidConfig where the parts are no mixture."""
    languages = [part.language for part in config.parts]
    if len(set(languages)) < len(languages):
        raise KernelError("InvalidConfig", f"mixture.parts names a language twice: {', '.join(languages)}.")
    total = sum(part.ratio for part in config.parts)
    if abs(total - 1) > _TOLERANCE:
        raise KernelError("InvalidConfig", f"mixture.parts: the ratios sum to {total:g}, not 1.")


def check_languages(documents: Mapping[str, int], config: MixtureConfig) -> None:
    """Raises RatiosNotMet where a part's language has no training documents."""
    empty = [part.language for part in config.parts if documents[part.language] == 0]
    if empty:
        raise KernelError(
            "RatiosNotMet",
            f"mixture.parts names {', '.join(empty)}, but no document in that language is left; add a source "
            "or drop the part.",
        )


def quotas(available: Mapping[str, int], config: MixtureConfig) -> dict[str, int]:
    """Training tokens of each language;
    they sum to the whole and differ from the ratios by less than one token.

    `available`: tokens of each language's training documents, read once; none is 0. Without `tokens`, the
    language that has most for its ratio is read once, and the others up to `max_epochs` times; where that is
    not enough, the scarcest language is read `max_epochs` times. Raises RatiosNotMet.
    """
    limits = {part.language: int(available[part.language] * config.max_epochs) for part in config.parts}
    if config.tokens is not None:
        shares = _whole_shares(config.tokens, config.parts)
    else:
        once = [available[part.language] / part.ratio for part in config.parts]
        whole = int(min(max(once), min(once) * config.max_epochs))
        shares = _whole_shares(whole, config.parts)
        while any(
            shares[language] > limit for language, limit in limits.items()
        ):  # a share rounded up past its limit
            whole -= 1
            shares = _whole_shares(whole, config.parts)
    lacking = []
    for part in config.parts:
        limit = limits[part.language]
        if shares[part.language] > limit:
            lacking.append(
                f"{part.language} lacks {shares[part.language] - limit} of {shares[part.language]} tokens"
                f" ({available[part.language]} tokens times max_epochs {config.max_epochs:g} give {limit})"
            )
    if lacking:
        raise KernelError(
            "RatiosNotMet",
            f"mixture: {'; '.join(lacking)}; add documents, lower tokens or that ratio, or raise max_epochs.",
        )
    return shares


def _whole_shares(whole: int, parts: Sequence[MixturePart]) -> dict[str, int]:
    """Largest remainder: shares are whole and sum to the whole,
    also where the ratios' sum is off by a rounding.
    """
    ratios = [Fraction(part.ratio) for part in parts]
    exact = [whole * ratio / sum(ratios) for ratio in ratios]
    shares = [int(share) for share in exact]
    by_remainder = sorted(range(len(parts)), key=lambda number: (shares[number] - exact[number], number))
    for number in by_remainder[: whole - sum(shares)]:
        shares[number] += 1
    return {part.language: share for part, share in zip(parts, shares, strict=True)}


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
    """(document, tokens of it) of one language until exactly `quota` tokens are given;
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
    languages: Mapping[str, Iterator[tuple[int, int]]], shares: Mapping[str, int]
) -> Iterator[tuple[str, int, int]]:
    """(language, document, tokens) of all languages: always of the one that has given the least of its share,
    so that every stretch of the corpus has the mixture's ratios.
    """
    given = dict.fromkeys(languages, 0)
    order = [language for language in languages if shares[language] > 0]
    while order:
        language = min(order, key=lambda name: given[name] / shares[name])
        chosen = next(languages[language], None)
        if chosen is None:
            order.remove(language)
            continue
        given[language] += chosen[1]
        yield language, *chosen

"""Drops documents by their address: domains with all below them, beginnings of addresses, words in them."""

from __future__ import annotations

import re
from collections import defaultdict
from urllib.parse import urlsplit

from ..contract import UrlFilterConfig
from .candidate import Candidate
from .lists import read_list

_SIGNS = re.compile(r"[^0-9a-z]+")


class UrlFilter:
    def __init__(self, config: UrlFilterConfig) -> None:
        self._domains = {domain.lower().strip(".") for domain in config.domains}
        self._words = frozenset(word.lower() for word in config.words)
        self._addresses: defaultdict[str, list[str]] = defaultdict(list)
        for entry in read_list(config.list):
            host, slash, path = _without_scheme(entry).partition("/")
            if slash and path:
                self._addresses[host.lower()].append(path)
            else:
                self._domains.add(host.lower().strip("."))

    def apply(self, candidate: Candidate) -> str:
        if not candidate.url:
            return ""
        host = _host(candidate.url)
        labels = host.split(".")
        above = [".".join(labels[at:]) for at in range(len(labels))]
        if any(domain in self._domains for domain in above):
            return "blocked_domain"
        _, _, path = _without_scheme(candidate.url).partition("/")
        if any(path.startswith(blocked) for blocked in self._addresses.get(host, ())):
            return "blocked_address"
        if not self._words.isdisjoint(_SIGNS.split(candidate.url.lower())):
            return "blocked_word"
        return ""


def _host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").strip(".")
    except ValueError:  # e.g. half an IPv6 address
        return ""


def _without_scheme(url: str) -> str:
    return url.partition("://")[2] or url

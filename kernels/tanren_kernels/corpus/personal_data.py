"""Masks personal data. What has a check digit is masked only where that is right: other numbers of the same
length are far more frequent.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable

from ..contract import MaskConfig
from .candidate import Candidate

_DASH = r"[-‐‑–−－ー―]"
_EMAIL = re.compile(
    r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9][A-Za-z0-9._%+-]{0,63}[@＠](?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![A-Za-z0-9])"
)
_IPV4 = re.compile(r"(?<![A-Za-z0-9０-９.])(?:\d{1,3}\.){3}\d{1,3}(?![A-Za-z0-9０-９]|\.\d)")
_IPV6 = re.compile(r"(?<![A-Za-z0-9:.])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![A-Za-z0-9:.])")
_CARD = re.compile(rf"(?<![A-Za-z0-9０-９.])\d(?:(?:{_DASH}| )?\d){{12,18}}(?![A-Za-z0-9０-９]|\.\d)")
_MY_NUMBER = re.compile(
    rf"(?<![A-Za-z0-9０-９.])\d{{4}}(?:{_DASH}| )?\d{{4}}(?:{_DASH}| )?\d{{4}}(?![A-Za-z0-9０-９]|\.\d)"
)
# Japanese numbers, those with a country's code, and those of North America; groups are divided, or nobody
# could tell a number of ten digits from another.
_PHONE = re.compile(
    rf"(?<![A-Za-z0-9０-９.])(?:"
    rf"[0０]\d{{1,4}}(?:{_DASH}|[(（ ]) ?\d{{1,4}}(?:{_DASH}|[)） ]) ?\d{{3,4}}"
    rf"|[(（][0０]\d{{1,4}}[)）] ?\d{{1,4}}{_DASH}\d{{4}}"
    rf"|[+＋]\d{{1,3}}(?:(?:{_DASH}|[ .])?[(（]?\d{{1,4}}[)）]?){{2,4}}"
    rf"|(?:\(\d{{3}}\) ?|\d{{3}}[-.])\d{{3}}[-.]\d{{4}}"
    rf")(?![A-Za-z0-9０-９]|{_DASH}\d|\.\d)"
)
_IPV6_GROUPS = 3
_PHONE_DIGITS = range(9, 16)


def _digits(text: str) -> list[int]:
    return [int(sign) for sign in text if sign.isdecimal()]


def _is_address(text: str) -> bool:
    """Addresses that lead to somebody: private and reserved ones stand in every manual."""
    # a::b is no address but in code.
    if ":" in text and sum(map(bool, text.split(":"))) < _IPV6_GROUPS:
        return False
    try:
        return ipaddress.ip_address(text).is_global
    except ValueError:
        return False


def _is_card(text: str) -> bool:
    digits = _digits(text)
    if digits[0] not in (2, 3, 4, 5, 6) or len(set(digits)) < 4:
        return False
    doubled = [2 * digit - 9 * (digit > 4) for digit in digits[-2::-2]]
    return (sum(doubled) + sum(digits[-1::-2])) % 10 == 0


def _is_my_number(text: str) -> bool:
    """Check digit of the ordinance of the Ministry of Internal Affairs, 2014, No. 85, article 5."""
    *digits, check = _digits(text)
    if len({*digits}) < 3:
        return False
    weights = [*range(2, 8), *range(2, 7)]
    rest = sum(digit * weight for digit, weight in zip(reversed(digits), weights, strict=True)) % 11
    return check == (0 if rest <= 1 else 11 - rest)


def _is_phone(text: str) -> bool:
    return len(_digits(text)) in _PHONE_DIGITS


# In the order in which they are looked for: what is a card is not looked at as a phone number.
_KINDS: tuple[tuple[str, tuple[re.Pattern[str], ...], Callable[[str], bool]], ...] = (
    ("email", (_EMAIL,), lambda _text: True),
    ("ipAddress", (_IPV4, _IPV6), _is_address),
    ("creditCard", (_CARD,), _is_card),
    ("myNumber", (_MY_NUMBER,), _is_my_number),
    ("phone", (_PHONE,), _is_phone),
)


class PersonalDataMask:
    def __init__(self, config: MaskConfig) -> None:
        self._kinds = [kind for kind in _KINDS if kind[0] in config.kinds]

    def apply(self, candidate: Candidate) -> str:
        for kind, patterns, is_one in self._kinds:
            for pattern in patterns:
                candidate.text, masked = _mask(candidate.text, pattern, is_one, f"[{kind}]")
                if masked:
                    candidate.counts[f"masked/{kind}"] += masked
        return ""


def _mask(text: str, pattern: re.Pattern[str], is_one: Callable[[str], bool], mask: str) -> tuple[str, int]:
    masked = 0

    def replaced(match: re.Match[str]) -> str:
        nonlocal masked
        if not is_one(match.group()):
            return match.group()
        masked += 1
        return mask

    return pattern.sub(replaced, text), masked

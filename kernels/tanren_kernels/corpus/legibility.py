"""How much a text reads like a language: what tells the right character set from a wrong one.

Bytes read in a wrong set become characters that no language puts side by side: half-width katakana between
rare kanji, currency signs between accented letters, controls, characters of nobody.
"""

from __future__ import annotations

import re

# First level of JIS X 0208, rows 16 to 47: the kanji of ordinary texts.
_COMMON_KANJI = frozenset(
    bytes([row, cell]).decode("euc_jp", "ignore") for row in range(0xB0, 0xD0) for cell in range(0xA1, 0xFF)
) - {""}

_SAMPLE = 20_000

_FOREIGN = re.compile(r"[\x00-\x7f]?[^\x00-\x7f]+[\x00-\x7f]?")
_ASCII = re.compile(r"[\x00-\x7f]+")

_KANA = re.compile(r"[ぁ-ゖゝゞァ-ヺーヽヾ]+")
_KANJI = re.compile(r"[一-鿿々]")
_HAN_PUNCTUATION = re.compile(
    r"[、。・「」『』（）！？：；〜～【】〈〉《》　，．％＆／＋－＝①-⑳Ⅰ-Ⅻ㈱→←↑↓○●◎□■△▲▽▼☆★※〒…‥]+"
)
_FULL_WIDTH = re.compile(r"[０-９Ａ-Ｚａ-ｚ]+")
_HALF_WIDTH_KANA = re.compile(r"[｡-ﾟ]+")
_HALF_WIDTH_WORD = re.compile(r"[ｦ-ﾟ]{3,}")
_ACCENTED = "À-ÖØ-öø-ſ"
_LATIN = re.compile(
    f"(?<=[A-Za-z])[{_ACCENTED}]+|[{_ACCENTED}]+(?=[A-Za-z])|(?<=[ '(>])[{_ACCENTED}](?=[\\s'])"
)
_TYPOGRAPHY = re.compile(r"[‘’“”–—…•™©®«»°·§€£¡¿ªº \u00ad½¼¾²³×±µ]")
_LETTERS = re.compile(r"[Ͱ-ϿЀ-ӿ֐-׿؀-ۿऀ-ॿ฀-๿가-힣ᄀ-ᇿ]+")
_WRONG = re.compile(r"[\ufffd\x80-\x9f]")
_PRIVATE = re.compile(r"[\ue000-\uf8ff]")
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_KANJI_IN_WORD = re.compile(r"[A-Za-z][一-鿿ｦ-ﾟ](?=[A-Za-z])")


def legibility(text: str) -> float:
    """At most about 1; a text without a character beyond ASCII has 1 less its share of controls."""
    controls = len(_CONTROLS.findall(text[:_SAMPLE])) / max(len(text[:_SAMPLE]), 1)
    sample = "".join(_pieces(text))
    count = len(sample) - _length(_ASCII, sample)
    if count == 0:
        return 1.0 - 20 * controls
    kana = _length(_KANA, sample)
    kanji = _KANJI.findall(sample)
    common = sum(map(_COMMON_KANJI.__contains__, kanji))
    half_width = _length(_HALF_WIDTH_KANA, sample)
    points = (
        1.0 * kana
        # Japanese has kana beside its kanji; Chinese has the characters of its own standards.
        + (1.0 if kana else 0.7) * common
        + (0.2 if 10 * kana > len(kanji) else 0.4) * (len(kanji) - common)
        + 0.9 * _length(_HAN_PUNCTUATION, sample)
        + 0.6 * _length(_FULL_WIDTH, sample)
        + 0.9 * _length(_LATIN, sample)
        + 0.4 * len(_TYPOGRAPHY.findall(sample))
        + 0.85 * _length(_LETTERS, sample)
        + 0.9 * _length(_HALF_WIDTH_WORD, sample)
        - 0.4 * half_width
        - 3.0 * len(_WRONG.findall(sample))
        - 1.0 * len(_PRIVATE.findall(sample))
        - 2.0 * len(_KANJI_IN_WORD.findall(sample))
    )
    return points / count - 20 * controls


def _pieces(text: str) -> list[str]:
    """The first characters beyond ASCII, each stretch with a neighbour on either side."""
    pieces: list[str] = []
    length = 0
    for found in _FOREIGN.finditer(text):
        piece = found.group()[:_SAMPLE]
        pieces.append(piece)
        length += len(piece)
        if length >= _SAMPLE:
            break
    return pieces


def _length(pattern: re.Pattern[str], text: str) -> int:
    return sum(map(len, pattern.findall(text)))

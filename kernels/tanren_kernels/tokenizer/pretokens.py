"""Where text is cut before merging: no token crosses such a cut. One pattern, for four engines
that all match it in linear time.

`PATTERN` stands in tokenizer.json for the tokenizers library (Oniguruma's syntax) and is rustbpe's when it
trains. `exact_pattern` and `cut` cut alike in tiktoken and with Python's `re`: what belongs to a class is
asked of the tokenizers library and written out, so that it matters not whose Unicode tables are newer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache

from tokenizers import Regex, pre_tokenizers

_HIRAGANA = [(0x3041, 0x309F)]
_KATAKANA_AND_KANJI = [
    *[(0x30A0, 0x30FF), (0x31F0, 0x31FF), (0xFF66, 0xFF9F)],
    *[(0x3005, 0x3007), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x3FFFF)],
]

# Planes 4 to 13 hold no characters, 15 and 16 none of a class used here.
_ASSIGNED = [*range(0xD800), *range(0xE000, 0x40000), *range(0xE0000, 0xE1000)]


def _pattern(
    hiragana: str,
    other_japanese: str,
    letters: str,
    letters_and_numbers: str,
    other_letters: str,
    numbers: str,
    spaces: str,
) -> str:
    """The alternatives, first match first; the arguments are the insides of character classes."""
    japanese_end = "[、。]?[\\r\\n]*"
    return "|".join(
        [
            # digits stand alone, so that numbers are read digit by digit (Touvron et al. 2023, section 2.1)
            f"[{numbers}]",
            "'(?:[sdmtSDMT]|ll|LL|ve|VE|re|RE)",
            # Japanese has no spaces. A run of kanji or katakana with the hiragana after it is close to a
            # phrase (bunsetsu): a stem and its endings may become one token, yet pre-tokens stay short, which
            # bounds the cost of merging. A phrase may end as sentences do.
            f"[{other_japanese}]+[{hiragana}]*{japanese_end}",
            f"[{hiragana}]+{japanese_end}",
            f"[^\\r\\n{letters_and_numbers}]?[{other_letters}]+",
            # The end of a line and the indentation of the next go together: programs are full of them.
            f" ?[^{spaces}{letters_and_numbers}]+(?:[\\r\\n]+[ \\t]*)?",
            f"[{spaces}]*[\\r\\n]+[ \\t]*",
            f"[{spaces}]+",
            f"[{letters}]",  # marks and letters that stand where none of the above begins
        ]
    )


def _oniguruma(ranges: list[tuple[int, int]]) -> str:
    return "".join(f"\\x{{{first:x}}}-\\x{{{last:x}}}" for first, last in ranges)


_JAPANESE = _oniguruma(_HIRAGANA + _KATAKANA_AND_KANJI)

PATTERN = _pattern(
    hiragana=_oniguruma(_HIRAGANA),
    other_japanese=_oniguruma(_KATAKANA_AND_KANJI),
    letters=r"\p{L}",
    letters_and_numbers=r"\p{L}\p{N}",
    other_letters=rf"\p{{L}}\p{{M}}&&[^{_JAPANESE}]",
    numbers=r"\p{N}",
    spaces=r"\s",
)


@cache
def exact_pattern() -> str:
    """PATTERN with its classes written out, in the syntax of Rust's regular expressions."""
    return _with_written_classes(lambda codes: "".join(rf"\x{{{a:x}}}-\x{{{b:x}}}" for a, b in _runs(codes)))


def cut(text: str) -> list[str]:
    """Pre-tokens of a text, which joined give the text;
    the same as the tokenizers library makes with PATTERN.
    """
    # Classes that go beyond the first 65,536 characters cost `re` several times as much, and few texts need
    # them.
    beyond = len(text.encode("utf-16-le")) != 2 * len(text)
    return _python_pattern(beyond).findall(text)


@cache
def _python_pattern(beyond: bool) -> re.Pattern[str]:
    """PATTERN for `re`, with classes up to U+FFFF or whole."""

    def written(codes: set[int]) -> str:
        runs = _runs(codes if beyond else {code for code in codes if code < 0x10000})
        return "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in runs)

    return re.compile(_with_written_classes(written))


def _with_written_classes(written: Callable[[set[int]], str]) -> str:
    letters, marks, numbers, spaces = (_members(name) for name in (r"\p{L}", r"\p{M}", r"\p{N}", r"\s"))
    return _pattern(
        hiragana=written(_codes(_HIRAGANA)),
        other_japanese=written(_codes(_KATAKANA_AND_KANJI)),
        letters=written(letters),
        letters_and_numbers=written(letters | numbers),
        other_letters=written((letters | marks) - _codes(_HIRAGANA + _KATAKANA_AND_KANJI)),
        numbers=written(numbers),
        spaces=written(spaces),
    )


@cache
def _members(name: str) -> set[int]:
    split = pre_tokenizers.Split(Regex(f"[{name}]+"), behavior="removed", invert=True)
    return {
        ord(character)
        for piece, _ in split.pre_tokenize_str("".join(map(chr, _ASSIGNED)))
        for character in piece
    }


def _codes(ranges: list[tuple[int, int]]) -> set[int]:
    return {code for first, last in ranges for code in range(first, last + 1)}


def _runs(codes: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Ranges in ascending order."""
    ordered = sorted(codes)
    starts = [code for code, before in zip(ordered, [-2, *ordered], strict=False) if code != before + 1]
    ends = [code for code, after in zip(ordered, [*ordered[1:], -2], strict=False) if code + 1 != after]
    return zip(starts, ends, strict=True)

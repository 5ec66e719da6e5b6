"""What the rules ask of a text; each figure is computed once, when a rule first asks."""

from __future__ import annotations

import re
import unicodedata
from functools import cached_property

import numpy as np
import numpy.typing as npt

from .text_windows import TextWindows, units_of

_HIRAGANA = re.compile(r"[ぁ-ゟ]+")
_KATAKANA = re.compile(r"[゠-ヿㇰ-ㇿ]+")
_JAPANESE = re.compile(r"[ぁ-ゟ゠-ヿㇰ-ㇿｦ-ﾟ々-〇㐀-䶿一-鿿\uf900-\ufaff𠀀-𿿿]+")
_KANJI = re.compile(r"[々-〇㐀-䶿一-鿿\uf900-\ufaff𠀀-𿿿]")
_SPACE = re.compile(r"\s+")
_LETTER = re.compile(r"[^\W\d_]+")
# Signs of vowels and tones belong to their letters; Python's \w leaves them out.
_MARKS = "".join(
    character
    for character in map(chr, range(0x300, 0x20000))
    if unicodedata.category(character) in ("Mn", "Mc")
)
_NOT_SYMBOL = re.compile(
    rf"[{_MARKS}।॥؟،؛۔։\w\s。、，．・ー…「」『』（）［］【】！？：；〜.,!?:;'\"’‘”“()\[\]\-]+"
)
_WORD = re.compile(r"[^\W_](?:[\w'’-]*[^\W_])?")
_LINK = re.compile(r"(?:https?|ftp)://[^\s<>\"'」』）]+|\bwww\.[^\s<>\"'」』）]+")
# Base64 has letters of both cases and digits, which rulers and names of files have not.
# Each run of signs is looked at once.
ENCODED = re.compile(
    r"(?<![A-Za-z0-9+/_-])(?=[A-Za-z+/_-]*[0-9])(?=[A-Z0-9+/_-]*[a-z])(?=[a-z0-9+/_-]*[A-Z])"
    r"[A-Za-z0-9+/_-]{60,}={0,2}|(?:[0-9a-fA-F]{2}[ :,]){20,}|\b[0-9a-fA-F]{32,}\b"
)
_BULLET = re.compile(r"[-*•‣◦▪●○◆◇■□・※→»>]\s*\S")
_ELLIPSIS = re.compile(r"(?:…|\.\.\.|・・・|。。。)$")
# A line ends as a sentence does also where a bracket or quotation mark follows.
_SENTENCE_END = re.compile(r"[。．｡！？!?.…:：।॥؟۔։።။។][」』）)\]\"'”’»]*$")
# What somebody says needs no full stop: 「…」, “…”, — …, or after the speaker's name.
_SPEECH = re.compile(r"(?:[「『“\"].*[」』”\"][。、]?$)|(?:[—―–]\s*\S)|(?:\S{1,12}[「『“\"].*[」』”\"]$)")

# A verse of Japanese ends with a particle, or where a clause does with a particle before that; names of pages
# and of goods do not.
_INFLECTED = "るたいずぬてよばりしねわぞくうれだなきせめろ"
_JA_CLAUSE = re.compile(
    rf"(?:[をにがはもとへでのやよ]\S{{1,14}}[{_INFLECTED}]$)|(?:.[をにはへともがの]$)"
    rf"|(?:[ヲニガハモトヘデノヤ]\S{{1,14}}[ルタイズヌテヨバリシネワゾクウレダナキセメロ]$)|(?:.[ヲニハヘトモガノ]$)"
)
_LINE_END = "…‥、 　"
# Lines of English verse end within a sentence, some of them at its end.
_EN_RUNS_ON = re.compile(r"[,;:—–-][\"'”’)]*$|^[a-z]")
_RUNNING_ON_SHARE = 0.3
_EN_CLAUSE = re.compile(r"[,;:.!?—–-][\"'”’)]*$|^[a-z]")

# Lines of verse are short, and most of them are clauses.
_VERSE_LINES = 4
_VERSE_LINE_CHARACTERS = 60
_VERSE_SHARE = 0.6

# The words of Gopher's stop-word rule.
STOP_WORDS = frozenset(["the", "be", "to", "of", "and", "that", "have", "with"])

_JAPANESE_TEXT = 0.2
_TOP_NGRAM = {True: 6, False: 3}
_DUPLICATE_NGRAM = {True: 12, False: 5}


class Measures:
    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def characters(self) -> int:
        """Characters without white space."""
        return len(self.text) - _length(_SPACE, self.text)

    def _share(self, pattern: re.Pattern[str]) -> float:
        return _length(pattern, self.text) / max(self.characters, 1)

    @cached_property
    def japanese_ratio(self) -> float:
        return self._share(_JAPANESE)

    @cached_property
    def kana_ratio(self) -> float:
        """Share of hiragana, or of katakana in texts of the old orthography, which write particles with them:
        verse alone, for katakana is also what lists of products are made of.
        """
        hiragana = self._share(_HIRAGANA)
        return self._share(_KATAKANA) if hiragana < 0.05 and self.is_verse else hiragana

    @cached_property
    def symbol_ratio(self) -> float:
        """Share of characters that are neither letters, digits nor the punctuation of prose."""
        return (len(self.text) - _length(_NOT_SYMBOL, self.text)) / max(self.characters, 1)

    @cached_property
    def digit_ratio(self) -> float:
        return sum(map(str.isdigit, self.text)) / max(self.characters, 1)

    @cached_property
    def letter_ratio(self) -> float:
        return self._share(_LETTER)

    @cached_property
    def link_ratio(self) -> float:
        return self._share(_LINK)

    @cached_property
    def encoded_ratio(self) -> float:
        if ENCODED.search(self.text) is None:
            return 0.0
        return _length(ENCODED, _LINK.sub(" ", self.text)) / max(self.characters, 1)

    @cached_property
    def lines(self) -> list[str]:
        return [line for line in map(str.strip, self.text.split("\n")) if line]

    @cached_property
    def mean_line_length(self) -> float:
        return sum(map(len, self.lines)) / max(len(self.lines), 1)

    @cached_property
    def longest_line(self) -> int:
        return max(map(len, self.lines), default=0)

    def _line_share(self, pattern: re.Pattern[str]) -> float:
        return sum(1 for line in self.lines if pattern.search(line)) / max(len(self.lines), 1)

    @cached_property
    def bullet_line_ratio(self) -> float:
        return sum(1 for line in self.lines if _BULLET.match(line)) / max(len(self.lines), 1)

    @cached_property
    def ellipsis_line_ratio(self) -> float:
        return self._line_share(_ELLIPSIS)

    @cached_property
    def _repeated_lines(self) -> list[str]:
        """Lines that occurred before and are nobody's speech: people do say the same again."""
        seen: set[str] = set()
        repeated = []
        for line in self.lines:
            if line in seen and not _SPEECH.match(line):
                repeated.append(line)
            seen.add(line)
        return repeated

    @cached_property
    def duplicate_line_ratio(self) -> float:
        return len(self._repeated_lines) / max(len(self.lines), 1)

    @cached_property
    def duplicate_line_character_ratio(self) -> float:
        return sum(map(len, self._repeated_lines)) / max(sum(map(len, self.lines)), 1)

    @cached_property
    def sentence_end_ratio(self) -> float:
        ended = sum(1 for line in self.lines if _SENTENCE_END.search(line) or _SPEECH.match(line))
        return ended / max(len(self.lines), 1)

    @cached_property
    def is_verse(self) -> bool:
        """Short lines that each are a clause: verse, or talk."""
        if len(self.lines) < _VERSE_LINES:
            return False
        clause = _JA_CLAUSE if self._is_japanese else _EN_CLAUSE
        if not self._is_japanese and self._line_share(_EN_RUNS_ON) < _RUNNING_ON_SHARE and not self._is_talk:
            return False
        verses = sum(
            1
            for line in self.lines
            if len(line) <= _VERSE_LINE_CHARACTERS
            and (
                (clause.search(line.rstrip(_LINE_END)) if self._is_japanese else clause.search(line))
                or _SPEECH.match(line)
            )
        )
        return verses / len(self.lines) >= _VERSE_SHARE

    @cached_property
    def _is_talk(self) -> bool:
        return sum(1 for line in self.lines if _SPEECH.match(line)) >= _VERSE_SHARE * len(self.lines)

    @cached_property
    def _is_japanese(self) -> bool:
        return self.japanese_ratio >= _JAPANESE_TEXT

    @cached_property
    def _units(self) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]:
        """What n-grams are made of, and the length of each: characters in Japanese, words elsewhere."""
        if self._is_japanese:
            units = units_of(_SPACE.sub("", self.text))
            return units, np.ones(len(units), dtype=np.int64)
        numbers: dict[str, int] = {}
        words = [word.lower() for word in self.words]
        ids = np.array([numbers.setdefault(word, len(numbers)) for word in words], dtype=np.uint64)
        return ids, np.array([len(word) for word in words], dtype=np.int64)

    @cached_property
    def _windows(self) -> TextWindows:
        return TextWindows(self._units[0] + np.uint64(1))

    @cached_property
    def top_ngram_ratio(self) -> float:
        """Share of the text's characters that the most frequent n-gram has; 0 where none occurs twice."""
        size = _TOP_NGRAM[self._is_japanese]
        hashes = self._windows.hashes(size)
        if len(hashes) < 2:
            return 0.0
        ordered = np.sort(hashes)
        starts = np.flatnonzero(np.diff(ordered, prepend=ordered[0] - np.uint64(1)))
        counts = np.diff(starts, append=len(ordered))
        most = int(counts.argmax())
        if counts[most] < 2:
            return 0.0
        first = int(np.flatnonzero(hashes == ordered[starts[most]])[0])
        lengths = self._units[1]
        own = int(lengths[first : first + size].sum())
        return min(1.0, own * int(counts[most]) / max(int(lengths.sum()), 1))

    @cached_property
    def duplicate_ngram_ratio(self) -> float:
        """Share of n-grams that occurred before."""
        hashes = self._windows.hashes(_DUPLICATE_NGRAM[self._is_japanese])
        return 1 - len(np.unique(hashes)) / len(hashes) if len(hashes) else 0.0

    @cached_property
    def words(self) -> list[str]:
        return _WORD.findall(self.text)

    @cached_property
    def mean_word_length(self) -> float:
        return sum(map(len, self.words)) / max(len(self.words), 1)

    @cached_property
    def stop_words(self) -> int:
        return len(STOP_WORDS.intersection(map(str.lower, self.words)))


def _length(pattern: re.Pattern[str], text: str) -> int:
    return sum(map(len, pattern.findall(text)))

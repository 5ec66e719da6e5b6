"""One record's way from bytes to a document: each step keeps it, changes it or ends its way for a reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from ..contract import CleanConfig, CleanSource
from .candidate import Candidate
from .character_sets import decode
from .cleaning_stages import Stage
from .language_identification import UNDETERMINED, identify
from .page_text import page_text
from .record_content import RecordContent, read_content
from .sources import Raw
from .tidying import tidy
from .wikitext import wikitext_text


@dataclass(frozen=True, slots=True)
class Cleaned:
    """`passed` are the steps that the record went through, with their bytes in and out. Where `reason` is
    given, `step` ended its way and `text` is what there was of it. `time` and `licence` are the record's own,
    where it has them.
    """

    id: str
    language: str
    passed: list[tuple[str, int, int]]
    text: str = ""
    title: str = ""
    url: str = ""
    status: int | None = None
    step: str = ""
    reason: str = ""
    size: int = 0
    time: str = ""
    licence: str = ""
    identified: str = ""
    """Language of what is passed over for it."""
    score: float | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    """What stages changed in a document that stays."""
    replaced: str = ""
    """Where the text has U+FFFD: `undecodable_bytes`, or `replaced_before` where the page came with them."""


# Types of records whose bytes are counted as they lie in the file.
_AS_IT_LIES = frozenset(["file", "json", "row", "wikitext"])


class Cleaner:
    def __init__(self, config: CleanConfig, stages: Sequence[Stage]) -> None:
        self._extraction = config.extraction
        self._stages = stages

    def clean(self, raw: Raw, source: CleanSource) -> Cleaned:
        read = read_content(raw, source, self._extraction.max_record_bytes)
        declared = source.language or UNDETERMINED
        done = Cleaned(
            read.id,
            declared,
            [],
            title=read.title,
            url=read.url,
            status=read.status,
            size=raw.size,
            time=read.time,
            licence=read.licence,
        )
        if read.reason:
            return replace(done, step="read", reason=read.reason)
        size = raw.size if raw.type in _AS_IT_LIES else len(read.body)
        passed = [("read", size, size)]
        done = replace(done, passed=passed, size=size)

        text, damaged = read.text, False
        if not text:
            decoded = decode(read.body, read.charset)
            if decoded is None:
                return replace(done, step="extraction", reason="unknown_character_set")
            text, damaged = decoded.text, decoded.damaged
        is_html = read.is_html or source.format == "html"
        if source.languages:
            # Before extraction, which takes most of the time: of a crawl little is wanted.
            identified = identify(text, is_html)
            if identified not in source.languages:
                return replace(done, step="language", reason="other_language", identified=identified)
            done = replace(done, language=identified)
            passed.append(("language", size, size))
        title, text = self._extract(read, text, is_html)
        done = replace(done, title=title)
        if not text:
            return replace(done, step="extraction", reason="no_text")
        length = len(text.encode())
        passed.append(("extraction", size, length))

        candidate = Candidate(text, done.language, source.name, read.url)
        for stage in self._stages:
            if not stage.is_for(candidate):
                continue
            before = candidate.text
            reason = stage.filter.apply(candidate)
            if reason:
                return replace(
                    done, step=stage.name, reason=reason, text=before, size=length, score=candidate.score
                )
            size_before = length
            if candidate.text is not before:
                length = len(candidate.text.encode())
            passed.append((stage.name, size_before, length))
        replaced = "undecodable_bytes" if damaged else "replaced_before"
        return replace(
            done,
            text=candidate.text,
            score=candidate.score,
            counts=candidate.counts,
            replaced=replaced if "\ufffd" in candidate.text else "",
        )

    def _extract(self, read: RecordContent, text: str, is_html: bool) -> tuple[str, str]:
        """Title and text."""
        if read.site is not None:
            markdown = self._extraction.output == "markdown"
            return read.title, tidy(wikitext_text(text, read.site, markdown))
        if is_html:
            return page_text(text, self._extraction)
        return read.title, tidy(text)

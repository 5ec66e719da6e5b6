"""From bytes to text. What the sender declared, what the page says of itself and what its bytes look like
are candidates; each is tried, and what reads most like a language wins.

Names and tables are those of the WHATWG's Encoding Standard, in which Shift_JIS is windows-31j and
ISO-8859-1 is windows-1252.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

import webencodings
from resiliparse.parse.encoding import detect_encoding

from . import japanese_sets
from .legibility import legibility

# Below this a text is no text in any character set: a picture, a program, an encrypted page.
_LEAST_LEGIBILITY = 0.1

# What people or servers said is worth this much of legibility; the two often repeat a default.
_DECLARED, _OWN_WORD, _SNIFFED = 0.08, 0.08, 0.04

# A page's word for its character set stands at its beginning; WHATWG looks at 1,024 bytes.
_HEAD_BYTES = 4_096
_META = re.compile(rb"<meta[^>]{0,512}?charset\s*=\s*[\"']?\s*([\w.:-]{2,40})", re.IGNORECASE)
_XML = re.compile(rb"^\s*<\?xml[^>]{0,256}?encoding\s*=\s*[\"']([\w.:-]{2,40})", re.IGNORECASE)

_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16le"), (codecs.BOM_UTF16_BE, "utf-16be"))

# Tried even where nobody names them: their pages are the ones that most often lie about it.
_ALWAYS = ("utf-8", "shift_jis", "euc-jp", "windows-1252")

_MOST_ZEROS = 0.001


@dataclass(frozen=True, slots=True)
class Decoded:
    """`damaged`: some bytes were none of the character set and stand as U+FFFD."""

    text: str
    encoding: str
    damaged: bool


def decode(body: bytes, declared: str | None = None) -> Decoded | None:
    """None where the bytes are a text in no character set."""
    for mark, encoding in _MARKS:
        if body.startswith(mark):
            return _decoded(body[len(mark) :], encoding)
    if body.count(0) > _MOST_ZEROS * len(body):
        return _without_mark(body)
    # Its bytes are all valid UTF-8, so it is looked for first.
    if japanese_sets.has_escapes(body) and body.isascii():
        return _decoded(body, "iso-2022-jp")
    try:
        return Decoded(body.decode(), "utf-8", False)
    except UnicodeDecodeError:
        pass
    candidates: dict[str, float] = dict.fromkeys(_ALWAYS, 0.0)
    _support(candidates, declared, _DECLARED)
    for pattern in (_META, _XML):
        found = pattern.search(body[:_HEAD_BYTES])
        if found:
            _support(candidates, found.group(1).decode("ascii", "replace"), _OWN_WORD)
    _support(candidates, detect_encoding(body, from_html_meta=False), _SNIFFED)
    best: tuple[float, Decoded] | None = None
    for encoding, support in candidates.items():
        decoded = _decoded(body, encoding)
        score = legibility(decoded.text) + support
        if best is None or score > best[0]:
            best = score, decoded
    return best[1] if best is not None and best[0] >= _LEAST_LEGIBILITY else None


def _support(candidates: dict[str, float], label: str | None, support: float) -> None:
    found = webencodings.lookup(label.strip().replace("_", "-") if label else "") or webencodings.lookup(
        label or ""
    )
    # UTF-16 without a mark is full of zeros and was looked at before; "replacement" is no character set.
    if found is not None and not found.name.startswith(("utf-16", "replacement", "x-user")):
        candidates[found.name] = candidates.get(found.name, 0.0) + support


def _without_mark(body: bytes) -> Decoded | None:
    """Text in Latin letters and markup has its zeros in the odd bytes, or in the even ones."""
    if len(body) % 2:
        body = body[:-1]
    zeros_first, zeros_second = body[::2].count(0), body[1::2].count(0)
    decoded = _decoded(body, "utf-16be" if zeros_first > zeros_second else "utf-16le")
    if "\x00" not in decoded.text and legibility(decoded.text) >= _LEAST_LEGIBILITY:
        return decoded
    return None


def _decoded(body: bytes, encoding: str) -> Decoded:
    if encoding == "euc-jp":
        text = japanese_sets.euc_jp(body)
    elif encoding == "iso-2022-jp":
        text = japanese_sets.iso_2022_jp(body)
    elif encoding in ("gbk", "gb18030"):
        text = body.decode("gb18030", "replace")
    elif encoding == "windows-1252":
        # The five bytes that Windows leaves free are C1 controls to the WHATWG.
        text = body.decode("latin-1").translate(_WINDOWS_1252)
    else:
        found = webencodings.lookup(encoding)
        assert found is not None, encoding
        text, _ = found.codec_info.decode(body, "replace")
    in_body = body.count("\ufffd".encode()) if encoding == "utf-8" else 0
    return Decoded(text, encoding, text.count("\ufffd") > in_body)


_WINDOWS_1252 = {
    byte: character for byte in range(0x80, 0xA0) if (character := bytes([byte]).decode("cp1252", "ignore"))
}

"""From bytes to text: character sets, and the text of an HTML page."""

from __future__ import annotations

import re

from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.encoding import detect_encoding, map_encoding_to_html5
from resiliparse.parse.html import HTMLTree

# What text keeps of the control characters: tab and newline.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ufeff\ufffe\uffff]")
_TRAILING = re.compile(r"[ \t\u3000]+\n")
_BLANK_LINES = re.compile(r"\n{3,}")

# A page with more undecodable bytes than this share was read in the wrong character set.
_MAX_REPLACED = 0.005


def decode(body: bytes, declared: str | None = None) -> str | None:
    """Text of bytes in an unknown character set, or None where none fits.

    UTF-8 comes first, because text in another set is hardly ever valid UTF-8; then what the sender declared;
    then what the page's own <meta> or the frequencies of its bytes say.
    """
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    candidates = [map_encoding_to_html5(declared)] if declared else []
    candidates.append(detect_encoding(body, from_html_meta=True))
    candidates.append(detect_encoding(body, from_html_meta=False))
    for encoding in candidates:
        try:
            text = body.decode(encoding or "", errors="replace")
        except LookupError:
            continue
        if text.count("\ufffd") <= _MAX_REPLACED * len(text):
            return text
    return None


def tidy(text: str) -> str:
    """Newlines as \\n, no control characters, no space at line ends, at most one blank line in a row,
    nothing around it.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = _CONTROL.sub("", text)
    return _BLANK_LINES.sub("\n\n", _TRAILING.sub("\n", text)).strip()


def page_text(html: str, main_content: bool) -> str:
    """Text of an HTML page with its paragraphs, lists and preformatted blocks as lines;
    "" where there is none.

    `main_content` leaves out navigation, headers, footers and the like (Bevendorff et al. 2018, Resiliparse's
    heuristics).
    """
    tree = HTMLTree.parse(html)
    if tree.body is None:
        return ""
    text: str = extract_plain_text(
        tree, preserve_formatting=True, main_content=main_content, alt_texts=False, list_bullets=True
    )
    return tidy(text)

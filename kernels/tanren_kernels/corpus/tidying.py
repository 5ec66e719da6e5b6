"""What holds for every text that a corpus keeps, wherever it came from."""

from __future__ import annotations

import re

# What text keeps of the control characters: tab and newline.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ufeff\ufffe\uffff]")
_BLANK_LINES = re.compile(r"\n{3,}")


def tidy(text: str) -> str:
    """Newlines as \\n, no control characters, no space at line ends, at most one blank line in a row,
    nothing around it.
    """
    text = _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    # Line by line: a pattern that looks for the spaces before a newline begins again at each of a million.
    text = "\n".join([line.rstrip(" \t\u3000") for line in text.split("\n")])
    return _BLANK_LINES.sub("\n\n", text).strip()

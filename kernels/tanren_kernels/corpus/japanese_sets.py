"""EUC-JP and ISO-2022-JP with the rows that NEC and IBM added, as the WHATWG's index jis0208 has them.

Python's own codecs know the rows of the standard alone. The same characters stand in windows-31j, whose
table Python has; a row and a cell are only counted differently there.
"""

from __future__ import annotations

import codecs
import re

_ROWS = _CELLS = 94
_WRONG = "\ufffd"

_ESCAPE = re.compile(rb"\x1b(\([BJI]|\$[@B])")

# The same signs as windows-31j has them.
_AS_WINDOWS = str.maketrans("〜‖−¢£¬", "～∥－￠￡￢")


def _windows_31j(row: int, cell: int) -> bytes:
    lead = (row >> 1) + (0x81 if row < 62 else 0xC1)
    trail = cell + (0x9F if row & 1 else 0x40 if cell < 63 else 0x41)
    return bytes([lead, trail])


def _character(row: int, cell: int) -> str:
    character = _windows_31j(row, cell).decode("cp932", "replace")
    return character if len(character) == 1 else _WRONG


_JIS0208 = [_character(row, cell) for row in range(_ROWS) for cell in range(_CELLS)]


def has_escapes(body: bytes) -> bool:
    return b"\x1b" in body and _ESCAPE.search(body) is not None


def euc_jp(body: bytes) -> str:
    return body.decode("euc_jp", "tanren.jis0208").translate(_AS_WINDOWS)


def _jis0208_pair(error: UnicodeError) -> tuple[str, int]:
    """Of two bytes that Python's table lacks, the character of the wider one."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    start = error.start
    pair = error.object[start : start + 2]
    if len(pair) == 2 and 0xA1 <= pair[0] <= 0xFE and 0xA1 <= pair[1] <= 0xFE:
        return _JIS0208[(pair[0] - 0xA1) * _CELLS + pair[1] - 0xA1], start + 2
    return _WRONG, start + 1


codecs.register_error("tanren.jis0208", _jis0208_pair)


def iso_2022_jp(body: bytes) -> str:
    """A line end returns to ASCII: every line of a whole text does before it ends, so that a lost escape
    costs the rest of its line and no more.
    """
    pieces = _ESCAPE.split(body)
    out = [pieces[0].decode("ascii", "replace")]
    for escape, piece in zip(pieces[1::2], pieces[2::2], strict=True):
        if escape == b"(B":
            out.append(piece.decode("ascii", "replace"))
        else:
            line, newline, rest = piece.partition(b"\n")
            read = {b"(J": _roman, b"(I": _katakana}.get(escape, _double)
            out.append(read(line.removesuffix(b"\r")) + (newline + rest).decode("ascii", "replace"))
    return "".join(out)


def _roman(line: bytes) -> str:
    return line.decode("ascii", "replace").translate({0x5C: "¥", 0x7E: "‾"})


def _katakana(line: bytes) -> str:
    return "".join(chr(0xFF61 + byte - 0x21) if 0x21 <= byte <= 0x5F else _WRONG for byte in line)


def _double(line: bytes) -> str:
    out = []
    place = 0
    while place < len(line):
        row, cell = line[place] - 0x21, (line[place + 1] if place + 1 < len(line) else 0) - 0x21
        if 0 <= row < _ROWS and 0 <= cell < _CELLS:
            out.append(_JIS0208[row * _CELLS + cell])
            place += 2
        else:
            # Spaces stand between double bytes where writers forgot to go back to ASCII.
            out.append(" " if line[place] == 0x20 else _WRONG)
            place += 1
    return "".join(out)

"""How byte-level vocabularies spell bytes: as printable characters (Radford et al. 2019, section 2.2)."""

from __future__ import annotations


def _byte_characters() -> dict[str, int]:
    """Printable Latin-1 characters spell their own byte; the other bytes, in order,
    are spelled by U+0100 and onwards.
    """
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {
        chr(0x100 + place): byte for place, byte in enumerate(others)
    }


BYTES = _byte_characters()
"""The byte that a character stands for."""

_CHARACTERS = {byte: character for character, byte in BYTES.items()}


def bytes_of(token: str) -> bytes:
    """The bytes that a vocabulary entry stands for."""
    return bytes(BYTES[character] for character in token)


def spelled(text: bytes) -> str:
    """The vocabulary entry of bytes."""
    return "".join(map(_CHARACTERS.__getitem__, text))

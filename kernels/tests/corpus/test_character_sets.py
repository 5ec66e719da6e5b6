"""Pages as they come: character sets that are declared, not declared, declared wrongly, and damaged."""

from __future__ import annotations

import codecs

import pytest

from tanren_kernels.corpus.character_sets import decode

JA = "鍛冶屋は鉄を打つ。日本語の文章が正しく読めるかを確かめるための、少し長い文です。"
FR = "Le café où l’été s’achève déjà, à côté de la forêt, coûte très cher cette année."
DE = "Über den Wäldern hängt früh der Nebel, und größere Füchse schlafen während der Nächte."
RU = "Кузнец бьёт по железу, пока оно горячо, и каждый удар делает его прочнее."
EL = "Ο σιδηρουργός χτυπά το σίδερο όσο είναι ζεστό και κάθε χτύπημα το δυναμώνει."
ZH = "铁匠趁热打铁，每一次锤打都让它更坚固。我们用这段文字检查编码是否正确。"
TW = "鐵匠趁熱打鐵，每一次錘打都讓它更堅固。我們用這段文字檢查編碼是否正確。"
KO = "대장장이는 쇠가 뜨거울 때 두드린다. 이 글은 문자 집합이 옳은지 확인하기 위한 것이다."
TH = "ช่างตีเหล็กตีเหล็กเมื่อยังร้อน และทุกครั้งที่ตีก็ทำให้แข็งแรงขึ้น"
HE = "הנפח מכה בברזל בעודו חם וכל מכה מחזקת אותו"


def meta(charset: str, text: str = JA) -> str:
    return f'<html><head><meta charset="{charset}"><title>t</title></head><body>{text}</body></html>'


def http_equiv(charset: str, text: str = JA) -> str:
    return (
        f'<html><head><meta http-equiv="Content-Type" content="text/html; charset={charset}"></head>'
        f"<body>{text}</body></html>"
    )


# Bytes of windows-31j by hand: NEC row 13, IBM rows, and what those mean.
SPECIAL_SJIS = (
    b"\x87\x40\x8a\x94\x8e\xae\x89\xef\x8e\xd0\x87\x8a\xfb\xfc"
    b"\x8b\xb4\x82\xc6\xfa\xb1\x82\xc5\x82\xb7\x81\x42\x87\x55"
)
SPECIAL = "①株式会社㈱髙橋と﨑です。Ⅱ"
# The same in EUC-JP: row 13 is 0xAD; 髙 and 﨑 stand in NEC's copies of the IBM rows, 0xFC and 0xF9.
SPECIAL_EUC = (
    b"\xad\xa1\xb3\xf4\xbc\xb0\xb2\xf1\xbc\xd2\xad\xea\xfc\xe2"
    b"\xb6\xb6\xa4\xc8\xf9\xf5\xa4\xc7\xa4\xb9\xa1\xa3\xad\xb6"
)
SPECIAL_JIS = (
    b"\x1b$B\x2d\x21\x33\x74\x3c\x30\x32\x71\x3c\x52\x2d\x6a\x7c\x62"
    b"\x36\x36\x24\x48\x79\x75\x24\x47\x24\x39\x21\x23\x2d\x36\x1b(B"
)

PAGES: dict[str, tuple[bytes, str | None, str]] = {
    # UTF-8, and what is said of it
    "utf-8": (JA.encode(), None, JA),
    "utf-8, declared": (JA.encode(), "utf-8", JA),
    "utf-8, declared in capitals with a space": (JA.encode(), " UTF8 ", JA),
    "utf-8 with a mark": (codecs.BOM_UTF8 + JA.encode(), None, JA),
    "utf-8 with a mark, declared shift_jis": (codecs.BOM_UTF8 + JA.encode(), "shift_jis", JA),
    "utf-8, declared shift_jis": (JA.encode(), "shift_jis", JA),
    "utf-8, declared iso-8859-1": (JA.encode(), "iso-8859-1", JA),
    "utf-8, meta says euc-jp": (meta("euc-jp").encode(), None, meta("euc-jp")),
    "utf-8, declared a set nobody knows": (JA.encode(), "x-nonsense", JA),
    "utf-8, french": (FR.encode(), "iso-8859-1", FR),
    "utf-8, one character": ("鉄".encode(), None, "鉄"),
    "utf-8, emoji": ("鉄を打つ🔨そして👩‍🏭".encode(), None, "鉄を打つ🔨そして👩‍🏭"),
    "ascii": (b"plain text", "us-ascii", "plain text"),
    "ascii with an escape that is none": (b"red \x1b[31mtext", None, "red \x1b[31mtext"),
    "empty": (b"", None, ""),
    # Shift_JIS is windows-31j
    "shift_jis, declared": (JA.encode("cp932"), "Shift_JIS", JA),
    "shift_jis, not declared": (JA.encode("cp932"), None, JA),
    "shift_jis, declared as x-sjis": (JA.encode("cp932"), "x-sjis", JA),
    "shift_jis, declared as windows-31j": (JA.encode("cp932"), "Windows-31J", JA),
    "shift_jis, declared as ms_kanji": (JA.encode("cp932"), "ms_kanji", JA),
    "shift_jis, declared iso-8859-1": (JA.encode("cp932"), "ISO-8859-1", JA),
    "shift_jis, declared utf-8": (JA.encode("cp932"), "utf-8", JA),
    "shift_jis, declared euc-jp": (JA.encode("cp932"), "euc-jp", JA),
    "shift_jis, meta": (meta("shift_jis").encode("cp932"), None, meta("shift_jis")),
    "shift_jis, http-equiv": (http_equiv("Shift_JIS").encode("cp932"), None, http_equiv("Shift_JIS")),
    "shift_jis, meta says utf-8": (meta("utf-8").encode("cp932"), None, meta("utf-8")),
    "shift_jis, sender says latin, meta right": (
        meta("shift_jis").encode("cp932"),
        "iso-8859-1",
        meta("shift_jis"),
    ),
    "shift_jis, signs of nec and ibm": (SPECIAL_SJIS, "shift_jis", SPECIAL),
    "shift_jis, signs of nec and ibm, not declared": (SPECIAL_SJIS * 3, None, SPECIAL * 3),
    "shift_jis, half-width words": (
        "ﾊﾝｶｸｶﾅの文章です。ﾃｽﾄ".encode("cp932"),
        "shift_jis",
        "ﾊﾝｶｸｶﾅの文章です。ﾃｽﾄ",
    ),
    "shift_jis, half-width words, not declared": (
        "これはﾊﾝｶｸｶﾅの混じった文章です。".encode("cp932"),
        None,
        "これはﾊﾝｶｸｶﾅの混じった文章です。",
    ),
    "shift_jis, backslash and tilde": (
        "表示は~/tmp\\aにある。".encode("cp932"),
        "shift_jis",
        "表示は~/tmp\\aにある。",
    ),
    "shift_jis, wave dash of windows": (b"\x82\x50\x81\x60\x82\x51", "shift_jis", "１～２"),
    # EUC-JP with the rows of NEC and IBM
    "euc-jp, declared": (JA.encode("euc_jp"), "euc-jp", JA),
    "euc-jp, not declared": (JA.encode("euc_jp"), None, JA),
    "euc-jp, declared as x-euc-jp": (JA.encode("euc_jp"), "x-euc-jp", JA),
    "euc-jp, declared utf-8": (JA.encode("euc_jp"), "utf-8", JA),
    "euc-jp, declared shift_jis": (JA.encode("euc_jp"), "shift_jis", JA),
    "euc-jp, declared iso-8859-1": (JA.encode("euc_jp"), "iso-8859-1", JA),
    "euc-jp, meta": (meta("euc-jp").encode("euc_jp"), None, meta("euc-jp")),
    "euc-jp, meta says shift_jis": (meta("shift_jis").encode("euc_jp"), None, meta("shift_jis")),
    "euc-jp, signs of nec and ibm": (SPECIAL_EUC, "euc-jp", SPECIAL),
    "euc-jp, signs of nec and ibm, not declared": (SPECIAL_EUC * 3, None, SPECIAL * 3),
    "euc-jp, wave dash as windows has it": (b"\xa3\xb1\xa1\xc1\xa3\xb2", "euc-jp", "１～２"),
    "euc-jp, half-width kana": (b"\x8e\xca\x8e\xdd\x8e\xb6\x8e\xb8\xa4\xc7\xa4\xb9", "euc-jp", "ﾊﾝｶｸです"),
    "euc-jp, jis x 0212": (b"\x8f\xb0\xdf\xa4\xc7\xa4\xb9\xa4\xb3\xa4\xc8", "euc-jp", "你ですこと"),
    # ISO-2022-JP is valid UTF-8 to the byte
    "iso-2022-jp, declared": (JA.encode("iso2022_jp"), "iso-2022-jp", JA),
    "iso-2022-jp, not declared": (JA.encode("iso2022_jp"), None, JA),
    "iso-2022-jp, declared utf-8": (JA.encode("iso2022_jp"), "utf-8", JA),
    "iso-2022-jp, meta": (meta("iso-2022-jp").encode("iso2022_jp"), None, meta("iso-2022-jp")),
    "iso-2022-jp, signs of nec and ibm": (SPECIAL_JIS, None, SPECIAL),
    "iso-2022-jp, half-width kana": (b"\x1b(I\x4a\x5d\x36\x38\x1b(B\x1b$B$G$9\x1b(B", None, "ﾊﾝｶｸです"),
    "iso-2022-jp, roman": (b"\x1b(J\\100~\x1b(B\x1b$B$G$9\x1b(B", None, "¥100‾です"),
    "iso-2022-jp, a lost escape costs one line": (
        b"\x1b$B$3$l$O\nplain\n\x1b$BJ8$G$9\x1b(B",
        None,
        "これは\nplain\n文です",
    ),
    # Others by the same tables
    "windows-1252, declared iso-8859-1": (FR.encode("cp1252"), "iso-8859-1", FR),
    "windows-1252, not declared": (FR.encode("cp1252"), None, FR),
    "windows-1252, declared utf-8": (FR.encode("cp1252"), "utf-8", FR),
    "windows-1252, declared shift_jis": (DE.encode("cp1252"), "shift_jis", DE),
    "windows-1252, bytes that windows leaves free": (
        b"caf\xe9 \x81 d\xe9j\xe0 vu",
        "latin1",
        "café \x81 déjà vu",
    ),
    "windows-1251, declared": (RU.encode("cp1251"), "windows-1251", RU),
    "windows-1251, not declared": (RU.encode("cp1251"), None, RU),
    "koi8-r, declared": (RU.encode("koi8_r"), "koi8-r", RU),
    "windows-1253, declared": (EL.encode("cp1253"), "iso-8859-7", EL),
    "gbk, declared gb2312": (ZH.encode("gbk"), "gb2312", ZH),
    "gbk, meta": (meta("gb2312", ZH).encode("gbk"), None, meta("gb2312", ZH)),
    "big5, declared": (TW.encode("big5"), "big5", TW),
    "euc-kr, declared": (KO.encode("cp949"), "ks_c_5601-1987", KO),
    "windows-874, declared tis-620": (TH.encode("cp874"), "tis-620", TH),
    "windows-1255, declared": (HE.encode("cp1255"), "windows-1255", HE),
    "utf-16le with a mark": (codecs.BOM_UTF16_LE + JA.encode("utf-16-le"), None, JA),
    "utf-16be with a mark": (codecs.BOM_UTF16_BE + JA.encode("utf-16-be"), "utf-8", JA),
    "utf-16le without a mark": (meta("x").encode("utf-16-le"), "utf-16", meta("x")),
    "utf-16be without a mark": (meta("x").encode("utf-16-be"), None, meta("x")),
    # Damage costs the bytes it touches
    "utf-8, cut within a character": (JA.encode()[:-1], "utf-8", JA[:-1] + "\ufffd"),
    "utf-8, two cut characters": (
        "鉄".encode()[1:] + JA.encode() + "鉄".encode()[:1],
        None,
        "\ufffd\ufffd" + JA + "\ufffd",
    ),
    "utf-8, a byte of latin-1 within": (JA.encode() + b"caf\xe9 " + JA.encode(), None, f"{JA}caf\ufffd {JA}"),
    "shift_jis, cut within a character": (JA.encode("cp932")[:-1], "shift_jis", JA[:-1] + "\ufffd"),
    "shift_jis, a lead byte before markup": (
        b"<p>\x93\xfa\x96{\x8c</p>\x82\xc5\x82\xb7\x81B",
        "shift_jis",
        "<p>日本\ufffd</p>です。",
    ),
    "euc-jp, cut within a character": (JA.encode("euc_jp")[:-1], "euc-jp", JA[:-1] + "\ufffd"),
    "iso-2022-jp, cut within a character": (b"\x1b$B$3$l$O$", None, "これは\ufffd"),
    "utf-8, a sign that was lost before": ((JA + "\ufffd").encode(), None, JA + "\ufffd"),
}


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_read_as_it_was_written(page: str) -> None:
    body, declared, text = PAGES[page]
    decoded = decode(body, declared)
    assert decoded is not None
    assert decoded.text == text


@pytest.mark.parametrize("page", PAGES)
def test_damage_is_told_where_there_is_some(page: str) -> None:
    body, declared, text = PAGES[page]
    decoded = decode(body, declared)
    assert decoded is not None
    assert decoded.damaged == ("\ufffd" in text and page != "utf-8, a sign that was lost before")


@pytest.mark.parametrize(
    "body",
    [
        b"\x89PNG\r\n\x1a\n" + bytes(range(128, 256)) * 40,
        b"%PDF-1.4\n" + bytes((number * 7919) % 251 + 5 for number in range(4_000)),
        bytes(4_000),
        bytes(number * number % 256 for number in range(4_000)),
    ],
)
def test_bytes_that_are_no_text_are_refused(body: bytes) -> None:
    assert decode(body, "utf-8") is None

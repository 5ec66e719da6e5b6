import pytest

from tanren_kernels.corpus.extraction import decode, page_text, tidy

JAPANESE = "鍛冶屋は鉄を打つ。日本語の文章が正しく読めるかを確かめるための、少し長い文です。" * 5


@pytest.mark.parametrize(
    ("body", "declared"),
    [
        (JAPANESE.encode(), None),
        (JAPANESE.encode("utf-8-sig"), None),
        (JAPANESE.encode("euc-jp"), "euc-jp"),
        (JAPANESE.encode("cp932"), "Shift_JIS"),
        (JAPANESE.encode("euc-jp"), None),
        (JAPANESE.encode("cp932"), None),
        (JAPANESE.encode(), "shift_jis"),
        (JAPANESE.encode("euc-jp"), "utf-8"),
    ],
    ids=[
        "utf-8",
        "byte order mark",
        "declared euc-jp",
        "declared shift_jis",
        "guessed euc-jp",
        "guessed shift_jis",
        "wrongly declared",
        "wrongly declared utf-8",
    ],
)
def test_japanese_is_read_in_the_character_set_it_was_written_in(body: bytes, declared: str | None) -> None:
    assert decode(body, declared) == JAPANESE


def test_the_pages_own_word_for_its_character_set_is_believed() -> None:
    page = f'<html><head><meta charset="euc-jp"></head><body>{JAPANESE}</body></html>'
    assert decode(page.encode("euc-jp")) == page


def test_bytes_that_are_no_text_are_refused() -> None:
    assert decode(b"\x89PNG\r\n\x1a\n" + bytes(range(128, 256)) * 40, "utf-8") is None


PAGE = """<html><head><title>t</title><script>var x = "秘密";</script><style>p {}</style></head><body>
<nav><ul><li><a href="/">ホーム</a></li><li><a href="/a">会社案内</a></li></ul></nav>
<main><h1>刀の作り方</h1><p>最初に鉄を熱する。</p><p>次に、<b>何度も</b>打つ。</p><ul><li>火</li><li>水</li></ul>
<pre>a = 1
  b = 2</pre></main>
<footer>Copyright 2026</footer></body></html>"""


def test_main_content_is_kept_and_navigation_is_not() -> None:
    text = page_text(PAGE, main_content=True)
    assert text.split("\n\n")[:3] == ["刀の作り方", "最初に鉄を熱する。", "次に、何度も打つ。"]
    assert "a = 1\n  b = 2" in text
    for absent in ("秘密", "会社案内", "Copyright"):
        assert absent not in text


def test_everything_visible_is_kept_where_that_is_asked() -> None:
    text = page_text(PAGE, main_content=False)
    assert "会社案内" in text and "Copyright" in text
    assert "秘密" not in text


def test_a_page_without_text_has_none() -> None:
    assert page_text("<html><body><img src='a.png'></body></html>", main_content=True) == ""
    assert page_text("", main_content=True) == ""


def test_tidying_leaves_what_a_reader_sees() -> None:
    assert tidy("\ufeff\n a\u3000\r\nb\x00\r\n\n\n\n\tc \n") == "a\nb\n\n\tc"

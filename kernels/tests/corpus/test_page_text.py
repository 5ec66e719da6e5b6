"""Text of pages, written by hand and real: whole, in its form, without what surrounds it."""

from __future__ import annotations

import os
import re
import time
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_corpus import EXTRACTION

from tanren_kernels.contract import ExtractionConfig
from tanren_kernels.corpus.page_text import page_text
from tanren_kernels.corpus.tidying import tidy


def text_of(body: str, **changes: object) -> str:
    config = ExtractionConfig.model_validate({**EXTRACTION, **changes})
    return page_text(f"<html><head><title>t</title></head><body>{body}</body></html>", config)[1]


KEPT_WHOLE = {
    "one character between links": ("<p><a>東京</a>は<a>日本</a>の<a>首都</a></p>", "東京は日本の首都"),
    "one character an element": ("<p><span>今</span><span>日</span>は<b>雨</b></p>", "今日は雨"),
    "items of one character": ("<p>曜日</p><ul><li>火</li><li>水</li></ul>", "曜日\n\n• 火\n• 水"),
    "one character a cell": (
        "<table><tr><th>月</th><th>火</th></tr><tr><td>あ</td><td>い</td></tr></table>",
        "月\t火\nあ\tい",
    ),
    "characters beyond the first plane": ("<p><b>𠮷</b>野<i>家</i></p>", "𠮷野家"),
    "entities": ("<p>a &lt;b&gt; &amp;amp; c &quot;d&quot; &#x3042;</p>", 'a <b> &amp; c "d" あ'),
    "ruby": ("<p><ruby>漢<rp>(</rp><rt>かん</rt><rp>)</rp>字<rt>じ</rt></ruby>を書く</p>", "漢字を書く"),
    "nested inline": ("<p>打<b>つ<i>鉄<u>は</u></i></b>熱い</p>", "打つ鉄は熱い"),
    "sub and sup": ("<p>H<sub>2</sub>O と x<sup>2</sup></p>", "H2O と x2"),
}


@pytest.mark.parametrize("case", KEPT_WHOLE)
@pytest.mark.parametrize("main_content", [True, False])
def test_no_character_of_a_kept_block_is_lost(case: str, main_content: bool) -> None:
    body, text = KEPT_WHOLE[case]
    assert text_of(body, main_content=main_content) == text


def test_readings_follow_what_they_are_of_where_that_is_asked() -> None:
    body = "<p><ruby>漢字<rp>(</rp><rt>かんじ</rt><rp>)</rp></ruby>を書く</p>"
    assert text_of(body, ruby="readings") == "漢字（かんじ）を書く"


LINES = {
    "wrapped japanese": ("<p>これは長い\n    文章を\r\n\t折り返した</p>", "これは長い文章を折り返した"),
    "after a full stop": ("<p>鉄を打つ。\n    mod_auth も</p>", "鉄を打つ。mod_auth も"),
    "wrapped english": ("<p>a line\n   that goes on</p>", "a line that goes on"),
    "wrapped korean": ("<p>쇠를\n두드린다</p>", "쇠를 두드린다"),
    "japanese and latin": ("<p>これは\nLinux の文章</p>", "これは Linux の文章"),
    "wrapped around an element": ("<p>これは\n<b>強い</b>\n鉄</p>", "これは強い鉄"),
    "a space that somebody wrote": ("<p>山田 太郎　様</p>", "山田 太郎　様"),
    "spaces in a row": ("<p>a   b \t c</p>", "a b c"),
    "line breaks": ("<p>住所<br>東京都<br/>\n港区</p>", "住所\n東京都\n港区"),
    "divisions": ("<div>一行目<div>二行目</div>三行目</div>", "一行目\n二行目\n三行目"),
    "paragraphs": ("<p>一</p><p>二</p>", "一\n\n二"),
}


@pytest.mark.parametrize("case", LINES)
def test_lines_are_the_readers_not_the_editors(case: str) -> None:
    body, text = LINES[case]
    assert text_of(body) == text


CODE = "<pre class='language-python'>\ndef f():\n    return 1 &lt; 2\n\n\nf()</pre>"
LIST = "<ol start=3><li>鉄<ul><li>赤<li>白</ul><li><p>水</p><p>冷たい</p></ol>"
TABLE = "<table><tr><th>名前<th>値<tr><td>a|b<td><code>x</code></table>"
ARRANGED = "<table><tr><td><p>左の文</p><ul><li>一</li></ul></td><td>右の文</td></tr></table>"


def test_code_lists_and_tables_keep_their_form() -> None:
    assert text_of(CODE) == "def f():\n    return 1 < 2\n\nf()"
    assert text_of(LIST) == "3. 鉄\n  • 赤\n  • 白\n4. 水\n  冷たい"
    assert text_of(TABLE) == "名前\t値\na|b\tx"
    assert text_of(ARRANGED) == "左の文\n\n• 一\n\n右の文"


def test_a_table_is_data_wherever_it_stands_and_a_cell_that_is_a_link_is_a_cell() -> None:
    table = "<table><tr><th><a>説明:</a></th><td>熱い鉄</td></tr></table>"
    before = f"<p>{'鉄を打つ。' * 200}</p>"
    assert text_of(before + table).endswith("\n\n説明:\t熱い鉄")
    assert text_of(f"{before}{table}<footer><p>足</p></footer>").endswith("\n\n説明:\t熱い鉄")


def test_markdown_marks_them() -> None:
    body = (
        f"<h2>題<b>名</b></h2>{CODE}{LIST}{TABLE}<blockquote><p>引用</p></blockquote><p>a <code>b</code></p>"
    )
    assert (
        text_of(body, output="markdown")
        == """## 題名

```python
def f():
    return 1 < 2

f()
```

3. 鉄
  - 赤
  - 白
4. 水
  冷たい

| 名前 | 値 |
| --- | --- |
| a\\|b | `x` |

> 引用

a `b`"""
    )


PAGE = """<html><head><title> 刀の
作り方 </title><script>var x = "秘密<b>";</script><style>p {}</style></head><body>
<header><a href="/">会社の名</a></header>
<nav><ul><li><a href="/">ホーム</a></li><li><a href="/a">会社案内</a></li></ul></nav>
<div class="breadcrumb"><a>ホーム</a> &gt; <a>刀</a></div>
<main><h1>刀の作り方<a class="headerlink">¶</a></h1><p>最初に鉄を熱する。</p><p>次に、<b>何度も</b>打つ。</p>
<ul><li>火</li><li>水</li></ul><!-- <p>注 --><p hidden>見えない</p><p style="display: none">隠れた</p>
<button>押す</button><noscript>無効</noscript><template><p>型</p></template></main>
<div id="sidebar"><p>人気の記事はこちらです。</p></div><ul><li><a>関連一</a></li><li><a>関連二</a></li></ul>
<footer>Copyright 2026</footer></body></html>"""


def test_main_content_is_kept_and_what_surrounds_it_is_not() -> None:
    config = ExtractionConfig.model_validate(EXTRACTION)
    assert page_text(PAGE, config) == (
        "刀の 作り方",
        "刀の作り方\n\n最初に鉄を熱する。\n\n次に、何度も打つ。\n\n• 火\n• 水",
    )


def test_everything_visible_is_kept_where_that_is_asked() -> None:
    config = ExtractionConfig.model_validate({**EXTRACTION, "main_content": False})
    text = page_text(PAGE, config)[1]
    for present in ("会社案内", "Copyright", "人気の記事", "関連一"):
        assert present in text
    for absent in ("秘密", "見えない", "隠れた", "注", "無効", "型"):
        assert absent not in text


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (
            '<div class="content-menu"><p>この頁には本文が一つだけあります。</p></div>',
            "この頁には本文が一つだけあります。",
        ),
        ("<div><a>東京</a>は<a>日本</a>の<a>首都</a></div>", "東京は日本の首都"),
        ('<nav><a href="/">ホーム</a></nav>', ""),
        ("<img src='a.png'>", ""),
        ("", ""),
    ],
    ids=["a misleading name", "prose full of links", "navigation alone", "a picture", "nothing"],
)
def test_a_page_keeps_its_only_text(body: str, text: str) -> None:
    assert text_of(body) == text


HUGE = {
    "a million spaces": "<p>鉄" + " " * 1_000_000 + "水</p>",
    "a million line ends": "<p>鉄" + "\n" * 1_000_000 + "水</p>",
    "a million spaces in code": "<pre>鉄" + " " * 1_000_000 + "水</pre>",
    "divisions in each other": "<div>" * 200_000 + "鉄",
    "elements in each other": "<b>" * 20_000 + "鉄",
    "tables in each other": "<table><tr><td>鉄" * 10_000,
    "lists in each other": "<ul><li>鉄" * 10_000,
    "quotations in each other": "<blockquote>鉄" * 10_000,
    "headers in each other": "<header>鉄" * 20_000,
    "comments": "<!-- < -->" * 50_000 + "鉄",
    "scripts": "<script>a<b</script>" * 20_000 + "鉄",
}


@pytest.mark.parametrize("case", HUGE)
def test_huge_pages_take_time_as_long_as_they_are(case: str) -> None:
    before = time.process_time()
    text = text_of(HUGE[case], output="markdown")
    # A second each on a quiet machine; what is not linear takes minutes.
    assert time.process_time() - before < 5
    assert "鉄" in text


WORDS = st.sampled_from(["鉄", "を", "打つ。", "a", "word ", " ", "\n", "x < y", "&", "𠮷", "ｱ", "。\n"])
BLOCKS = st.lists(
    st.tuples(
        st.sampled_from(["p", "div", "h2", "li", "td", "blockquote", "section"]),
        st.lists(st.tuples(st.sampled_from(["", "a", "b", "span", "em"]), WORDS), min_size=1, max_size=6),
    ),
    min_size=1,
    max_size=8,
)


@given(BLOCKS)
def test_text_of_generated_blocks_is_theirs_to_the_character(
    blocks: list[tuple[str, list[tuple[str, str]]]],
) -> None:
    wanted, body = [], []
    for name, pieces in blocks:
        inner = "".join((f"<{tag}>{escaped(text)}</{tag}>" if tag else escaped(text)) for tag, text in pieces)
        own = {"li": f"<ul><li>{inner}</li></ul>", "td": f"<table><tr><td>{inner}</td></tr></table>"}
        body.append(own.get(name, f"<{name}>{inner}</{name}>"))
        wanted.append("".join(text for _, text in pieces))
    assert unmarked(text_of("".join(body), main_content=False)) == letters("".join(wanted))


MANUALS = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "tanren/manuals/unpacked/usr/share"


@pytest.mark.skipif(not MANUALS.is_dir(), reason="the quickstart's manuals are not on this machine")
def test_text_of_real_pages_is_theirs_to_the_character() -> None:
    pages = sorted((MANUALS / "doc/apache2-doc/manual/ja").rglob("*.html"))[::8]
    pages += sorted((MANUALS / "libreoffice/help/ja/text").rglob("*.html"))[::80]
    assert len(pages) > 20
    config = ExtractionConfig.model_validate({**EXTRACTION, "main_content": False})
    for path in pages:
        html = path.read_text(encoding="utf-8", errors="replace")
        assert unmarked(page_text(html, config)[1]) == letters(visible(html)), path


def escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")


def letters(text: str) -> str:
    return re.sub(r"\s+", "", text)


def unmarked(text: str) -> str:
    """Letters of a text without what marks its items."""
    return letters(re.sub(r"(?m)^ *(?:•|\d{1,3}\.) ", "", text))


class Visible(HTMLParser):
    """All text of a body that a browser shows, by Python's own parser."""

    hidden = (
        "script",
        "style",
        "select",
        "textarea",
        "button",
        "noscript",
        "svg",
        "title",
        "object",
        "video",
    )

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._within: list[str] = []
        self._body = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._body = self._body or tag == "body"
        own = dict(attrs)
        invisible = "hidden" in own or "display:none" in letters(own.get("style") or "")
        if self._within or tag in self.hidden or invisible:
            self._within.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self._within:
            while self._within.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        if self._body and not self._within:
            self.texts.append(data)


def visible(html: str) -> str:
    reader = Visible()
    reader.feed(html)
    return "".join(reader.texts)


def test_tidying_leaves_what_a_reader_sees() -> None:
    assert tidy("\ufeff\n a\u3000\r\nb\x00\r\n\n\n\n\tc \n") == "a\nb\n\n\tc"

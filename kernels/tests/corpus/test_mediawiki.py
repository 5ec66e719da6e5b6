"""Dumps of wikis: which pages are read, what of a page is text, and what damage costs."""

from __future__ import annotations

import bz2
from pathlib import Path
from xml.sax.saxutils import escape

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tanren_kernels.corpus.mediawiki import Page, Site, UnreadPage, read_article, read_pages
from tanren_kernels.corpus.tidying import tidy
from tanren_kernels.corpus.unpacked import Unpacked
from tanren_kernels.corpus.wikitext import wikitext_text

HEAD = """<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" version="0.11" xml:lang="ja">
  <siteinfo>
    <base>https://ja.wikipedia.org/wiki/%E3%83%A1%E3%82%A4%E3%83%B3</base>
    <namespaces>
      <namespace key="0" case="first-letter" />
      <namespace key="6" case="first-letter">ファイル</namespace>
      <namespace key="10" case="first-letter">Template</namespace>
      <namespace key="14" case="first-letter">カテゴリ</namespace>
    </namespaces>
  </siteinfo>
"""


def page(number: int, text: str, ns: int | None = 0, title: str = "", more: str = "") -> str:
    own = "" if ns is None else f"<ns>{ns}</ns>\n    "
    return (
        f"  <page>\n    <title>{title or f'頁 {number}'}</title>\n    {own}<id>{number}</id>\n{more}"
        f"    <revision>\n      <id>1</id>\n      <timestamp>2026-01-02T03:04:05Z</timestamp>\n"
        f"      <model>wikitext</model>\n      <text bytes='1'>{escape(text)}</text>\n"
        "    </revision>\n  </page>\n"
    )


def dump(*pages: str) -> bytes:
    return (HEAD + "".join(pages) + "</mediawiki>\n").encode()


def pages_of(tmp_path: Path, content: bytes, limit: int = 100_000) -> list[Page | UnreadPage]:
    path = tmp_path / "dump"
    path.write_bytes(content)
    with Unpacked(path) as unpacked:
        return list(read_pages(unpacked, limit))


def told(found: list[Page | UnreadPage]) -> list[str]:
    return [
        one.reason if isinstance(one, UnreadPage) else read_article(one.xml, one.site).wikitext
        for one in found
    ]


def test_articles_are_read_and_redirects_and_other_namespaces_passed_over(tmp_path: Path) -> None:
    found = pages_of(
        tmp_path,
        dump(
            page(1, "一つ目 < 二つ目"),
            page(2, "#転送 [[頁 1]]", more='    <redirect title="頁 1" />\n'),
            page(3, "雛形", ns=10),
            page(4, "古い雛形", ns=None, title="template:x"),
            page(5, "古い記事", ns=None, title="銀河鉄道: 夜"),
        ),
    )
    assert told(found) == [
        "一つ目 < 二つ目",
        "redirect",
        "other_namespace_page",
        "other_namespace_page",
        "古い記事",
    ]
    assert [one.lost for one in found if isinstance(one, UnreadPage)] == [False] * 3
    first = found[0]
    assert isinstance(first, Page)
    article = read_article(first.xml, first.site)
    assert (article.id, article.title, article.time) == ("1", "頁 1", "2026-01-02T03:04:05Z")
    assert article.url == "https://ja.wikipedia.org/wiki/%E9%A0%81_1"


def test_the_newest_revision_is_the_page() -> None:
    xml = (
        "<page><title>a</title><id>1</id>"
        "<revision><timestamp>2026-01-02T00:00:00Z</timestamp><text>new</text></revision>"
        "<revision><timestamp>2025-01-02T00:00:00Z</timestamp><text>old</text></revision></page>"
    )
    assert read_article(xml.encode(), Site()).wikitext == "new"


@pytest.mark.parametrize(
    ("xml", "reason"),
    [
        ("<page><title>a</title><revision><text>&no;</text></revision></page>", "bad_page"),
        ("<page><title>a</title></page>", "no_text"),
        ("<page><title>a</title><revision><text/></revision></page>", "no_text"),
        (
            "<page><title>a</title><revision><model>json</model><text>{}</text></revision></page>",
            "not_wikitext",
        ),
    ],
)
def test_what_is_no_article_has_a_reason(xml: str, reason: str) -> None:
    assert read_article(xml.encode(), Site()).reason == reason


def test_a_page_over_the_limit_costs_itself(tmp_path: Path) -> None:
    content = dump(page(1, "前"), page(2, "長" * 400_000), page(3, "後"))
    assert told(pages_of(tmp_path, content)) == ["前", "record_too_large", "後"]


def test_a_dump_cut_within_a_page_loses_that_page(tmp_path: Path) -> None:
    content = dump(page(1, "前"), page(2, "切れた"))
    assert told(pages_of(tmp_path, content[: content.index("切れた".encode())])) == ["前", "truncated_record"]


def test_a_garbled_stretch_of_a_multistream_dump_costs_that_stretch(tmp_path: Path) -> None:
    parts = [HEAD, page(1, "一" * 50), page(2, "二" * 50), page(3, "三" * 50), "</mediawiki>"]
    packed = [bytearray(bz2.compress(part.encode())) for part in parts]
    packed[2][20:40] = bytes(20)
    found = pages_of(tmp_path, b"".join(packed))
    assert told(found) == ["一" * 50, "corrupt_record", "三" * 50]
    last = found[-1]
    assert bz2.decompress(b"".join(packed)[last.offset :]).startswith(b"  <page>")


@pytest.mark.parametrize("content", [b"", dump()])
def test_a_dump_without_pages_holds_nothing(tmp_path: Path, content: bytes) -> None:
    assert pages_of(tmp_path, content) == []


def test_a_file_that_is_no_dump_is_one_corrupt_file(tmp_path: Path) -> None:
    assert told(pages_of(tmp_path, b"%PDF-1.4 " * 100_000)) == ["corrupt_file"]


SITE = Site(not_text=frozenset(["file", "ファイル", "カテゴリ"]))


@pytest.mark.parametrize(
    ("wikitext", "text"),
    [
        (
            "'''東京'''（{{lang-en|Tokyo}}）は[[日本]]の[[首都|都]]。<ref>出典 [[甲]]</ref>",
            "東京は日本の都。",
        ),
        ("前[[ファイル:a.jpg|thumb|200px|説明の[[文]]]]後\n[[カテゴリ:都市]]", "前後"),
        ("文一。\n\n{| class='wikitable'\n! 年 !! 人口\n|-\n| 2020 || 1\n|}\n文二。", "文一。\n\n文二。"),
        ("{{基礎情報 {{入れ子|x}}|y}}本文&amp;続き<!-- 注 -->__NOTOC__", "本文&続き"),
        ("* 一\n* 二\n", "一\n 二"),
        ("[https://example.org/ 公式] を見よ", "公式 を見よ"),
    ],
)
def test_the_text_of_a_page_is_what_a_reader_sees(wikitext: str, text: str) -> None:
    assert tidy(wikitext_text(wikitext, SITE, False)) == text


def test_headings_are_marked_in_markdown() -> None:
    assert tidy(wikitext_text("== '''歴史''' ==\n古い。", SITE, True)) == "## 歴史\n古い。"
    assert tidy(wikitext_text("== 歴史 ==\n古い。", SITE, False)) == "歴史\n古い。"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_bytes_make_the_reader_fail_or_lose_pages_they_do_not_touch(
    data: st.DataObject, tmp_path: Path
) -> None:
    whole = dump(*(page(number, f"本文{number}") for number in range(6)))
    start = data.draw(st.integers(1, len(whole) - 1))  # the first bytes say how a file is packed
    noise = data.draw(st.binary(max_size=40))
    end = min(start + data.draw(st.integers(0, 60)), len(whole))
    texts = told(pages_of(tmp_path, whole[:start] + noise + whole[end:]))
    touched = {
        number
        for number in range(6)
        if (at := whole.index(f"<title>頁 {number}<".encode()) - 11) <= end + 20
        and whole.index(b"</page>", at) + 20 >= start
    }
    assert {f"本文{number}" for number in range(6)} - {f"本文{number}" for number in touched} <= set(texts)


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet="[]{}|='<>!*#: \n頁ref/", max_size=200))
def test_no_marks_make_the_text_of_a_page_fail(wikitext: str) -> None:
    wikitext_text(wikitext, SITE, True)

"""Which language a text is in, and which languages the operator offers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tanren_kernels.corpus.language_identification import identified_languages, identify

TEXTS = {
    "ja": "図書館は月曜日の九時に開きます。本を借りる人は利用者カードが必要で、四週間後に返してください。",
    "en": "The library opens on Monday at nine. Whoever wants to borrow a book needs a card.",
    "de": "Die Bibliothek öffnet am Montag um neun Uhr. Wer ein Buch leihen möchte, braucht einen Ausweis.",
    "fr": "La bibliothèque ouvre le lundi à neuf heures. Pour emprunter un livre, il faut une carte.",
    "es": "La biblioteca abre los lunes a las nueve. Quien quiera llevarse un libro prestado usa un carné.",
    "zh": "图书馆星期一九点开门。想借书的人需要一张借书证，四个星期以后要把书还回来。",
    "ko": "도서관은 월요일 아홉 시에 문을 엽니다. 책을 빌리려면 카드가 필요하고 사 주 안에 돌려줘야 합니다.",
    "ru": "Библиотека открывается в понедельник в девять часов. Чтобы взять книгу, нужен читательский билет.",
    "ar": "تفتح المكتبة يوم الاثنين في الساعة التاسعة. من يريد استعارة كتاب يحتاج إلى بطاقة.",
    "th": "ห้องสมุดเปิดวันจันทร์เวลาเก้าโมงเช้า ผู้ที่ต้องการยืมหนังสือต้องมีบัตรและต้องคืนภายในสี่สัปดาห์",
    "vi": "Thư viện mở cửa vào thứ hai lúc chín giờ. Ai muốn mượn sách thì cần có thẻ.",
}
MENU = "".join(
    f"<li><a href='/{word}'>{word}</a></li>" for word in ["Home", "News", "Contact us", "Search"] * 9
)


@pytest.mark.parametrize("language", TEXTS)
def test_the_language_of_a_text_is_told(language: str) -> None:
    assert identify(TEXTS[language], is_html=False) == language


@pytest.mark.parametrize("language", TEXTS)
def test_a_page_is_in_the_language_of_its_prose(language: str) -> None:
    page = (
        "<html><head><title>Welcome to our site</title><style>.a{color:red}</style></head>"
        f"<BODY><ul>{MENU}</ul><script>if (a < b) {{ alert('please wait until it is loaded') }}</script>"
        f"<p>{TEXTS[language]}</p><!-- a comment in English that nobody sees --></body></html>"
    )
    assert identify(page, is_html=True) == language


@pytest.mark.parametrize(
    "text", ["", "1 2 3", "12.5 % | 99 | 2026-01-02", "!?", "<script>var a = 1</script>"]
)
def test_what_has_no_words_has_no_language(text: str) -> None:
    assert identify(text, is_html=text.startswith("<")) == "und"


def test_the_operator_offers_what_can_be_told() -> None:
    schema = json.loads((Path(__file__).parents[2] / "contract/CleanConfig.schema.json").read_text())
    offered = schema["$defs"]["CleanSource"]["properties"]["languages"]["items"]["enum"]
    assert set(offered) == identified_languages()


def test_a_page_that_never_ends_is_told_in_time() -> None:
    assert identify("<script><style>" * 2_000_000, is_html=True) == "und"

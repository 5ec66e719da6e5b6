import base64
import random

import pytest

from tanren_kernels.contract import ParagraphFilterConfig
from tanren_kernels.corpus.candidate import Candidate
from tanren_kernels.corpus.paragraph_filter import ParagraphFilter

ALL = ParagraphFilterConfig(notices=True, encoded_data=True, scripts=True)
STORY = "鍛冶屋は朝早くから鉄を打っている。"
BASE64 = base64.b64encode(random.Random(1).randbytes(150)).decode()
SCRIPT = (
    "(function(a,b){var c=a.document.createElement('script');c.async=!0;c.src=b;"
    "a.document.head.appendChild(c);if(!a.q){a.q=[];}})(window,'//cdn.example/x.js');"
)
STYLE = (
    ".nav{margin:0;padding:0}.nav li{float:left;color:#fff;background:none}"
    "@media print{.nav{display:none}}.a{color:red;width:1px}"
)


def filtered(
    text: str, language: str = "ja", config: ParagraphFilterConfig = ALL
) -> tuple[str, str, dict[str, int]]:
    candidate = Candidate(text, language, "web")
    reason = ParagraphFilter(config).apply(candidate)
    return candidate.text, reason, dict(candidate.counts)


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("当サイトでは利便性の向上のためCookieを使用しています。", "notice"),
        (
            "このウェブサイトはクッキーを利用しています。詳しくはプライバシーポリシーをご覧ください。",
            "notice",
        ),
        ("クッキーの使用に同意する", "notice"),
        ("すべてのCookieを許可する", "notice"),
        ("We and our partners use cookies to improve your experience.", "notice"),
        ("This website uses cookies.", "notice"),
        ("By continuing to browse you agree to our use of cookies.", "notice"),
        ("Accept all cookies", "notice"),
        ("Please enable JavaScript to view this page.", "notice"),
        ("JavaScript is disabled in your browser.", "notice"),
        ("ブラウザの設定でJavaScriptを有効にしてください。", "notice"),
        ("JavaScriptが無効になっています。", "notice"),
        ("この記事をシェアする", "notice"),
        ("Share on Facebook", "notice"),
        (BASE64, "encoded_data"),
        ("data: " + "4f 2a 9c 00 " * 12, "encoded_data"),
        (SCRIPT, "script"),
        (STYLE, "script"),
    ],
)
def test_a_paragraph_that_is_no_text_goes_and_is_counted(line: str, kind: str) -> None:
    assert filtered(f"{STORY}\n\n{line}\n\n{STORY}") == (
        f"{STORY}\n\n{STORY}",
        "",
        {f"removed_paragraphs/{kind}": 1},
    )
    assert filtered(line) == ("", "nothing_left", {f"removed_paragraphs/{kind}": 1})


@pytest.mark.parametrize(
    "line",
    [
        "クッキーを焼くときは、砂糖を先にバターと混ぜます。",
        "HTTP cookies are sent back to the server that set them.",
        "Cookieは、サーバーがブラウザに保存させる小さな情報です。",
        "JavaScriptは1995年に生まれた言語である。",
        "彼はその写真を友だちとシェアした。",
        "sha256の値は e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 です。"
        "ここまでが一行の説明で、続きがあります。",
        "-" * 80,
        "docs/a/very_long_path/" * 5 + "index.html",
        "for (const line of lines) { total += line.length; }",
        "関数 f(x) = a(x) + b(x) について、f(0) = 1 かつ f(1) = 2 であるとき、"
        "(a, b) の組を {0, 1, 2} から選ぶ方法を数えなさい。ただし a(0) = 0 とし、b(1) は [0, 1] にある。",
    ],
)
def test_what_speaks_of_such_things_stays(line: str) -> None:
    assert filtered(f"{STORY}\n{line}") == (f"{STORY}\n{line}", "", {})


def test_source_code_is_left_alone_and_so_is_what_was_not_asked_for() -> None:
    assert filtered(SCRIPT, "code") == (SCRIPT, "", {})
    some = ParagraphFilterConfig(notices=True, encoded_data=False, scripts=False)
    assert filtered(f"{BASE64}\n{SCRIPT}", "ja", some) == (f"{BASE64}\n{SCRIPT}", "", {})

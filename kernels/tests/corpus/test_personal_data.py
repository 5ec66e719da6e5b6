"""What is masked, and what only looks like it. Numbers are made up; their check digits are right by hand."""

import pytest

from tanren_kernels.contract import MaskConfig
from tanren_kernels.corpus.candidate import Candidate
from tanren_kernels.corpus.personal_data import PersonalDataMask

ALL = MaskConfig(kinds=["email", "ipAddress", "phone", "creditCard", "myNumber"])


def masked(text: str, config: MaskConfig = ALL) -> tuple[str, dict[str, int]]:
    candidate = Candidate(text, "ja", "web")
    assert PersonalDataMask(config).apply(candidate) == ""
    return candidate.text, dict(candidate.counts)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("連絡先はtaro.yamada+a@mail.example.co.jpです。", "連絡先は[email]です。"),
        ("<a@b.example>, c@d.example.", "<[email]>, [email]."),
        ("電話03-1234-5678まで", "電話[phone]まで"),
        ("TEL：０３－１２３４－５６７８", "TEL：[phone]"),
        ("090 1234 5678 / (03)1234-5678", "[phone] / [phone]"),
        ("+81 90-1234-5678 or (212) 555-0147 or +44 20 7946 0958", "[phone] or [phone] or [phone]"),
        ("8.8.8.8からの接続", "[ipAddress]からの接続"),
        ("from 2001:4860:4860::8888 at noon", "from [ipAddress] at noon"),
        (
            "カード 4242 4242 4242 4242 と 5555-5555-5555-4444",
            "カード 4242 4242 4242 4242 と 5555-5555-5555-4444",
        ),
        ("カード 4539 1488 0343 6467", "カード [creditCard]"),
        ("カード 4539 1488 0343 6468", "カード 4539 1488 0343 6468"),
        ("番号 1234 5678 9018", "番号 [myNumber]"),
        ("番号 123456789018", "番号 [myNumber]"),
        ("番号 1234 5678 9012", "番号 1234 5678 9012"),
    ],
)
def test_what_is_masked(text: str, wanted: str) -> None:
    assert masked(text)[0] == wanted


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-27の会議、2026年1月2日",
        "第3-12-5号、千代田区1-2-3",
        "version 1.2.3.4.5, 192.168.0.1, 127.0.0.1, 10.0.0.1",
        "ISBN 978-4-00-310101-8",
        "円周率 3.14159265358979",
        "std::vector<int> a::b and 12:34:56",
        "twitter @name, a @ b",
        "〒100-0001",
        "1,234,567円",
        "0120",
    ],
)
def test_what_only_looks_like_personal_data_stays(text: str) -> None:
    assert masked(text) == (text, {})


def test_only_the_kinds_that_were_chosen_are_masked_and_each_is_counted() -> None:
    text = "a@b.example, c@d.example, 03-1234-5678"
    assert masked(text, MaskConfig(kinds=["email"])) == (
        "[email], [email], 03-1234-5678",
        {"masked/email": 2},
    )
    assert masked(text)[1] == {"masked/email": 2, "masked/phone": 1}

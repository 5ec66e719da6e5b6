from pathlib import Path

import pytest

from tanren_kernels.contract import Input, UrlFilterConfig
from tanren_kernels.corpus.candidate import Candidate
from tanren_kernels.corpus.url_filter import UrlFilter
from tanren_kernels.runtime.errors import KernelError


@pytest.fixture
def blocked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> UrlFilter:
    monkeypatch.chdir(tmp_path)
    Path("list.txt").write_text("# spam\nads.example\nhttps://blog.example/user7/ # one of many\n\n")
    return UrlFilter(UrlFilterConfig(domains=["Shop.Example"], words=["casino"], list=Input(path="list.txt")))


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("https://shop.example/", "blocked_domain"),
        ("http://www.SHOP.example:8080/a", "blocked_domain"),
        ("https://workshop.example/", ""),
        ("https://shop.example.org/", ""),
        ("https://x.ads.example/1", "blocked_domain"),
        ("https://blog.example/user7/1", "blocked_address"),
        ("https://blog.example/user77/1", ""),
        ("https://a.example/Casino-2024.html", "blocked_word"),
        ("https://a.example/casinos", ""),
        ("https://[::1/half", ""),
        ("", ""),
    ],
)
def test_documents_are_dropped_by_their_address(blocked: UrlFilter, url: str, reason: str) -> None:
    assert blocked.apply(Candidate("text", "ja", "web", url)) == reason


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_list_that_cannot_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None
) -> None:
    monkeypatch.chdir(tmp_path)
    if content is not None:
        Path("list.txt").write_bytes(content)
    with pytest.raises(KernelError, match=r"list list\.txt") as caught:
        UrlFilter(UrlFilterConfig(domains=[], words=[], list=Input(path="list.txt")))
    assert caught.value.reason == "InvalidData"

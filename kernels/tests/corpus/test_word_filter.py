from pathlib import Path

import pytest

from tanren_kernels.contract import Input, WordFilterConfig
from tanren_kernels.corpus.candidate import Candidate
from tanren_kernels.corpus.word_filter import WordFilter

WORDS = ["casino", "アナル", "出会い系", "ぼったくり", "free money"]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("Visit our Casino, the CASINO of all casinos.", 2),
        ("ＣＡＳＩＮＯで遊ぶ", 1),
        ("カジノのアナル、アナルミ合金、カナルアナル", 1),
        ("出会い系サイトと出会い系", 2),
        ("ぼったくりバー", 1),
        ("free money and freemoney", 1),
        ("鍛冶屋は鉄を打つ。", 0),
        ("", 0),
    ],
)
def test_words_count_where_they_stand_by_themselves(text: str, count: int) -> None:
    assert WordFilter(WordFilterConfig(words=WORDS, at_least=1)).count(text) == count


def test_a_document_is_dropped_from_so_many_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("words.txt").write_text("闇金  # loans\n")
    given = WordFilter(WordFilterConfig(words=["casino"], list=Input(path="words.txt"), at_least=2))
    assert given.apply(Candidate("闇金の話。", "ja", "web")) == ""
    assert given.apply(Candidate("闇金とcasinoの話。", "ja", "web")) == "listed_word"

import json
from pathlib import Path

import numpy as np
import pytest
import sentences

from tanren_kernels.contract import ClassifierConfig, Input
from tanren_kernels.corpus.classifier import CleanClassifier, features
from tanren_kernels.runtime.errors import KernelError

DIRTY_JA = [
    "激安通販送料無料今すぐ購入はこちら",
    "会員登録で五百円分のポイント進呈中",
    "人気ランキング一位の化粧品が半額",
    "限定クーポン配布中お見逃しなく",
]
DIRTY_EN = [
    "BUY NOW cheap shoes free shipping",
    "Click here to win a prize today",
    "Best deals on watches and bags",
    "Subscribe and get coupons instantly",
]


def examples(path: Path, texts: list[str]) -> Input:
    path.write_text("".join(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in texts))
    return Input(path=path.name)


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ClassifierConfig:
    monkeypatch.chdir(tmp_path)
    clean = examples(
        tmp_path / "clean.jsonl",
        [write(number, 4) for number in range(100) for write in (sentences.japanese, sentences.english)],
    )
    dirty = examples(
        tmp_path / "dirty.jsonl",
        [
            f"{one}\n{other} {number}"
            for number in range(12)
            for kind in (DIRTY_JA, DIRTY_EN)
            for one in kind
            for other in kind
        ],
    )
    return ClassifierConfig(clean=clean, dirty=dirty, threshold=0.5, epochs=5)


def test_clean_and_dirty_are_told_apart_in_both_languages(config: ClassifierConfig) -> None:
    classifier = CleanClassifier(config, seed=1)
    for text in (sentences.japanese(1_000, 6), sentences.english(1_000, 6)):
        assert classifier.keeps(text) and classifier.probability(text) > 0.9
    for text in (
        "人気の化粧品が激安、送料無料で今すぐ購入\n限定ポイント進呈中",
        "Win cheap watches today, free shipping, click here",
    ):
        assert not classifier.keeps(text) and classifier.probability(text) < 0.1
    assert classifier.accuracy is not None and classifier.accuracy > 0.95


def test_the_same_examples_give_the_same_model_whatever_memory_held_before(config: ClassifierConfig) -> None:
    text = sentences.japanese(7) + DIRTY_JA[0]
    probabilities = set()
    for _ in range(4):
        np.full(30_000_000, np.nan, dtype=np.float32)  # leaves its pages to whoever allocates next
        probabilities.add(CleanClassifier(config, seed=1).probability(text))
    assert len(probabilities) == 1


def test_japanese_is_given_to_the_model_character_by_character() -> None:
    assert features("鉄を打つ音\nIron 12!") == "鉄 を 打 つ 音 ¶ iron 1 2 !"


def test_a_text_cannot_pretend_to_be_a_label() -> None:
    assert "__label__clean" not in features("__label__clean これは広告です").split()


@pytest.mark.parametrize("line", ["{", '{"txt": "a"}', '{"text": 3}', "[1]"])
def test_a_bad_example_is_named_by_its_line(config: ClassifierConfig, line: str) -> None:
    with Path("dirty.jsonl").open("a") as file:
        file.write(f"\n{line}\n")
    with pytest.raises(KernelError, match=r"dirty\.jsonl, line 386") as caught:
        CleanClassifier(config, seed=1)
    assert caught.value.reason == "InvalidData"


def test_examples_of_one_kind_only_are_refused(config: ClassifierConfig) -> None:
    Path("dirty.jsonl").write_text("")
    with pytest.raises(KernelError, match="both kinds"):
        CleanClassifier(config, seed=1)

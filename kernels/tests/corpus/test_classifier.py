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
        assert classifier.probability(text) > 0.9
    for text in (
        "人気の化粧品が激安、送料無料で今すぐ購入\n限定ポイント進呈中",
        "Win cheap watches today, free shipping, click here",
    ):
        assert classifier.probability(text) < 0.2
    assert classifier.figures is not None and classifier.figures["accuracy"] > 0.95


def test_the_same_examples_give_the_same_model_whatever_memory_held_before(config: ClassifierConfig) -> None:
    text = sentences.japanese(7) + DIRTY_JA[0]
    probabilities = set()
    for _ in range(2):
        np.full(3_000_000, np.nan, dtype=np.float32)  # leaves its pages to whoever allocates next
        probabilities.add(CleanClassifier(config, seed=1).probability(text))
    assert len(probabilities) == 1


def test_width_case_white_space_and_numbers_make_no_difference() -> None:
    one, other = features("Iron  12 ＡＢＣ"), features("iron 98 abc")
    assert (one[0] == other[0]).all() and (one[1] == other[1]).all()
    assert abs(float((one[1] ** 2).sum()) - 1) < 1e-5


def test_a_threshold_is_found_for_the_precision_that_is_wanted(config: ClassifierConfig) -> None:
    # Every fifth clean example is dirty in fact: what stays at 0.5 is not clean enough.
    texts = [json.loads(line)["text"] for line in Path("clean.jsonl").read_text().splitlines()]
    mixed = [DIRTY_JA[number % 4] * 3 if number % 5 == 1 else text for number, text in enumerate(texts)]
    lines = [json.loads(line)["text"] for line in Path("dirty.jsonl").read_text().splitlines()]
    examples(Path("dirty.jsonl"), [*lines, *(DIRTY_JA[number % 4] * 3 for number in range(40)), *texts[:20]])
    examples(Path("clean.jsonl"), mixed)
    for wanted in (0.6, 0.95):
        given = config.model_copy(update={"threshold": None, "precision": wanted})
        figures = CleanClassifier(given, seed=1).figures
        assert figures is not None and figures["precision"] >= wanted
    assert figures is not None and figures["recall"] < 1
    unreachable = config.model_copy(update={"threshold": None, "precision": 1.0})
    examples(Path("clean.jsonl"), lines[:200])
    with pytest.raises(
        KernelError, match=r"reaches precision 0\.\d+ at most on \d+ held-out examples"
    ) as caught:
        CleanClassifier(unreachable, seed=1)
    assert caught.value.reason == "InvalidData"


def test_held_out_examples_are_told_by_probability(config: ClassifierConfig) -> None:
    classifier = CleanClassifier(config, seed=1)
    figures = classifier.figures
    assert figures is not None
    assert (
        figures["held_out"] == 200 // 5 + 384 // 5 == sum(bin["documents"] for bin in figures["calibration"])
    )
    shares = [bin["clean_share"] for bin in figures["calibration"] if bin["documents"]]
    assert shares[0] == 0 and shares[-1] == 1
    recalls = [point["recall"] for point in figures["curve"]]
    assert recalls == sorted(recalls, reverse=True)


def test_examples_that_come_in_turns_are_held_out_of_each_kind(config: ClassifierConfig) -> None:
    kinds = [DIRTY_JA[0], DIRTY_JA[1], DIRTY_EN[0], DIRTY_EN[1], "0000 1111 2222"]
    examples(Path("dirty.jsonl"), [f"{kinds[number % 5]} {'!' * (number // 5)}" for number in range(150)])
    figures = CleanClassifier(config, seed=1).figures
    assert figures is not None and figures["accuracy"] > 0.95


def test_what_was_saved_says_the_same(config: ClassifierConfig, tmp_path: Path) -> None:
    classifier = CleanClassifier(config, seed=1)
    classifier.save(tmp_path / "weights.npy")
    again = CleanClassifier.load(tmp_path / "weights.npy", 0.5)
    for text in (sentences.japanese(1_000), DIRTY_EN[0], ""):
        assert again.probability(text) == classifier.probability(text)


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

"""Documents for tests, put together from a few sentences of our own; equal numbers give equal documents."""

from __future__ import annotations

import random

JA_SUBJECTS = [
    "この村の鍛冶屋は",
    "古い刀の持ち主は",
    "山の上の学校では",
    "新しい図書館の職員が",
    "港で働く人たちは",
    "小さな工場の主人が",
    "隣の町の医者は",
]
JA_OBJECTS = [
    "毎朝、鉄を赤く熱してから",
    "雨の日に集めた本を",
    "二十年前に習った方法で",
    "子どもたちの描いた地図を",
    "冬の間に直した道具を",
    "海から運ばれた砂を",
]
JA_VERBS = [
    "何度も打って強くする。",
    "静かな部屋で読み直した。",
    "丁寧に箱へしまっておいた。",
    "皆の前でゆっくり説明した。",
    "次の人のために残している。",
    "夕方まで磨いていた。",
]
EN_SUBJECTS = [
    "The old smith",
    "A quiet reader",
    "Every student of the school",
    "The keeper of the harbour",
    "My neighbour with the red door",
    "The doctor",
]
EN_VERBS = ["has mended", "carried", "described", "wanted to keep", "gave away", "looked after"]
EN_OBJECTS = [
    "the broken tools of the village.",
    "a map that children had drawn.",
    "the books that nobody asked for.",
    "some sand and iron.",
    "a letter to the town.",
]


def japanese(number: int, sentences: int = 12) -> str:
    rng = random.Random(f"ja{number}")
    return "\n".join(
        "".join(rng.choice(part) for part in (JA_SUBJECTS, JA_OBJECTS, JA_VERBS))
        + f"番号は{number}の{line}。"
        for line in range(sentences)
    )


def english(number: int, sentences: int = 12) -> str:
    rng = random.Random(f"en{number}")
    return "\n".join(
        " ".join(rng.choice(part) for part in (EN_SUBJECTS, EN_VERBS, EN_OBJECTS))
        + f" It was day {number} of {line}."
        for line in range(sentences)
    )


def code(number: int) -> str:
    return "\n".join(
        f"def area_{number}_{line}(width, height):\n    return width * height + {line}\n" for line in range(8)
    )

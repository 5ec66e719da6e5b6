import random

import datasketch
import numpy as np
import pytest
import sentences

from tanren_kernels.contract import MinHashConfig
from tanren_kernels.corpus import minhash

CONFIG = MinHashConfig(permutations=128, bands=16, shingle=5, similarity=0.8)


def shingles(text: str, language: str) -> set[int]:
    return set(minhash.shingle_hashes(minhash.normalised(text), language, CONFIG.shingle).tolist())


def jaccard(one: set[int], other: set[int]) -> float:
    return len(one & other) / len(one | other)


def planted(language: str, originals: int, rng: random.Random) -> list[str]:
    """Documents of random words, each followed by a copy in which some of its words are other ones."""
    letters = (
        "あいうえおかきくけこさしすせそたちつてと鍛冶屋鉄水火山川"
        if language == "ja"
        else "abcdefghijklmnopqrstuvwxyz"
    )
    texts = []
    for _ in range(originals):
        words = ["".join(rng.choices(letters, k=6)) for _ in range(200)]
        copy = list(words)
        for place in rng.sample(range(200), rng.choice([0, 1, 2, 3, 4, 8, 30])):
            copy[place] = "".join(rng.choices(letters, k=6))
        texts += [" ".join(words), " ".join(copy)]
    return texts


@pytest.mark.parametrize("language", ["ja", "en"])
def test_planted_duplicates_share_a_band_as_often_as_by_datasketch(language: str) -> None:
    texts = planted(language, 150, random.Random(1))
    sets = [shingles(text, language) for text in texts]
    bands = minhash.band_hashes(
        minhash.signatures([(minhash.normalised(text), language) for text in texts], CONFIG, seed=1),
        CONFIG,
        [language] * len(texts),
    )
    index = datasketch.MinHashLSH(
        params=(CONFIG.bands, CONFIG.permutations // CONFIG.bands), num_perm=CONFIG.permutations
    )
    peers = []
    for number, own in enumerate(sets):
        peer = datasketch.MinHash(num_perm=CONFIG.permutations)
        peer.update_batch([hash_.to_bytes(8, "little") for hash_ in own])
        index.insert(number, peer)
        peers.append(peer)

    near = [
        (2 * pair, 2 * pair + 1) for pair in range(150) if jaccard(sets[2 * pair], sets[2 * pair + 1]) >= 0.85
    ]
    assert len(near) >= 60
    ours = sum((bands[original] == bands[copy]).any() for original, copy in near)
    theirs = sum(original in index.query(peers[copy]) for original, copy in near)
    assert ours >= 0.99 * len(near)
    assert ours >= theirs - 0.03 * len(near)
    assert not (bands[0] == bands[2]).any()


def test_documents_of_two_languages_share_no_band() -> None:
    signatures = np.zeros((2, 128), dtype=np.uint32)
    same = minhash.band_hashes(signatures, CONFIG, ["ja", "ja"])
    other = minhash.band_hashes(signatures, CONFIG, ["ja", "en"])
    assert (same[0] == same[1]).all() and not (other[0] == other[1]).any()
    assert len(set(same[0].tolist())) == CONFIG.bands


def test_similarity_is_that_of_the_sets() -> None:
    one, other = np.array([1, 3, 5, 9], dtype=np.uint64), np.array([3, 4, 9], dtype=np.uint64)
    assert minhash.jaccard(one, other) == pytest.approx(2 / 5)


def test_the_share_of_equal_values_estimates_the_similarity() -> None:
    texts = planted("en", 60, random.Random(2))
    wide = CONFIG.model_copy(update={"permutations": 1024})
    signatures = minhash.signatures([(text, "en") for text in texts], wide, seed=3)
    for pair in range(60):
        exact = jaccard(shingles(texts[2 * pair], "en"), shingles(texts[2 * pair + 1], "en"))
        estimated = (signatures[2 * pair] == signatures[2 * pair + 1]).mean()
        assert abs(exact - estimated) < 0.08  # five standard deviations at 1,024 permutations


def test_width_case_and_space_do_not_tell_documents_apart() -> None:
    assert minhash.normalised("ＡＢＣ ｶﾀｶﾅ\n  Iron") == minhash.normalised("abc カタカナ iron")


def test_japanese_is_compared_by_characters_and_english_by_words() -> None:
    assert len(minhash.shingle_hashes("鉄を打つ音", "ja", 5)) == 1
    assert len(minhash.shingle_hashes("鉄を打つ音が", "ja", 5)) == 2
    assert len(minhash.shingle_hashes("the sound of iron being struck", "en", 5)) == 2


@pytest.mark.parametrize("text", ["", "鉄"])
def test_a_text_shorter_than_a_shingle_has_a_signature(text: str) -> None:
    assert minhash.signatures([(text, "ja"), (sentences.japanese(1), "ja")], CONFIG, seed=1).shape == (2, 128)


def test_the_same_seed_gives_the_same_signatures_whatever_the_batch() -> None:
    texts = [(minhash.normalised(sentences.japanese(number)), "ja") for number in range(20)]
    whole = minhash.signatures(texts, CONFIG, seed=5)
    halves = np.concatenate(
        [minhash.signatures(texts[:7], CONFIG, seed=5), minhash.signatures(texts[7:], CONFIG, seed=5)]
    )
    assert np.array_equal(whole, halves)
    assert not np.array_equal(whole, minhash.signatures(texts, CONFIG, seed=6))

import random

import datasketch
import numpy as np
import pytest
import sentences

from tanren_kernels.contract import MinHashConfig
from tanren_kernels.corpus import minhash
from tanren_kernels.deduplicate import first_of_equal

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
def test_planted_duplicates_are_found_as_by_datasketch(language: str) -> None:
    texts = planted(language, 150, random.Random(1))
    sets = [shingles(text, language) for text in texts]
    signatures = minhash.signatures([(minhash.normalised(text), language) for text in texts], CONFIG, seed=1)
    first = minhash.clusters(signatures, CONFIG)

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
    ours = sum(first[copy] == original for original, copy in near)
    theirs = sum(original in index.query(peers[copy]) for original, copy in near)
    assert ours >= 0.92 * len(near)
    assert ours >= theirs - 0.03 * len(near)

    dropped = [(int(original), copy) for copy, original in enumerate(first) if original != copy]
    assert all(jaccard(sets[original], sets[copy]) >= 0.65 for original, copy in dropped)


def test_the_share_of_equal_values_estimates_the_similarity() -> None:
    texts = planted("en", 60, random.Random(2))
    wide = CONFIG.model_copy(update={"permutations": 1024})
    signatures = minhash.signatures([(text, "en") for text in texts], wide, seed=3)
    for pair in range(60):
        exact = jaccard(shingles(texts[2 * pair], "en"), shingles(texts[2 * pair + 1], "en"))
        estimated = (signatures[2 * pair] == signatures[2 * pair + 1]).mean()
        assert abs(exact - estimated) < 0.08  # five standard deviations at 1,024 permutations


def test_a_candidate_below_the_similarity_is_no_duplicate() -> None:
    signatures = np.arange(3 * 128, dtype=np.uint32).reshape(3, 128)
    signatures[1, :8] = signatures[0, :8]  # one whole band agrees, the rest does not
    signatures[2, :110] = signatures[0, :110]
    assert minhash.clusters(signatures, CONFIG).tolist() == [0, 1, 0]


def test_clusters_are_closed_and_named_by_their_first_document() -> None:
    signatures = np.arange(4 * 128, dtype=np.uint32).reshape(4, 128)
    signatures[3, :] = signatures[1, :]
    signatures[2, :110] = signatures[3, :110]
    signatures[0, 20:] = signatures[2, 20:]
    assert minhash.clusters(signatures, CONFIG).tolist() == [0, 0, 0, 0]


def test_many_equal_documents_are_one_cluster() -> None:
    signatures = np.zeros((3_000, 128), dtype=np.uint32)
    assert not minhash.clusters(signatures, CONFIG).any()


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


def test_equal_keys_are_found_wherever_they_are() -> None:
    keys = np.asarray([[5, 1], [2, 2], [5, 1], [5, 2], [2, 2], [5, 1]], dtype=np.uint64)
    assert first_of_equal(keys).tolist() == [0, 1, 0, 3, 1, 0]

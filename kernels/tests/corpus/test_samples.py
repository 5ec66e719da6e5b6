"""A sample of the whole, found among the samples of its parts."""

import random

from tanren_kernels.corpus.samples import CHARACTERS, SAMPLES, Samples

DOCUMENTS = [
    (("rules", "too_short"), ("", ""))[number % 3 == 0] + (("ja", "en")[number % 2], f"web#{number}")
    for number in range(500)
]


def sampled(documents: list[tuple[str, str, str, str]], seed: int = 1) -> list[dict[str, object]]:
    samples = Samples(seed)
    for step, reason, language, id in documents:
        samples.offer(step, reason, language, id, f"text of {id}", source="web", url="", score=None)
    return list(samples.rows())


def test_a_sample_does_not_depend_on_order_or_on_how_the_documents_were_divided() -> None:
    whole = sampled(DOCUMENTS)
    assert len(whole) == 4 * SAMPLES
    mixed = random.Random(1).sample(DOCUMENTS, len(DOCUMENTS))
    assert sampled(mixed) == whole
    merged = Samples(0)
    for part in range(7):
        merged.add(sampled(mixed[part::7]))
    assert list(merged.rows()) == whole
    assert sampled(DOCUMENTS, seed=2) != whole


def test_each_row_is_bounded_and_has_nothing_that_is_not_known() -> None:
    samples = Samples(1)
    samples.offer("", "", "ja", "i" * 5_000, "鉄" * 5_000, url="u" * 5_000, score=0.5, source="")
    (row,) = samples.rows()
    assert row["characters"] == 5_000 and "source" not in row and row["score"] == 0.5
    assert {len(str(row[name])) for name in ("id", "text", "url")} == {CHARACTERS}
